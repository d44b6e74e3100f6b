"""Seven services of the driving licence by mail (order 162), each handed to the national platform.

Which seven they are in this district, and what order 172 changed, is the bureau's to check; doors, windows, fees and
periods are those of the articles named.
"""

from __future__ import annotations

from datetime import date, timedelta

from marshmallow import Schema

from citizen_services.catalogue import (
    ChoiceField,
    Facts,
    Fee,
    Group,
    Guide,
    Material,
    OldDocument,
    Param,
    PreCheck,
    TextField,
    Verdict,
)
from citizen_services.rules.dates import chinese_date
from workflows import traffic
from workflows.one_stop import LICENCE, MEDICAL, MEDICAL_CERTIFICATE, VIOLATIONS, fit_to_drive
from workflows.posting import DeliverySchema
from workflows.residence_permit import PORTRAIT, PortraitSchema
from workflows.sources import licence_rules

#: 发改价格〔2004〕2831号 (secondary); set on the page of parameters.
_TARIFF = "发改价格〔2004〕2831号"
_FEE = Fee("驾驶证工本费", (Param("licence", 1000, (0, 10_000), _TARIFF, "驾驶证工本费"),))
_KEEPS = "申请资料转交交管综合平台，随办件归档保存，仅用于机动车驾驶证的管理。"
_POSTED = traffic.Posted(traffic.LICENCES, "驾驶证", (traffic.FETCH_OF_ELSEWHERE,))
_OLD = OldDocument("原驾驶证", licence_rules("第六十四条、第七十条"))


def _licence(place: str) -> Material:
    lines = (("证号", "number"), ("准驾车型", "classes"), ("有效期至", "valid_until"), ("发证机关", "issuer_name"))
    return Material("licence", "机动车驾驶证", licence_rules(place), (LICENCE,), shown_as=lines)


_PORTRAIT = Material(
    "portrait", "证件照片", licence_rules("第七十条"), (PORTRAIT,), shown_as=(("证件照片", "portrait"),)
)
_MATTERS = Material("violations", "交通违法和事故处理情况", licence_rules("第七十二条"), (VIOLATIONS,))
_MEDICAL = Material(
    "medical", "身体条件证明", licence_rules("第八十五条"), (MEDICAL_CERTIFICATE,), proves=fit_to_drive,
)  # fmt: skip

_HAS = PreCheck("licence_good", "有驾驶证，没有被扣押、吊销、注销", licence_rules("第六十八条"), traffic.licence_good)
_NOTHING_OPEN = PreCheck(
    "nothing_open", "没有未处理完的交通违法和事故", licence_rules("第七十二条、第七十三条"), traffic.nothing_open
)
_ELSEWHERE = PreCheck(
    "elsewhere_settled", "外地签发的，没有未处理完的交通违法和事故", licence_rules("第六十四条、第七十条"),
    traffic.elsewhere_settled,
)  # fmt: skip
_UNDER_70 = PreCheck(
    "under_70", "未满70周岁（年满的到窗口做能力测试）", licence_rules("第七十二条"), traffic.young_enough
)

_CONFIRM_PORTRAIT = Group(
    "portrait", "核对证件照片", PortraitSchema(), confirms="portrait",
    intro="照片来自人口信息库，将印在新的驾驶证上。",
)  # fmt: skip
_DELIVERY = Group("delivery", "驾驶证寄到哪里", DeliverySchema(), intro="制好后由 EMS 寄送，须本人签收。")


def _medical_fit(facts: Facts) -> Verdict:
    """A certificate of the last six months says fit (order 162 art 85)."""
    answer = facts.answers.get(MEDICAL_CERTIFICATE.key)
    if answer is None or answer["outcome"] == "unavailable":
        return Verdict(True, certain=False)
    if answer["outcome"] == "found" and fit_to_drive(answer["content"], facts.today):
        return Verdict(True)
    return Verdict(False, "没有查到六个月内的体检合格证明。", MEDICAL.todo)


_FIT = PreCheck("medical_fit", "六个月内体检合格", licence_rules("第八十五条"), _medical_fit)


class DeclareSchema(Schema):
    """What somebody declares of their condition (申报身体条件)."""

    condition = ChoiceField(
        "身体条件",
        (("fit", "没有妨碍安全驾驶的疾病", "器质性心脏病、癫痫、眩晕、痴呆等"), ("other", "有变化，需要说明")),
    )
    condition_remark = TextField("情况说明", most=200, lines=True, required=False)


class DamageSchema(Schema):
    """What became of the licence."""

    damage = ChoiceField("驾驶证怎样损坏的", (("torn", "破损"), ("illegible", "字迹、照片看不清"), ("other", "其他")))


class LossSchema(Schema):
    """How it was lost."""

    loss = ChoiceField("驾驶证是怎样丢失的", (("lost", "遗失"), ("stolen", "被盗"), ("other", "其他")))


