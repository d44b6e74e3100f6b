"""What can become of a result that was given to EMS: the same states and steps for every service that posts one.

Whatever the courier does costs the citizen nothing: a parcel that comes back is sent again to the address that they
choose, or waits for them at the counter; a lost one is made again. Only the person's own signature ends the case by
itself; a signature by anybody else is a duty to check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from citizen_services.cases.effects import order_parcel, record_visit
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    APPLICANT,
    SYSTEM,
    Bring,
    By,
    ChoiceField,
    Effect,
    Guard,
    NameField,
    Notice,
    PhoneField,
    SmsTemplate,
    State,
    Step,
    TextField,
)
from citizen_services.database import Change
from workflows.telling import turn

CENTRE = By.staff("clerk", office="service_centre")
_WAYS = {"post": "EMS 重新寄送", "counter": "本人到行政服务中心领取"}
#: Of what is filled in for one of the ways only.
_TO_POST = "重新寄送时填"
_ADDRESS = ("receiver", "receiver_phone", "province", "city", "county", "postal_address")


# --- What is filled in --------------------------------------------------------------------------------------------


class DeliverySchema(Schema):
    """Where the card is sent by EMS."""

    receiver = NameField("收件人", hint="请填本人姓名，须本人签收", most=30, autocomplete="name")
    receiver_phone = PhoneField("收件人手机号码")
    province = TextField("省份", most=20, autocomplete="address-level1")
    city = TextField("城市", most=20, autocomplete="address-level2")
    county = TextField("区（县、市）", most=20, autocomplete="address-level3")
    postal_address = TextField("详细地址", hint="街道、小区、楼栋和房间号", most=80, autocomplete="street-address")


class LabelSchema(Schema):
    """The courier's number of the parcel: from its answer to the order, or scanned from the label at hand-over."""

    tracking = fields.String(
        required=True,
        error_messages={"required": "请扫描面单上的邮件号"},
        metadata={"label": "EMS 邮件号", "hint": "扫描面单条码，核对后交寄", "kind": "text", "maxlength": 20},
    )


class ReturnedLabelSchema(Schema):
    """The courier's number on a parcel that came back."""

    tracking = fields.String(
        required=True,
        error_messages={"required": "请扫描退回邮件面单上的邮件号"},
        metadata={"label": "退回邮件的邮件号", "hint": "扫描原面单条码，核对后入柜", "kind": "text", "maxlength": 20},
    )


