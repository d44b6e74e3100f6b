"""Another card of a residence permit for one that was lost (居住证补领); online, at no visit.

The lost card is void from the report on, whatever becomes of the application; the permit, its day of issue and its
years stay as they are. The new card comes by EMS.
"""

from __future__ import annotations

from marshmallow import Schema

from citizen_services.cases import decisions
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    ChoiceField,
    Clocks,
    Doc,
    Door,
    Effect,
    Fee,
    Group,
    Guard,
    Guide,
    Material,
    Param,
    Period,
    PreCheck,
    ServiceItem,
    State,
    Step,
    TextField,
)
from citizen_services.database import Change
from citizen_services.registers.operations import replace_card
from workflows import card_making, collecting, paying, permit_ending, permit_held, reviewing
from workflows.permit_grounds import HISTORY, PERSON, registered
from workflows.posting import DeliverySchema
from workflows.residence_permit import PORTRAIT, PortraitSchema
from workflows.sources import migrant_regulation, permit_regulation
from workflows.telling import turn

# --- Conditions ---------------------------------------------------------------------------------------------------


_has_card = permit_held.holds_card(
    "您的居住证还在制作中，没有可以补领的卡片。",
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


def _replace_card(situation: Situation, change: Change) -> None:
    replace_card(change, permit_held.permit_of(situation), card_making.card_number(situation))


_ANOTHER = Guard("another_card", "这是已挂失卡片的号码，请扫描新制的证件。", permit_held.is_another_card)

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

_FREE = ServiceItem(
    code="residence-permit-replace",
    name="居住证补领",
    version=2,
    continues=(1,),
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
                guard=(decisions.not_sent_back, permit_held.CURRENT, permit_held.HANDED_OVER),
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
                permit_held.REGISTERED, permit_held.CURRENT, permit_held.HANDED_OVER,
            ),
            then=(permit_held.REPORT_LOST,),
        ),
        *card_making.steps(
            Effect("replace_card", _replace_card), permit_held.REPORT_LOST, collecting.REPLACED_CARD,
            guard=(permit_held.CURRENT, _ANOTHER),
        ),
    ),
    clocks=Clocks(Period(1, "working"), Period(2, "working"), Period(15, "calendar"), permit_regulation("第九条")),
    route=permit_held.route,
    documents=(VOUCHER, reviewing.CORRECTION, reviewing.DECLINED, REFUSED, reviewing.LAPSED, *permit_ending.DOCUMENTS),
    commitment="我承诺原居住证确已丢失，所填内容真实、准确；原卡片自提交之日起作废，找回后交回公安机关。",
    number_prefix="BL",
)  # fmt: skip

#: 居住证暂行条例 art 11 lets a fee be taken for another card; the province's rate is not public, so that it is 0 until
#: the bureau sets it on the page of parameters.
FEE = Fee("居住证工本费", (Param("card", 0, (0, 10_000), permit_regulation("第十一条"), "居住证补领工本费"),))
ITEM = paying.charged(_FREE, FEE, version=3, by=reviewing.CLERK)

EARLIER = (_FREE, permit_ending.without(_FREE))