class ChangeSchema(Schema):
    """Which entry of the licence changed."""

    changed = ChoiceField("哪一项变了", (("name", "姓名"), ("number", "公民身份号码"), ("address", "住址")))
    changed_remark = TextField("变更后的内容", hint="按户口簿或居民身份证填写", most=100)


class PostponeSchema(Schema):
    """What is put off, why, and until when."""

    matter = ChoiceField("延期办理什么", (("renew", "期满换证"), ("review", "审验"), ("medical", "提交身体条件证明")))
    reason = ChoiceField("为什么", (("service", "服兵役"), ("abroad", "出国（境）"), ("other", "其他")))
    reason_remark = TextField("说明和证明文件", hint="例如：入伍通知书、护照签证页的编号", most=200, lines=True)


RENEW = traffic.item(
    "licence-renew", "驾驶证期满换证", "QH",
    (licence_rules("第六十三条、第七十条"),),
    Guide(
        summary="驾驶证到期前90天内在手机上换证，体检结果由医院直接上传，新证 EMS 送到家。",
        audience="驾驶证在90天内到期，或到期不满一年的驾驶人；年满70周岁的到窗口",
        result="机动车驾驶证（EMS 寄送）；电子驾驶证同时更新",
        fee="驾驶证工本费10元",
        keeps=_KEEPS,
        words=("驾驶证|驾照 换证|到期|期满|过期", "期满换证|驾照换证"),
    ),
    groups=(
        Group("condition", "申报身体条件", DeclareSchema(), confirms="licence"),
        _CONFIRM_PORTRAIT,
        _DELIVERY,
    ),
    materials=(_licence("第六十三条"), _PORTRAIT, _MEDICAL, _MATTERS),
    pre_checks=(
        _HAS,
        PreCheck(
            "time_to_renew", "到期前90天内，或到期不满一年", licence_rules("第六十三条、第七十九条"),
            traffic.time_to_renew,
        ),
        _NOTHING_OPEN,
        _FIT,
        _UNDER_70,
    ),
    fee=_FEE, posted=_POSTED, old=_OLD, parts=(MEDICAL,),
)  # fmt: skip

REPLACE_DAMAGED = traffic.item(
    "licence-replace-damaged", "驾驶证损毁换证", "QS",
    (licence_rules("第六十六条、第六十八条"),),
    Guide(
        summary="驾驶证坏了、看不清，在手机上换，新证 EMS 送到家。",
        audience="驾驶证损毁无法辨认的驾驶人",
        result="机动车驾驶证（EMS 寄送）",
        fee="驾驶证工本费10元",
        keeps=_KEEPS,
        words=("驾驶证|驾照 坏|损坏|损毁|破损|看不清", "损毁换证"),
    ),
    groups=(Group("damage", "损坏情况", DamageSchema(), confirms="licence"), _CONFIRM_PORTRAIT, _DELIVERY),
    materials=(_licence("第六十六条"), _PORTRAIT, _MATTERS),
    pre_checks=(_HAS, _ELSEWHERE),
    fee=_FEE, posted=_POSTED, old=_OLD,
)  # fmt: skip

REPLACE_LOST = traffic.item(
    "licence-replace-lost", "驾驶证遗失补证", "QY",
    (licence_rules("第六十九条"),),
    Guide(
        summary="驾驶证丢了，在手机上补，原证作废，新证 EMS 送到家。",
        audience="驾驶证遗失、被盗的驾驶人；被扣押、扣留、暂扣期间不能补",
        result="机动车驾驶证（EMS 寄送）",
        fee="驾驶证工本费10元",
        keeps=_KEEPS,
        words=("驾驶证|驾照 丢|掉了|遗失|被偷|补证|补办|补领", "遗失补证"),
    ),
    groups=(Group("loss", "丢失情况", LossSchema(), confirms="licence"), _CONFIRM_PORTRAIT, _DELIVERY),
    materials=(_licence("第六十九条"), _PORTRAIT, _MATTERS),
    pre_checks=(_HAS, _ELSEWHERE),
    fee=_FEE, posted=traffic.Posted(traffic.LICENCES, "驾驶证"),
    commitment="我承诺驾驶证确已丢失，没有被扣押、扣留、暂扣；补证后原证作废，找回后交回。",
)  # fmt: skip


def _from_elsewhere(facts: Facts) -> Verdict:
    answer = facts.answers.get(LICENCE.key)
    if answer is None or answer["outcome"] != "found":
        return Verdict(True, certain=False)
    if not traffic.issued_here(answer["content"]):
        return Verdict(True)
    return Verdict(False, "您的驾驶证就是本市签发的。", "到期的请办“驾驶证期满换证”。", instead="不用转入")


