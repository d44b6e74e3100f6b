"""Fees of a case: asked for after the check and before acceptance, so that no statutory clock runs on an unpaid case.

The fee room knows a case only as a ``duty``. Whether it is paid is read there and nowhere else. When a case ends in
another state than those at which its fee is kept, what was paid goes back by itself, in the same transaction; where
nobody waits for the payment any more, the order is ended with the step that led there.
"""

from __future__ import annotations

from uuid import UUID

from citizen_services.cases.clocks import calendar
from citizen_services.cases.errors import MovedOn
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Effect, Guard, Step
from citizen_services.database import Change
from citizen_services.fees import operations, queries, refunding, tariff
from citizen_services.fees.models import PAYABLE
from citizen_services.fees.money import yuan
from citizen_services.people.parameters import number
from citizen_services.rules.dates import chinese_date, chinese_moment, last_day, local_date
from citizen_services.rules.periods import Period, deadline

_DUTY = "case:"
#: How a payment was made, as the receipt says it.
WAYS = {
    "wechat_jsapi": "微信支付",
    "wechat_native": "微信支付",
    "wechat_h5": "微信支付",
    "cash": "窗口现金",
    "pos": "窗口刷卡",
}


def duty_of(case_id: UUID) -> str:
    """What a case's orders are owed for."""
    return f"{_DUTY}{case_id}"


def case_of(duty: str) -> UUID | None:
    """The case that an order is owed for; None where it is another room's."""
    return UUID(duty.removeprefix(_DUTY)) if duty.startswith(_DUTY) else None


def _state(situation: Situation) -> str | None:
    order = queries.holding(duty_of(situation.case_id))
    return order.state if order is not None else None


def _is_open(situation: Situation) -> bool:
    return tariff.owed(situation.item, situation.data) > 0 and _state(situation) is None


def _is_paid_or_free(situation: Situation) -> bool:
    return _state(situation) == "paid" or tariff.owed(situation.item, situation.data) == 0


def _is_overdue(situation: Situation) -> bool:
    order = queries.holding(duty_of(situation.case_id))
    return order is not None and order.state in PAYABLE and order.pay_until <= situation.at


#: Of the step that asks: something is owed and nothing asked for or paid.
fee_open = Guard("fee_open", "这个办件不用缴费，或者已经通知缴费。", _is_open)
#: Of every step that accepts.
paid_or_free = Guard("paid_or_free", "申请人还没有缴费：请先通知缴费，缴清后再受理。", _is_paid_or_free)
#: Of ``fee_paid``, which the system takes when the payment was recorded.
is_paid = Guard("fee_is_paid", "还没有收到这个办件的缴费。", lambda s: _state(s) == "paid")
#: Of the ``lapse`` from where the payment is waited for.
overdue = Guard("fee_is_overdue", "缴费期限还没有到。", _is_overdue)


def _ask(situation: Situation, change: Change) -> None:
    lines = tariff.lines(situation.item, situation.data)
    # Whole days and no working days: that a calendar is not published yet makes nothing lapse.
    until = deadline(situation.at, Period(number("fee_pay_days"), "calendar"), calendar()).at
    operations.ask(
        change,
        duty=duty_of(situation.case_id),
        citizen_id=situation.citizen.id,
        office_code=situation.office or "",
        title=situation.item.name,
        lines=lines,
        pay_until=until,
    )
    day = last_day(until)
    situation.values |= {
        "amount": yuan(sum(line.fen for line in lines)),
        "pay_until": f"{day.month}月{day.day}日",
    }


#: Ask for the fee: one order, to be paid within ``fee_pay_days``.
ask_fee = Effect("ask_fee", _ask, gives=("amount", "pay_until"))


def _take(situation: Situation, change: Change) -> None:
    order = queries.holding(duty_of(situation.case_id))
    payment = queries.kept_payment(order.id) if order is not None else None
    if order is None or payment is None or payment.paid_at is None:
        raise RuntimeError("a payment is taken that was not recorded")
    fee_name = situation.item.fee.name if situation.item.fee else situation.item.name
    situation.values |= {
        "amount": yuan(order.amount_fen),
        "fee_name": fee_name,
        "fee_lines": "；".join(f"{line['label']} {yuan(line['fen'])}" for line in order.lines),
        "order_number": order.number,
        "payment_ref": payment.our_ref,
        "paid_way": WAYS[payment.way],
        "paid_at": chinese_moment(payment.paid_at),
        "receipt_day": chinese_date(local_date(situation.at)),
    }


#: Put what was paid within reach of the receipt that follows.
take_fee = Effect(
    "take_fee",
    _take,
    gives=(
        "amount", "fee_name", "fee_lines", "order_number", "payment_ref", "paid_way", "paid_at", "receipt_day",
    ),
)  # fmt: skip


def settle(situation: Situation, step: Step, change: Change) -> None:
    """What a step means for the case's fee, whatever its declaration says of it: called at every step by the engine."""
    item = situation.item
    if not item.fee or step.action in ("submit", "fee_paid"):
        return
    after = item.state(step.end)
    if step.start == step.end or any(way.action == "fee_paid" for way in item.steps_from(step.end)):
        return
    order = queries.holding(duty_of(situation.case_id))
    if order is None:
        return
    if order.state in PAYABLE:
        operations.end(change, order, "expired" if step.action == "lapse" else "cancelled", MovedOn)
    elif order.state == "paid" and after.final and step.end not in item.fee.kept:
        refunding.refund_order(change, order, f"{after.word}，退还费用", MovedOn)
