"""First residence permit (居住证首次申领), on the ground of employment, of a home, or of study.

Online without a visit: registers supply what law asks for, photos of papers what no register knows (居住证暂行条例 art
9); the card comes by EMS.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import Schema

from citizen_services.cases import decisions
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    ChoiceField,
    Clocks,
    ConfirmField,
    Doc,
    Door,
    Effect,
    Equals,
    Facts,
    Group,
    Guard,
    Guide,
    IsIn,
    Material,
    Period,
    PreCheck,
    ServiceItem,
    State,
    Step,
    Supplier,
    TextField,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.registers.operations import give_card, grant_permit, void_card
from citizen_services.registers.queries import homes_of
from citizen_services.rules.dates import chinese_full_day, half_year_after
from workflows import card_making, collecting, permit_ending, permit_grounds, reviewing
from workflows.permit_grounds import (
    BUSINESS,
    BUSINESS_LINES,
    HISTORY,
    PERSON,
    continuous_since,
    earning,
    employed_on,
    migrant,
    of_age,
    registered,
)
from workflows.posting import DeliverySchema
from workflows.sources import migrant_regulation, permit_regulation
from workflows.telling import turn

PORTRAIT = Supplier("population", "portrait")


# --- Conditions ---------------------------------------------------------------------------------------------------


def exempt(data: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether somebody declares that the half year is not asked of them (浙江省流动人口居住登记条例 art 16)."""
    return data.get("exemption", {}).get("exempt_as") in dict(EXEMPTIONS)


def _half_year(facts: Facts) -> Verdict:
    if exempt(facts.data):
        why = f"您按{dict(EXEMPTIONS)[facts.data['exemption']['exempt_as']]}申领，不要求住满半年，由民警核实证明。"
        return Verdict(False, why, certain=False)
    since = continuous_since(facts)
    if since is None:
        return Verdict(False, "您还没有居住登记，居住时间从登记当天起算。", "请先办理居住登记。")
    first_day = half_year_after(since)
    if facts.today >= first_day:
        return Verdict(True)
    unknown = (facts.answers.get(HISTORY.key) or {}).get("outcome") == "unavailable"
    return Verdict(
        False,
        f"您的居住登记从{chinese_full_day(since)}起算，还未满半年。",
        f"从{chinese_full_day(first_day)}起可以申领，届时我们会在这里为您开放申请。如果您更早在浙江其他地方登记过而这里没有算上，请致电服务热线。",
        from_day=first_day,
        certain=not unknown,
    )


def _no_permit(facts: Facts) -> Verdict:
    history = (facts.answers.get(HISTORY.key) or {}).get("content") or {}
    ours = any(permit["state"] != "ended" for permit in facts.permits)
    theirs = any(
        permit["district"] in facts.city_area | {facts.district}
        and permit.get("state", "valid") == "valid"
        # One that we wrote is in our own register: ended there, it has ended.
        and permit.get("written_ref") is None
        for permit in history.get("permits", ())
    )
    if not ours and not theirs:
        return Verdict(True)
    return Verdict(
        False,
        "您已有本市市区签发的居住证，不需要重复申领。",
        "居住证每满一年签注一次；遗失的在网上补领；地址变更、损坏请到居住地派出所办理，一次办完。",
    )


# --- Form ---------------------------------------------------------------------------------------------------------


#: Of whom the half year is not asked: the law leaves it to each county to say who they are in detail, so an officer
#: judges the proof.
EXEMPTIONS = (("talent", "引进人才"), ("investor", "投资创业人员"))


class ExemptionSchema(Schema):
    """Why the half year is not asked of somebody."""

    exempt_as = ChoiceField(
        "不受半年限制的理由",
        (
            ("talent", "引进人才", "有人才认定证书、引进批准文件等"),
            ("investor", "投资创业人员", "在本区投资办企业，或者自己开店经营"),
        ),
    )
    exempt_document = TextField(
        "证书或文件的名称和编号", hint="例如：高层次人才证书 甬才〔2026〕0123 号", most=60, required=False
    )


class InvestmentSchema(Schema):
    """The business that the market register knows, to be confirmed."""

    investment_correct = ConfirmField("经营主体信息", yes="信息无误", no="信息有误")
    investment_remark = TextField(
        "情况说明", hint="没有查到或有误的，请写明实际情况", most=100, lines=True, required=False
    )


