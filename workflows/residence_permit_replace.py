"""Another card of a residence permit for one that was lost (居住证补领); online, at no visit.

The lost card is void from the report on, whatever becomes of the application; the permit, its day of issue and its
years stay as they are. The new card comes by EMS.
"""

from __future__ import annotations

from marshmallow import Schema

from citizen_services.cases import decisions
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.queries import own_case
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    ChoiceField,
    Clocks,
    Doc,
    Door,
    Effect,
    Facts,
    Group,
    Guard,
    Guide,
    Material,
    Period,
    PreCheck,
    ServiceItem,
    State,
    Step,
    TextField,
    Verdict,
)
from citizen_services.database import Change
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import replace_card, report_card_lost
from citizen_services.registers.queries import current_permit
from workflows import card_making, collecting, reviewing
from workflows.permit_grounds import HISTORY, PERSON, registered
from workflows.posting import DeliverySchema
from workflows.residence_permit import PORTRAIT, PortraitSchema
from workflows.sources import migrant_regulation, permit_regulation
from workflows.telling import turn

# --- Conditions ---------------------------------------------------------------------------------------------------


def _has_card(facts: Facts) -> Verdict:
    ours = [permit for permit in facts.permits if permit["state"] != "ended"]
    if any(permit["state"] == "current" for permit in ours):
        return Verdict(True)
    if ours:
        return Verdict(False, "您的居住证还在制作中，没有可以补领的卡片。", "证件在寄送途中丢失的，由我们免费补制。")
    return Verdict(
        False,
        "没有查到本区签发或签注过的居住证。",
        "其他地方签发的居住证，请向签发地公安机关补领，或者到期时在本区签注后再办。",
    )


# --- Form ---------------------------------------------------------------------------------------------------------


class LossSchema(Schema):
    """How the card was lost."""

    loss = ChoiceField(
        "居住证是怎样丢失的",
        (("lost", "遗失"), ("stolen", "被盗"), ("other", "其他")),
        hint="提交后原卡片立即作废，以后找到了也不能再用",
    )
    loss_remark = TextField("情况说明", hint="知道时间、地点的，请写明", most=100, lines=True, required=False)


# --- Guards and effects -------------------------------------------------------------------------------------------


def _still_registered(situation: Situation) -> bool:
    return situation.home is not None


def _is_current(situation: Situation) -> bool:
    ours = current_permit(situation.citizen.id)
    return ours is not None and ours.state == "current"


def _is_handed_over(situation: Situation) -> bool:
    """Whether the card has left the case that it was made for: until then its loss is ours to mend."""
    ours = current_permit(situation.citizen.id)
    if ours is None:
        return False
    try:
        return own_case(situation.citizen.id, ours.case_id).ended_at is not None
    except NoSuchCase:
        # The register outlives the case files.
        return True


def _is_another_card(situation: Situation) -> bool:
    ours = current_permit(situation.citizen.id)
    return ours is None or str(situation.given.get("card_number", "")).strip().upper() != ours.card_number


def _permit(situation: Situation) -> ResidencePermit:
    ours = current_permit(situation.citizen.id)
    if ours is None:
        raise LookupError(f"case {situation.case_id} replaces the card of a permit that nobody knows")
    return ours


def _report_lost(situation: Situation, change: Change) -> None:
    report_card_lost(change, _permit(situation), situation.today)


def _replace_card(situation: Situation, change: Change) -> None:
    replace_card(change, _permit(situation), card_making.card_number(situation))


def _route(situation: Situation) -> str:
    return situation.home.office_code if situation.home else ""


_CURRENT = Guard("permit_current", "申请人的居住证已经不在有效登记中，不能补领。", _is_current)
_HANDED_OVER = Guard(
    "handed_over", "您的居住证还在制作或寄送中，请在原来的办件中查看；途中丢失的由我们免费补制。", _is_handed_over
)
_ANOTHER = Guard("another_card", "这是已挂失卡片的号码，请扫描新制的证件。", _is_another_card)

# --- Documents and notices ----------------------------------------------------------------------------------------

VOUCHER = Doc(
    "voucher",
    "受理凭证",
    (
        "{name}：您申请的“{item}”（办件编号{number}）于{at}受理。",
        "已收到：{taken}。{shared}",
        "原居住证卡片自您提交申请之日起作废，找回也不能再用。电子居住证照常使用。",
        "承诺办结日期：{due}前。新证将通过 EMS 寄到您填写的地址，须本人签收。",
        "办理进度可在微信公众号“我的办件”中查看。对办理过程有意见的，可拨打服务热线或 12345 反映。",
        "{office}",
    ),
)
REFUSED = Doc(
    "refused",
    "不予补领居住证决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}），经审查决定不予补领。",
        "理由：{reasons}",
        "依据：{ground}。",
        decisions.REMEDIES,
        "{issuer}　{at}",
    ),
    served=True,
)