class ChoiceSchema(Schema):
    """What is to become of a parcel that came back: posted to an address, or collected."""

    way = ChoiceField(
        "怎样取得证件",
        (
            ("post", "重新寄送", "免费，不用跑；请核对地址"),
            ("counter", "到窗口领取", "带身份证到行政服务中心"),
        ),
    )
    receiver = NameField("收件人", hint="须本人签收", most=30, required=False, optional=_TO_POST)
    receiver_phone = PhoneField("收件人手机号码", required=False, optional=_TO_POST)
    province = TextField("省份", most=20, required=False, optional=_TO_POST)
    city = TextField("城市", most=20, required=False, optional=_TO_POST)
    county = TextField("区（县、市）", most=20, required=False, optional=_TO_POST)
    postal_address = TextField("详细地址", hint="街道、小区、楼栋和房间号", most=80, required=False, optional=_TO_POST)

    @validates_schema
    def _whole_address(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("way") == "post":
            missing = {name: ["重新寄送请填写这一项"] for name in _ADDRESS if not data.get(name)}
            if missing:
                raise ValidationError(missing)


class NotedChoiceSchema(ChoiceSchema):
    """The same, written down by staff, who know what one person must bring besides."""

    also = TextField(
        "到窗口还要带什么",
        hint="只写这个人另外要带的，一行一样；没有的不填。申请人会逐样看到",
        most=300,
        lines=True,
        required=False,
        optional="到窗口领取时填",
    )


class CollectSchema(Schema):
    """The card that is handed over at the counter, scanned after its person showed who they are."""

    card_number = fields.String(
        required=True,
        error_messages={"required": "请扫描要交给本人的证件"},
        metadata={
            "label": "证件号码",
            "hint": "核对本人身份证件后，扫描卡面号码交付",
            "kind": "text",
            "maxlength": 32,
        },
    )


class EnquirySchema(Schema):
    """How a clerk came to know."""

    how = fields.String(
        required=True,
        validate=validate.Length(2, 200, error="请用 2 到 200 个字写明怎样核实的"),
        error_messages={"required": "请写明怎样核实的"},
        metadata={"label": "怎样核实的", "hint": "例如：电话联系本人，已拿到证件", "kind": "text", "maxlength": 200},
    )


# --- Guards and effects -------------------------------------------------------------------------------------------


def _same_label(situation: Situation) -> bool:
    return str(situation.given.get("tracking", "")).strip().upper() == situation.results.get("tracking")


def _same_card(situation: Situation) -> bool:
    return str(situation.given.get("card_number", "")).strip().upper() == situation.results.get("card_number")


def _is_back(situation: Situation) -> bool:
    return bool(situation.results.get("back"))


def _to_be_posted(situation: Situation) -> bool:
    return _is_back(situation) and situation.results.get("by_post") is True


def _name_tracking(situation: Situation, change: Change) -> None:
    situation.values["tracking"] = situation.results["tracking"]


def _take_back(situation: Situation, change: Change) -> None:
    situation.results["back"] = True


def _choose(situation: Situation, change: Change) -> None:
    way = situation.given["way"]
    situation.results["by_post"] = way == "post"
    situation.results["way"] = situation.values["way"] = _WAYS[way]
    if way == "post":
        address = {name: situation.given[name] for name in _ADDRESS}
        situation.data = {**situation.data, "delivery": address}
        situation.columns["data"] = situation.data


def comes(situation: Situation) -> bool:
    """Whether the person chose to come for it."""
    return situation.results.get("by_post") is False


def also_named(situation: Situation) -> tuple[str, ...]:
    """What staff named that this person brings besides, a thing a line."""
    lines = (line.strip(" \t；;。、") for line in str(situation.given.get("also") or "").splitlines())
    return tuple(line for line in lines if line)


def _forget_parcel(situation: Situation, change: Change) -> None:
    for name in ("tracking", "back", "by_post", "way"):
        situation.results.pop(name, None)


def _forget_card(situation: Situation, change: Change) -> None:
    _forget_parcel(situation, change)
    lost = situation.results.pop("card_number", None)
    situation.results["lost_cards"] = [*situation.results.get("lost_cards", ()), lost]


name_tracking = Effect("name_tracking", _name_tracking, gives=("tracking",))
_CHOOSE = Effect("choose_delivery", _choose, gives=("way",))
_TAKE_BACK = Effect("take_back", _take_back)
#: Whoever comes though they could have it posted chose to.
_VISIT = record_visit(comes)

_RIGHT_LABEL = Guard("right_label", "扫描的邮件号与这个办件的面单不一致，请核对面单。", _same_label)
_NOT_BACK = Guard("not_back", "这件退件已经登记入柜。", lambda situation: not _is_back(situation))
_BACK = Guard("back", "退回的证件还没有扫描入柜，请先登记退件。", _is_back)
_RIGHT_CARD = Guard("right_card", "扫描的证件不是这个办件的证件，请核对。", _same_card)
_POST_AGAIN = Guard("post_again", "退件还没有入柜，或申请人没有选择重新寄送。", _to_be_posted)


# --- What is told -------------------------------------------------------------------------------------------------

_REFUSED = turn(
    "parcel_refused", "快递显示拒收",
    text="您的证件（{number}）快递显示拒收，正在退回。如非本意，请拨打 11183 要求再次投递；"
    "也可以现在就在办件页选择新地址或到窗口领取，费用由我们承担。",
    hint="快递显示拒收，请选择怎样取证",
    sms="您的证件快递显示拒收，办件编号{number}。可拨打11183要求再投，或在微信公众号“我的办件”中改选地址，不收费。",
    must_be_known=True,
)  # fmt: skip
_RETURNING = turn(
    "parcel_returning", "证件正在退回",
    text="您的证件（{number}）没有投递成功，正在退回行政服务中心。您现在就可以在办件页选择新地址或到窗口领取，费用由我们承担。",
    hint="没有投递成功，请选择怎样取证",
    sms="您的证件未能投递，正在退回，办件编号{number}。请在微信公众号“我的办件”中选择新地址或到窗口领取，不收费。",
    must_be_known=True,
)  # fmt: skip
_BACK_AGAIN = turn(
    "parcel_returned", "证件已退回",
    text="您的证件（{number}）没有投递成功，已退回行政服务中心妥善保管。请在办件页选择新地址重新寄送（免费），或到窗口领取。",
    hint="证件已退回，请选择怎样取证",
    sms="您的证件未能投递，已退回并由我们保管，办件编号{number}。请在微信公众号“我的办件”中选择新地址或到窗口领取，不收费。",
    must_be_known=True,
)  # fmt: skip
_LOST = turn(
    "parcel_lost", "邮件丢失，正在补制",
    text="寄给您的证件（{number}）在邮寄途中丢失，我们将免费重新制作并寄给您，不需要您到场。丢失的证件已作废。",
    hint="邮件丢失，将免费补制寄出",
    sms="寄给您的证件在邮寄途中丢失，办件编号{number}。我们将免费重新制作并寄出，不需要您到场，丢失的证件已作废。",
    must_be_known=True,
)  # fmt: skip
_OTHER_SIGNED = turn(
    "parcel_checked", "请确认是否收到证件",
    text="您的证件（{number}）快递显示由他人代收。请在办件页确认是否已经拿到；没有收到的，我们负责查找或补制。",
    hint="他人代收，请确认是否收到",
    sms="您的证件快递显示由他人代收，办件编号{number}。请在微信公众号“我的办件”中确认是否收到，没有收到由我们查找。",
    must_be_known=True,
)  # fmt: skip
_CHOSEN = turn(
    "delivery_chosen", "已登记取证方式",
    text="您的证件（{number}）取证方式已登记：{way}。",
    hint="取证方式已登记",
    sms="您的证件取证方式已登记，办件编号{number}。重新寄送的，寄出后会再通知您。",
)  # fmt: skip


# --- The states and steps -----------------------------------------------------------------------------------------

STATES = (
    State(
        "returning", "退回途中", "证件正在退回。您可以现在就选择新地址或到窗口领取，不收费。", desk="service_centre"
    ),
    State(
        "returned", "已退回", "证件已退回，由行政服务中心保管。请选择重新寄送或到窗口领取，不收费。",
        desk="service_centre",
    ),
    State("checking", "签收核实", "快递显示他人代收，请确认您是否已经拿到证件。", desk="service_centre"),
    State("lost", "邮件丢失", "邮件在途中丢失，我们将免费重新制作并寄出，不需要您到场。", desk="service_centre"),
)  # fmt: skip


@dataclass(frozen=True)
class Keeper:
    """Who makes, posts and keeps a result: staff, the desk, and what citizens call the place.

    ``code`` sets the keys of its SMS templates apart; ``others_sign``: the result may be signed for by anybody.
    """

    by: By
    desk: str
    place: str
    code: str = ""
    others_sign: bool = False

    def words(self, notice: Notice) -> Notice:
        """A notice of posting with this place in it."""
        if not self.code or _PLACE not in notice.text + notice.sms_template.text:
            return notice
        sms = SmsTemplate(f"{notice.sms_template.key}_{self.code}", self._in(notice.sms_template.text))
        return replace(notice, code=f"{notice.code}_{self.code}", text=self._in(notice.text), sms_template=sms)

    def state(self, state: State) -> State:
        """A state of posting at this place."""
        return replace(state, waits_for=self._in(state.waits_for), desk=self.desk if state.desk else None)

    def _in(self, text: str) -> str:
        return text.replace(_PLACE, self.place)


_PLACE = "行政服务中心"
#: Somebody else signed: whether its person has it is to be asked.
CHECKING = "checking"
#: The service centre makes, posts and keeps what nobody else does.
THE_CENTRE = Keeper(CENTRE, "service_centre", _PLACE)


def steps(completed: Notice, void: Effect, bring: Bring, keeper: Keeper = THE_CENTRE) -> tuple[Step, ...]:
    """The steps from ``posted`` on, and back to ``made`` (sent again) or ``approved`` (made again).

    ``completed`` is told at the end; ``void`` makes a lost result void in its register; ``bring``
    says what whoever collects it at the counter needs.
    """
    by, words = keeper.by, keeper.words
    signed = [
        Step(state, "complete", "completed", SYSTEM, "签收办结", "本人签收，已办结", tell=completed)
        for state in ("posted", "returning", "checking", "lost")
    ]
    by_courier = [
        *(_courier(s, "parcel_refused", "returning", "快递显示拒收", words(_REFUSED)) for s in ("posted", "checking")),
        *(
            _courier(s, "parcel_returning", "returning", "证件正在退回", words(_RETURNING))
            for s in ("posted", "checking", "lost")
        ),
        *(
            _courier(s, "parcel_returned", "returned", "证件已退回", words(_BACK_AGAIN))
            for s in ("posted", "returning", "checking", "lost")
        ),
        *(
            _courier(s, "parcel_signed_by_other", "completed", "他人代收，已办结", completed)
            if keeper.others_sign
            else _courier(s, "parcel_signed_by_other", "checking", "他人代收，待核实", words(_OTHER_SIGNED))
            for s in ("posted", "returning", "lost")
        ),
        *(
            _courier(s, "parcel_lost", "lost", "邮件丢失", words(_LOST))
            for s in ("posted", "returning", "checking")
        ),
        *(
            _courier(s, "parcel_moves", "posted", "重新投递中", None)
            for s in ("returning", "checking", "lost")
        ),
    ]  # fmt: skip
    found = (
        *signed,
        *by_courier,
        *(
            Step(
                state, "choose_delivery", state, APPLICANT, "选择取证方式", "已选择取证方式",
                input=ChoiceSchema(), then=(_CHOOSE,), tell=words(_CHOSEN), bring=bring,
            )
            for state in ("returning", "returned")
        ),
        *(
            Step(
                state, "receive_back", "returned", by, "退件入柜", "退回的证件已入柜保管",
                input=ReturnedLabelSchema(), guard=(_RIGHT_LABEL, _NOT_BACK), then=(_TAKE_BACK,),
                tell=None if state == "returned" else words(_BACK_AGAIN),
            )
            for state in ("returning", "returned", "lost")
        ),
        Step(
            "returned", "note_choice", "returned", by, "按来电登记取证方式", "已按您的要求登记取证方式",
            input=NotedChoiceSchema(), then=(_CHOOSE,), tell=words(_CHOSEN), bring=bring,
        ),
        Step(
            "returned", "post_again", "made", SYSTEM, "重新寄送", "按您选择的地址重新寄送",
            guard=(_POST_AGAIN,), then=(Effect("forget_parcel", _forget_parcel), order_parcel), automatic=True,
        ),
        Step(
            "returned", "collect", "completed", by, "本人领取", "本人到窗口领取，已办结",
            input=CollectSchema(), guard=(_BACK, _RIGHT_CARD), then=(_VISIT,), tell=completed,
        ),
        Step("checking", "received", "completed", APPLICANT, "我已收到证件", "本人确认收到，已办结", tell=completed),
        Step("checking", "not_received", "lost", APPLICANT, "我没有收到", "本人没有收到，由我们查找", danger=True),
        Step(
            "checking", "confirm_received", "completed", by, "核实本人已收到", "核实本人已收到，已办结",
            input=EnquirySchema(), tell=completed,
        ),
        Step(
            "checking", "report_lost", "lost", by, "核实未收到", "核实证件没有送到", input=EnquirySchema(),
            tell=words(_LOST), danger=True,
        ),
        Step(
            "lost", "make_again", "approved", by, "作废并补制", "丢失的证件已作废，正在补制",
            input=EnquirySchema(), then=(void, Effect("forget_card", _forget_card)), danger=True,
        ),
    )  # fmt: skip
    return tuple(step for step in found if not (keeper.others_sign and step.start == CHECKING))


def states(keeper: Keeper) -> tuple[State, ...]:
    """The states of posting at a place; nothing is to be checked where anybody may sign."""
    return tuple(keeper.state(state) for state in STATES if not (keeper.others_sign and state.code == CHECKING))


def _courier(start: str, action: str, end: str, public: str, tell: Notice | None) -> Step:
    """A step that follows from the courier's events."""
    return Step(start, action, end, SYSTEM, public, public, tell=tell)