class PortraitSchema(Schema):
    """The portrait of the population register, to be printed on the card."""

    portrait_correct = ConfirmField("证件照片", yes="使用这张照片", no="不是本人或已不像本人")


# --- Guards and effects -------------------------------------------------------------------------------------------


def _grant(situation: Situation, change: Change) -> None:
    grant_permit(
        change,
        counted_from=_lived_since(situation),
        citizen_id=situation.citizen.id,
        case_id=situation.case_id,
        issued_on=situation.today,
        issued_by=parts().settings.bureau,
        district=situation.district,
        ground=situation.data["ground"]["ground"],
        address=situation.home.address if situation.home else "",
    )


def _lived_since(situation: Situation) -> date | None:
    """The day from which the permit's years are counted where that is not its day of issue."""
    if parts().settings.permit_years_from == "issue":
        return None
    return continuous_since(
        Facts(
            today=situation.today,
            birth_date=situation.citizen.birth_date,
            hukou_code=situation.citizen.hukou_code,
            district=situation.district,
            answers=situation.answers,
            registrations=[home._asdict() for home in homes_of(situation.citizen.id)],
        )
    )


def _give_card(situation: Situation, change: Change) -> None:
    number = card_making.card_number(situation)
    give_card(change, situation.case_id, number, replaces=bool(situation.results.get("lost_cards")))


def _void_card(situation: Situation, change: Change) -> None:
    void_card(change, situation.case_id)


def _still_registered(situation: Situation) -> bool:
    return situation.home is not None


def _route(situation: Situation) -> str:
    return situation.home.office_code if situation.home else ""


VOUCHER = Doc(
    "voucher",
    "受理凭证",
    (
        "{name}：您申请的“{item}”（办件编号{number}）于{at}受理。",
        "已收到：{taken}。{shared}",
        "承诺办结日期：{due}前。证件将通过 EMS 寄到您填写的地址，须本人签收。",
        "办理进度可在微信公众号“我的办件”中查看。对办理过程有意见的，可拨打服务热线或 12345 反映。",
        "{office}",
    ),
)

REFUSED = Doc(
    "refused",
    "不予签发居住证决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}），经审查决定不予签发。",
        "理由：{reasons}",
        "依据：{ground}。",
        decisions.REMEDIES,
        "{issuer}　{at}",
    ),
    served=True,
)

