"""Another address or workplace on a permit (居住证变更): at once where registers confirm it, the card is kept.

Due within ten days of the change (浙江省流动人口居住登记条例 art 13, 19); who comes later is served all the same. A new
address is registered first, which is done at once; from there it goes on to the permit.
"""

from __future__ import annotations

from dataclasses import replace

from marshmallow import Schema

from citizen_services.cases import decisions
from citizen_services.cases.effects import issue
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    SYSTEM,
    ChoiceField,
    Clocks,
    Doc,
    Door,
    Effect,
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
)
from citizen_services.database import Change
from citizen_services.registers.operations import change_permit
from citizen_services.registers.queries import current_registration
from workflows import permit_grounds, permit_held, reviewing
from workflows.permit_grounds import BUSINESS, EMPLOYMENT, HISTORY, PERSON, employed_on, registered
from workflows.sources import migrant_regulation
from workflows.telling import turn

_has_card = permit_held.holds_card(
    "您的居住证还在制作中，暂时不能变更。",
    "其他地方签发的居住证，请向签发地公安机关申报变更，或者到期时在本区签注后再办。",
)

# --- Form ---------------------------------------------------------------------------------------------------------


class ChangeSchema(Schema):
    """What has changed."""

    change = ChoiceField(
        "变更什么",
        (
            ("address", "居住地址", "以您最近一次居住登记的地址为准；还没有登记新住址的，请先办理居住登记，当场办结"),
            ("work", "服务处所（工作单位）", "社会保险或营业执照能查到的，免交证明"),
            ("both", "居住地址和服务处所"),
        ),
    )


_WORK = IsIn("change", "change", ("work", "both"))
#: The new employment, and its paper where no register shows it.
_OF_WORK = tuple(replace(one, when=_WORK) for one in permit_grounds.MATERIALS if one.code.startswith("employment"))

# --- Guards and effects -------------------------------------------------------------------------------------------


def _of(situation: Situation, what: str) -> bool:
    return situation.data["change"]["change"] in (what, "both")


def _has_moved(situation: Situation) -> bool:
    """Whether the address to be written, if one is, is another than the permit's."""
    home = situation.home
    return not _of(situation, "address") or (
        home is not None and home.address != permit_held.permit_of(situation).address
    )


def _shown_by_registers(situation: Situation) -> bool:
    """Whether nothing is left for an officer: the address was confirmed, and a register shows the workplace."""
    if _of(situation, "address"):
        home = current_registration(situation.citizen.id)
        if home is None or home.confirmed_by not in ("register", "officer"):
            return False
    if _of(situation, "work"):
        said = situation.data["employment"]["employment_correct"] == "yes"
        found = [situation.content(one.key) for one in (EMPLOYMENT, BUSINESS)]
        return said and any(one is not None and employed_on(one, situation.today) for one in found)
    return True


def _workplace(situation: Situation) -> str:
    """The workplace as a register knows it, where the person said that it is right; else in the person's words."""
    given = situation.data["employment"]
    if given["employment_correct"] == "yes":
        for supplier, name in ((EMPLOYMENT, "employer"), (BUSINESS, "business")):
            content = situation.content(supplier.key)
            if content is not None and employed_on(content, situation.today) and content.get(name):
                return str(content[name])
    return str(given.get("employment_remark") or "以所交证明材料为准")


def _change(situation: Situation, change: Change) -> None:
    home = situation.home
    if home is None:
        raise LookupError(f"case {situation.case_id} changes the permit of somebody who is not registered")
    told, workplace = [], _workplace(situation) if _of(situation, "work") else None
    if _of(situation, "address"):
        told.append(f"居住地址变更为：{home.address}")
    if workplace is not None:
        told.append(f"服务处所变更为：{workplace}")
    change_permit(
        change,
        permit_held.permit_of(situation),
        address=home.address if _of(situation, "address") else None,
        ground="employment" if workplace is not None else None,
        workplace=workplace,
    )
    situation.values["changed"] = "；".join(told)


_CHANGE = Effect("change_permit", _change, gives=("changed",))
_MOVED = Guard(
    "moved", "您登记的居住地址和居住证上的一样，没有变化。搬了家的，请先办理居住登记（当场办结）再来变更。", _has_moved
)

# --- Documents and notices ----------------------------------------------------------------------------------------