TRANSFER_IN = traffic.item(
    "licence-transfer-in", "驾驶证转入换证", "QR",
    (licence_rules("第六十四条"),),
    Guide(
        summary="外地签发的驾驶证转到本地，在手机上办，旧证由快递员取回，新证 EMS 送到家。",
        audience="在本区居住、驾驶证由外地签发的驾驶人",
        result="机动车驾驶证（EMS 寄送）",
        fee="驾驶证工本费10元",
        keeps=_KEEPS,
        words=("驾驶证|驾照 转入|外地|转到", "转入换证"),
    ),
    groups=(Group("condition", "申报身体条件", DeclareSchema(), confirms="licence"), _CONFIRM_PORTRAIT, _DELIVERY),
    materials=(_licence("第六十四条"), _PORTRAIT, _MATTERS),
    pre_checks=(
        _HAS,
        PreCheck("from_elsewhere", "驾驶证由外地签发", licence_rules("第六十四条"), _from_elsewhere),
        _NOTHING_OPEN,
        _UNDER_70,
    ),
    fee=_FEE, posted=_POSTED, old=_OLD,
)  # fmt: skip

CHANGE = traffic.item(
    "licence-change", "驾驶证信息变更换证", "QB",
    (licence_rules("第六十六条、第六十八条"),),
    Guide(
        summary="姓名、身份证号、住址变了，30日内在手机上换证，旧证由快递员取回。",
        audience="驾驶证记载的信息变更的驾驶人",
        result="机动车驾驶证（EMS 寄送）",
        fee="驾驶证工本费10元",
        keeps=_KEEPS,
        words=("驾驶证|驾照 变更|改名|信息", "信息变更换证"),
    ),
    groups=(Group("change", "变更内容", ChangeSchema(), confirms="licence"), _CONFIRM_PORTRAIT, _DELIVERY),
    materials=(_licence("第六十六条"), _PORTRAIT, _MATTERS),
    pre_checks=(_HAS, _ELSEWHERE),
    fee=_FEE, posted=traffic.Posted(traffic.LICENCES, "驾驶证", (traffic.FETCH_ALWAYS,)), old=_OLD,
)  # fmt: skip

MEDICAL_REPORT = traffic.item(
    "licence-medical", "提交身体条件证明", "QT",
    (licence_rules("第七十四条"),),
    Guide(
        summary="体检合格后，医院上传的结果在手机上提交，不用到场。",
        audience="年满70周岁每年、C5驾驶人每三年提交一次身体条件证明的驾驶人",
        result="交管平台的记载",
        fee="不收费",
        keeps=_KEEPS,
        words=("体检|身体条件 提交|证明|驾驶证|驾照",),
    ),
    groups=(Group("condition", "申报身体条件", DeclareSchema(), confirms="licence"),),
    materials=(_licence("第七十四条"), _MEDICAL),
    pre_checks=(_HAS, _FIT),
    days=None, parts=(MEDICAL,),
)  # fmt: skip


def _issued_here(facts: Facts) -> Verdict:
    answer = facts.answers.get(LICENCE.key)
    if answer is None or answer["outcome"] != "found":
        return Verdict(True, certain=False)
    if traffic.issued_here(answer["content"]):
        return Verdict(True)
    where = answer["content"].get("issuer_name") or "发证地"
    return Verdict(
        False,
        f"延期由发证机关办理，您的驾驶证由{where}签发。",
        "请向发证机关申请，或者先办“驾驶证转入换证”。",
        instead="不能在本市办延期",
    )


def _not_too_late(facts: Facts) -> Verdict:
    answer = facts.answers.get(LICENCE.key)
    until = answer["content"]["valid_until"] if answer and answer["outcome"] == "found" else None
    if until is None or facts.today <= date.fromisoformat(until) + timedelta(days=365):
        return Verdict(True, certain=until is not None)
    why = f"您的驾驶证{chinese_date(date.fromisoformat(until))}到期，已经超过一年。"
    return Verdict(False, why, "请到车管所问清楚怎样恢复。", instead="不能再延期")


POSTPONE = traffic.item(
    "licence-postpone", "驾驶证延期办理", "QQ",
    (licence_rules("第七十五条"),),
    Guide(
        summary="服兵役、出国（境）等不能按时换证、审验、体检的，在手机上申请延期，最长三年；延期期间不能驾驶机动车。",
        audience="本市签发、在有效期内或到期不满一年的驾驶人",
        result="交管平台的记载",
        fee="不收费",
        keeps=_KEEPS,
        words=("驾驶证|驾照 延期|当兵|出国", "延期换证|延期审验"),
    ),
    groups=(Group("postpone", "延期事项", PostponeSchema(), confirms="licence"),),
    materials=(_licence("第七十五条"),),
    pre_checks=(
        _HAS,
        PreCheck("issued_here", "驾驶证由本市签发", licence_rules("第七十五条"), _issued_here),
        PreCheck("not_too_late", "在有效期内，或到期不满一年", licence_rules("第七十五条"), _not_too_late),
    ),
    days=None,
)  # fmt: skip

ITEMS = (RENEW, REPLACE_DAMAGED, REPLACE_LOST, TRANSFER_IN, CHANGE, MEDICAL_REPORT, POSTPONE)
