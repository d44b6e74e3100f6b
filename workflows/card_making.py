"""From the decision to the card in its person's hand: the same states and steps for every service that makes a card.

The service centre makes it, EMS carries it, and only its person's own signature ends the case.
"""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from citizen_services.cases.effects import note_tracking, order_parcel
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import SYSTEM, Bring, Effect, Guard, State, Step
from workflows import permit_ending, posting
from workflows.posting import LabelSchema
from workflows.telling import turn


class CardSchema(Schema):
    """The card's number, typed or scanned when it was made."""

    card_number = fields.String(
        required=True,
        validate=validate.Regexp(
            r"\s*[0-9A-Za-z]{6,32}\s*\Z", error="证件号码为 6 至 32 位字母和数字，请核对后重新输入"
        ),
        error_messages={"required": "请填写或扫描证件号码"},
        metadata={"label": "居住证证件号码", "hint": "填写或用扫码枪扫描卡面号码", "kind": "text", "maxlength": 32},
    )


def _has_tracking(situation: Situation) -> bool:
    return bool(situation.results.get("tracking"))


def _right_label(situation: Situation) -> bool:
    scanned = str(situation.given.get("tracking", "")).strip().upper()
    return scanned == situation.results.get("tracking")


def _not_ordered(situation: Situation) -> bool:
    return not situation.results.get("tracking")


COMPLETED = turn(
    "completed", "办件已办结",
    text="您的居住证（{number}）已交到本人手中，全程跑动{visits}次。居住证每满一年签注一次。办得怎样，可在办件页评价。",
    hint="已签收办结，全程跑动{visits}次",
    sms="您的居住证已签收，编号{number}，本次办理已完成。每满一年请在微信公众号办理签注。",
)  # fmt: skip

STATES = (
    State("approved", "已批准", "行政服务中心正在制证。", desk="service_centre", clock="result"),
    State("made", "已制证", "证件已制好，正在交给 EMS。", desk="service_centre", clock="result"),
    State("posted", "已寄出", "证件在路上，请留意快递电话，须本人签收。"),
    *posting.STATES,
    State("completed", "已办结", "证件已由本人签收。", final=True),
    permit_ending.STATE,
)


def card_number(situation: Situation) -> str:
    """The number of the card that was just made, kept as the case's result."""
    number = str(situation.given["card_number"]).strip().upper()
    situation.results["card_number"] = number
    return number


def steps(
    give: Effect, void: Effect, bring: Bring, guard: tuple[Guard, ...] = (), posted: tuple[Effect, ...] = ()
) -> tuple[Step, ...]:
    """The steps from ``approved`` to ``completed``; ``give`` writes the made card into the register.

    ``void`` makes a card void that was lost on its way; ``bring`` says what whoever collects it needs;
    ``guard`` is of the making, ``posted`` follows when the card is given to EMS.
    """
    return (
        Step(
            "approved", "make", "made", posting.CENTRE, "制证完成", "证件已制好", input=CardSchema(),
            guard=guard, then=(give, order_parcel),
            tell=turn(
                "made", "证件已制好",
                text="您的居住证（{number}）已制好，正在交给 EMS。",
                hint="证件已制好，正在交给EMS",
                sms="您的居住证已制好，编号{number}，正在交给EMS寄送，请保持电话畅通。",
            ),
        ),
        Step(
            "made", "parcel_ordered", "made", SYSTEM, "邮件下单", "", input=LabelSchema(),
            guard=(Guard("not_ordered", "这个办件已有邮件号。", _not_ordered),),
            then=(note_tracking,),
        ),
        Step(
            "made", "post", "posted", posting.CENTRE, "交寄", "证件已寄出", input=LabelSchema(),
            guard=(
                Guard("has_tracking", "EMS 还没有返回邮件号，请稍后再试。", _has_tracking),
                Guard("right_label", "扫描的邮件号与这个办件的面单不一致，请核对面单。", _right_label),
            ),
            then=(posting.name_tracking, *posted),
            tell=turn(
                "posted", "证件已寄出",
                text="您的居住证（{number}）已由 EMS 寄出，邮件号 {tracking}，须本人签收。",
                hint="邮件号{tracking}",
                sms="您的居住证已由EMS寄出，邮件号{tracking}，须本人签收，请留意快递员电话。",
            ),
        ),
        *posting.steps(COMPLETED, void, bring),
        *permit_ending.steps(),
    )  # fmt: skip