ITEM = ServiceItem(
    code="residence-permit-first",
    name="居住证首次申领",
    version=2,
    continues=(1,),
    legal_basis=(permit_regulation("第二条、第九条"), migrant_regulation("第十六条至第十八条")),
    guide=Guide(
        summary="在本区登记居住满半年，有稳定就业、住所或连续就读的外地户籍人员，网上申领，EMS 送到家，一次也不用跑。",
        audience="户籍不在本市市区、在本区居住登记满半年，有合法稳定就业、合法稳定住所或连续就读的人员；引进人才、投资创业人员不受半年限制",
        result="居住证（卡片，EMS 寄送）",
        fee="首次申领免费，邮寄费由公安机关承担",
        keeps="申请资料随办件归档保存，仅用于居住证的审核、制作、签发和法律规定的公共服务。",
        words=("居住证|暂住证|居住卡|暂住卡", "居住证|暂住证 申领|申请|首次|第一次|新办", "办证|领证件|居留证"),
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(
        PreCheck("migrant", "户籍不在本市市区", migrant_regulation("第二条"), migrant),
        PreCheck("age", "年满16周岁（未满的由监护人代办）", permit_regulation("第九条"), of_age),
        PreCheck("registered", "已在本区办理居住登记", migrant_regulation("第十六条"), registered),
        PreCheck(
            "half_year", "居住登记满半年（引进人才、投资创业人员除外）", migrant_regulation("第十六条"), _half_year,
            excuse=("exemption", "exempt_as"),
        ),
        PreCheck("employed", "有合法稳定就业、合法稳定住所或连续就读", permit_regulation("第二条"), earning),
        PreCheck("no_permit", "没有本市市区签发的有效居住证", permit_regulation("第十条"), _no_permit),
    ),
    groups=(
        Group(
            "exemption", "不受半年限制的理由", ExemptionSchema(),
            when=IsIn("exemption", "exempt_as", ("talent", "investor")),
            intro="引进人才、投资创业人员申领居住证，不要求住满半年。民警会核实您的证明。",
        ),
        Group(
            "investment", "核对经营主体", InvestmentSchema(), when=Equals("exemption", "exempt_as", "investor"),
            intro="以下信息来自市场主体登记，不需要您提供证明。", confirms="investment",
        ),
        *permit_grounds.GROUPS,
        Group(
            "portrait", "核对证件照片", PortraitSchema(),
            intro="照片来自人口信息库，将印在居住证上。", confirms="portrait",
        ),
        Group("delivery", "证件寄到哪里", DeliverySchema(), intro="证件制好后由 EMS 免费寄送，须本人签收。"),
    ),
    materials=(
        Material("identity", "居民身份证", permit_regulation("第九条"), (PERSON,)),
        Material(
            "portrait", "本人相片", permit_regulation("第九条"), (PORTRAIT,), shown_as=(("证件照片", "portrait"),)
        ),
        Material("residence", "居住登记", migrant_regulation("第十六条"), (HISTORY,)),
        Material(
            "talent_proof", "人才证明材料", migrant_regulation("第十六条"), upload=True,
            kinds=(
                ("certificate", "人才认定证书"), ("approval", "引进人才的批准文件"), ("title", "职称或者职业资格证书"),
                ("degree", "学历学位证书"), ("other", "其他人才证明"),
            ),
            when=Equals("exemption", "exempt_as", "talent"),
        ),
        Material(
            "investment", "经营主体登记", migrant_regulation("第十六条"), (BUSINESS,), shown_as=BUSINESS_LINES,
            when=Equals("exemption", "exempt_as", "investor"), proves=employed_on,
        ),
        Material(
            "investment_proof", "投资创业证明材料", migrant_regulation("第十六条"), upload=True,
            kinds=(("licence", "营业执照"), ("agreement", "投资协议"), ("other", "其他投资创业证明")),
            when=Equals("exemption", "exempt_as", "investor"), unless_confirmed="investment",
        ),
        *permit_grounds.MATERIALS,
    ),
    states=(
        reviewing.SUBMITTED,
        reviewing.CORRECTING,
        reviewing.ACCEPTED,
        *card_making.STATES,
        State("refused", "不予签发", "没有批准，理由和救济途径写在决定书里。", final=True),
        *reviewing.ENDINGS,
    ),
    steps=(
        *reviewing.steps(
            VOUCHER,
            Step(
                "accepted", "approve", "approved", reviewing.APPROVER, "批准", "已批准",
                guard=(decisions.not_sent_back,), then=(Effect("grant_permit", _grant),),
                tell=turn(
                    "approved", "申请已批准",
                    text="您申请的{item}（{number}）已批准，正在制证，制好后由 EMS 寄出。",
                    hint="已批准，制好后由EMS寄出",
                    sms="您申请的{item}已批准，编号{number}，证件制好后由EMS寄到您填写的地址。",
                ),
            ),
            reviewing.refusing(
                "不予签发", REFUSED,
                turn(
                    "refused", "申请不予签发",
                    text="您申请的{item}（{number}）不予签发，理由和救济途径见决定书。",
                    hint="理由和救济途径见决定书",
                    sms="您申请的{item}不予签发，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
                    must_be_known=True,
                ),
            ),
            guard=(Guard("registered", "您的居住登记已经变化，请重新办理居住登记后再申请。", _still_registered),),
        ),
        *card_making.steps(
            Effect("give_card", _give_card), Effect("void_card", _void_card), collecting.FIRST_PERMIT
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(2, "working"), Period(15, "calendar"), permit_regulation("第九条")),
    route=_route,
    documents=(VOUCHER, reviewing.CORRECTION, reviewing.DECLINED, REFUSED, reviewing.LAPSED, *permit_ending.DOCUMENTS),
    commitment="我承诺所填内容和所确认的信息真实、准确，并知晓骗领居住证须承担法律责任。",
    number_prefix="JZ",
)  # fmt: skip

EARLIER = (permit_ending.without(ITEM),)