ITEM = ServiceItem(
    code="residence-permit-replace",
    name="居住证补领",
    version=1,
    legal_basis=(permit_regulation("第十一条"),),
    guide=Guide(
        summary="居住证丢了，手机上报失并补领：原卡片立即作废，新证 EMS 送到家，一次也不用跑。",
        audience="持有本区签发或签注过的居住证、卡片遗失或被盗的人员",
        result="居住证（卡片，EMS 寄送）",
        fee="目前不收费，邮寄费由公安机关承担",
        keeps="申请资料随办件归档保存，仅用于居住证的审核、制作、签发和法律规定的公共服务。",
        words=(
            "居住证|暂住证|证件|证 丢|掉了|不见|找不到|遗失|被偷|没了|补办|补领|挂失",
            "补证|补领|补办|挂失|遗失",
        ),
    ),
    doors=(Door("online", 0), Door("counter", 1)),
    pre_checks=(
        PreCheck("permit", "持有本区签发或签注过的居住证", permit_regulation("第十一条"), _has_card),
        PreCheck("registered", "在本区办理了居住登记", migrant_regulation("第十三条"), registered),
    ),
    groups=(
        Group(
            "loss", "报失", LossSchema(),
            intro="提交申请就是报失：原卡片立即作废，新证制好前可以使用电子居住证。",
        ),
        Group(
            "portrait", "核对证件照片", PortraitSchema(),
            intro="照片来自人口信息库，将印在新的居住证上。", confirms="portrait",
        ),
        Group("delivery", "证件寄到哪里", DeliverySchema(), intro="证件制好后由 EMS 免费寄送，须本人签收。"),
    ),
    materials=(
        Material("identity", "居民身份证", permit_regulation("第十一条"), (PERSON,)),
        Material(
            "portrait", "本人相片", permit_regulation("第九条"), (PORTRAIT,), shown_as=(("证件照片", "portrait"),)
        ),
        Material("residence", "居住登记和居住证", permit_regulation("第十一条"), (HISTORY,)),
    ),
    states=(
        reviewing.SUBMITTED,
        reviewing.CORRECTING,
        reviewing.ACCEPTED,
        *card_making.STATES,
        State("refused", "不予补领", "没有批准，理由和救济途径写在决定书里。", final=True),
        *reviewing.ENDINGS,
    ),
    steps=(
        *reviewing.steps(
            VOUCHER,
            Step(
                "accepted", "approve", "approved", reviewing.APPROVER, "批准", "已批准",
                guard=(decisions.not_sent_back, _CURRENT),
                tell=turn(
                    "approved", "申请已批准",
                    text="您申请的{item}（{number}）已批准，正在制证，制好后由 EMS 寄出。",
                    hint="已批准，制好后由EMS寄出",
                    sms="您申请的{item}已批准，编号{number}，证件制好后由EMS寄到您填写的地址。",
                ),
            ),
            reviewing.refusing(
                "不予补领", REFUSED,
                turn(
                    "not_replaced", "居住证不予补领",
                    text="您申请的{item}（{number}）不予补领，理由和救济途径见决定书。",
                    hint="理由和救济途径见决定书",
                    sms="您申请的{item}不予补领，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
                    must_be_known=True,
                ),
            ),
            guard=(
                Guard("registered", "您的居住登记已经变化，请重新办理居住登记后再申请。", _still_registered),
                _CURRENT, _HANDED_OVER,
            ),
            then=(Effect("report_lost", _report_lost),),
        ),
        *card_making.steps(
            Effect("replace_card", _replace_card), Effect("report_lost", _report_lost), collecting.REPLACED_CARD,
            guard=(_CURRENT, _ANOTHER),
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(2, "working"), Period(15, "calendar"), permit_regulation("第九条")),
    route=_route,
    documents=(VOUCHER, reviewing.CORRECTION, reviewing.DECLINED, REFUSED, reviewing.LAPSED),
    commitment="我承诺原居住证确已丢失，所填内容真实、准确；原卡片自提交之日起作废，找回后交回公安机关。",
    number_prefix="BL",
)  # fmt: skip