VOUCHER = Doc(
    "voucher",
    "受理凭证",
    (
        "{name}：您申请的“{item}”（办件编号{number}）于{at}受理。",
        "已收到：{taken}。{shared}",
        "承诺办结日期：{due}前。变更由系统记载，不换证，不需要您到场。",
        "办理进度可在微信公众号“我的办件”中查看。对办理过程有意见的，可拨打服务热线或 12345 反映。",
        "{office}",
    ),
)
CHANGED = Doc(
    "changed",
    "居住证变更凭证",
    (
        "{name}：您的居住证已变更（办件编号{number}）。",
        "{changed}。",
        "变更由系统记载，居住证卡片不更换，签注有效期不变。",
        "{issuer}　{at}",
    ),
)
REFUSED = Doc(
    "refused",
    "不予变更决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}），经审查决定不予变更。",
        "理由：{reasons}",
        "依据：{ground}。",
        decisions.REMEDIES,
        "{issuer}　{at}",
    ),
    served=True,
)
DONE = turn(
    "changed",
    "居住证已变更",
    text="您的居住证（{number}）已变更，不换证，签注有效期不变。变更凭证可在办件页查看。办得怎样，可在办件页评价。",
    hint="已变更，不换证",
    sms="您的居住证已变更，编号{number}，不换证。变更凭证请在微信公众号“我的办件”中查看。",
)
NOT_CHANGED = turn(
    "not_changed",
    "居住证不予变更",
    text="您申请的{item}（{number}）不予变更，理由和救济途径见决定书。",
    hint="理由和救济途径见决定书",
    sms="您申请的{item}不予变更，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
    must_be_known=True,
)

ITEM = ServiceItem(
    code="residence-permit-change",
    name="居住证变更",
    version=1,
    legal_basis=(migrant_regulation("第十三条"), migrant_regulation("第十九条")),
    guide=Guide(
        summary="搬了家、换了工作，10日内在手机上变更居住证；登记查得到的当场办结，不换证，不用跑。",
        audience="持有本区签发或签注过的居住证、在本区内变更居住地址或服务处所的人员",
        result="变更（系统记载，电子变更凭证）",
        fee="免费",
        keeps="申请资料随办件归档保存，仅用于居住证的审核、变更和法律规定的公共服务。",
        words=(
            "居住证变更|变更居住证|改居住证",
            "居住证|暂住证|证件|证 换|变 工作|单位|公司|厂",
            "居住证|暂住证 换|变|改|更新 住址|地址|住处",
            "换|变 工作|单位|公司|厂",
            "跳槽|离职|辞职|新单位|新公司|新厂",
        ),
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(
        PreCheck("permit", "持有本区签发或签注过的居住证", migrant_regulation("第十九条"), _has_card),
        PreCheck("registered", "在本区办理了居住登记", migrant_regulation("第十三条"), registered),
    ),
    groups=(
        Group("change", "变更事项", ChangeSchema(), intro="居住地址或服务处所有变化的，请在10日内申报变更。"),
        replace(permit_grounds.GROUPS[1], title="核对新的就业信息", when=_WORK),
    ),
    materials=(
        Material("identity", "居民身份证", migrant_regulation("第十九条"), (PERSON,)),
        Material("residence", "居住登记和居住证", migrant_regulation("第十九条"), (HISTORY,)),
        *_OF_WORK,
    ),
    states=(
        reviewing.SUBMITTED,
        reviewing.CORRECTING,
        reviewing.ACCEPTED,
        State("completed", "已变更", "居住证已变更，不换证。", final=True),
        State("refused", "不予变更", "没有变更，理由和救济途径写在决定书里。", final=True),
        *reviewing.ENDINGS,
    ),
    steps=(
        *reviewing.steps(
            VOUCHER,
            Step(
                "accepted", "approve", "completed", reviewing.APPROVER, "变更", "已变更",
                guard=(decisions.not_sent_back, permit_held.REGISTERED, permit_held.CURRENT),
                then=(_CHANGE, issue(CHANGED)), tell=DONE,
            ),
            reviewing.refusing("不予变更", REFUSED, NOT_CHANGED),
            guard=(permit_held.REGISTERED, permit_held.CURRENT, _MOVED),
        ),
        Step(
            "submitted", "complete", "completed", SYSTEM, "自动变更", "登记核对一致，已变更",
            guard=(
                permit_held.REGISTERED, permit_held.CURRENT,
                Guard("shown_by_registers", "登记没有证明变更的内容，由民警审核。", _shown_by_registers),
            ),
            then=(_CHANGE, issue(CHANGED)), tell=DONE, automatic=True,
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(2, "working"), None, None),
    route=permit_held.route,
    documents=(VOUCHER, reviewing.CORRECTION, reviewing.DECLINED, CHANGED, REFUSED, reviewing.LAPSED),
    commitment="我承诺所填内容和所确认的信息真实、准确。",
    number_prefix="BG",
)  # fmt: skip
