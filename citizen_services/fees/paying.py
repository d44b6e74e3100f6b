"""Payments: one try to pay at a time, whatever arrives written down, and what is not kept on its way back at once.

The order is locked first, always: two that report, pay or end at the same moment come one after the other.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.database import Change, db, new_id, violated_constraint
from citizen_services.exchange.payments import Paid
from citizen_services.fees import refunding
from citizen_services.fees.errors import NoSuchOrder, NotPayable, SlipUsed, WrongAmount
from citizen_services.fees.models import PAYABLE, FeeOrder, Payment
from citizen_services.people.actors import Actor

log = logging.getLogger(__name__)

#: How long what stands at a partner may be used, machine time: WeChat's prepay id lives two hours.
USABLE = timedelta(hours=2)
#: Less than this left, a new one is better than one that ends in the payer's hands.
_MARGIN = timedelta(minutes=3)
#: When a payment is asked for: soon after it was begun, then less and less often.
FIRST_LOOK = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=10)
_NOT_KEPT = "重复或过期的缴费，原路退回"


class UnknownPayment(LookupError):
    """A partner tells of money under a reference that is none of ours."""


@dataclass(frozen=True)
class Payer:
    """Who pays at the partner: openid where it is WeChat's browser; the address that H5 asks for."""

    openid: str = ""
    client_ip: str = ""


@dataclass(frozen=True)
class Recorded:
    """What a report led to: the order, whether it is paid by this very report, whether all was known before."""

    order: FeeOrder
    payment: Payment
    kept: bool
    repeated: bool = False


def _locked(order_id: UUID) -> FeeOrder:
    query = select(FeeOrder).where(FeeOrder.id == order_id).with_for_update()
    order = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if order is None:
        raise NoSuchOrder
    return order


def open_payment(order_id: UUID) -> Payment | None:
    """The try to pay that stands at a partner, or may."""
    query = select(Payment).where(Payment.order_id == order_id, Payment.state.in_(("sending", "open")))
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def parcel(payment: Payment) -> dict[str, str]:
    """What is kept of a try: ``payer`` and ``client_ip`` as they were sent, ``ready`` what the payer's phone needs."""
    found: dict[str, str] = json.loads(payment.prepay or "{}")
    return found


def reserve(order_id: UUID, way: str, payer: Payer) -> tuple[Payment | None, Payment | None]:
    """Begin to pay, or go on: (the try to go on with, None), or (None, the one that must be closed before).

    Raises NoSuchOrder, NotPayable. The caller commits before it calls the partner.
    """
    order = _locked(order_id)
    now = clock.protocol_now()
    left = order.pay_until - clock.now()
    if order.state not in PAYABLE or left <= timedelta(0):
        raise NotPayable
    standing = open_payment(order_id)
    if standing is not None:
        same = standing.way == way and parcel(standing)["payer"] == payer.openid
        lasts = standing.usable_until is not None and standing.usable_until - now > _MARGIN
        return (standing, None) if same and lasts else (None, standing)
    payment_id = new_id()
    payment = Payment(
        id=payment_id,
        order_id=order_id,
        way=way,
        our_ref=payment_id.hex,
        amount_fen=order.amount_fen,
        state="sending",
        prepay=json.dumps({"payer": payer.openid, "client_ip": payer.client_ip}),
        made_at=clock.now(),
        # Business time may be moved; what the partner is told is real, and never less than the margin.
        usable_until=now + max(min(USABLE, left), _MARGIN),
        look_at=now + FIRST_LOOK,
        looks=0,
    )
    db.session.add(payment)
    order.state = "ordered"
    db.session.flush()
    return payment, None


def ready(payment_id: UUID, prepay: str) -> Payment:
    """The partner took the order: it can be paid there. The caller commits."""
    payment = db.session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment.state == "sending":
        payment.state = "open"
        payment.prepay = json.dumps(parcel(payment) | {"ready": prepay})
        db.session.flush()
    return payment


def closed(payment_id: UUID) -> None:
    """Nothing can be paid at the partner any more by this try. The caller commits."""
    payment = db.session.get_one(Payment, payment_id)
    order = _locked(payment.order_id)
    hit = db.session.execute(
        update(Payment)
        .where(Payment.id == payment_id, Payment.state.in_(("sending", "open")))
        .values(state="closed", look_at=None)
        .returning(Payment.id)
    ).first()
    if hit is not None and order.state == "ordered":
        order.state = "due"
        db.session.flush()


def due_looks(most: int = 100) -> list[UUID]:
    """Payments that are to be asked for now, the longest due first."""
    query = select(Payment.id).where(Payment.state.in_(("sending", "open")), Payment.look_at <= clock.protocol_now())
    return list(db.session.scalars(query.order_by(Payment.look_at, Payment.id).limit(most)))


def claim_look(payment_id: UUID) -> Payment | None:
    """Take one to ask for: nobody else does so meanwhile. None where somebody did. The caller commits."""
    now = clock.protocol_now()
    query = select(Payment).where(
        Payment.id == payment_id, Payment.state.in_(("sending", "open")), Payment.look_at <= now
    )
    payment = db.session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if payment is None:
        return None
    payment.looks += 1
    payment.look_at = now + min(FIRST_LOOK * 2 ** min(payment.looks, 8), _LONGEST_PAUSE)
    db.session.flush()
    return payment


def over(payment: Payment) -> bool:
    """Whether a try has to be closed at the partner: its order can't be paid, or what stands there has ended."""
    order = db.session.get_one(FeeOrder, payment.order_id, populate_existing=True)
    used_up = payment.usable_until is not None and payment.usable_until <= clock.protocol_now()
    return used_up or order.state not in PAYABLE or order.pay_until <= clock.now()


def record(report: Paid) -> Recorded:
    """Write down that money arrived. It is kept where the order can be paid and the amount is right.

    Everything else goes back by a refund that is written with it. Told twice, nothing happens twice. Raises
    UnknownPayment. The caller commits.
    """
    payment = db.session.scalars(select(Payment).where(Payment.our_ref == report.our_ref)).one_or_none()
    if payment is None:
        raise UnknownPayment(report.our_ref)
    order = _locked(payment.order_id)
    db.session.refresh(payment)
    if payment.state == "paid":
        if payment.partner_ref != report.partner_ref or payment.paid_fen != report.fen:
            log.error("payment %s is told in two ways", payment.our_ref)
        return Recorded(order, payment, kept=False, repeated=True)
    kept = order.state in PAYABLE and report.fen == payment.amount_fen
    payment.state, payment.partner_ref, payment.look_at = "paid", report.partner_ref, None
    payment.paid_fen, payment.paid_at, payment.kept = report.fen, report.at, kept
    db.session.flush()
    if kept:
        order.state, order.paid_at = "paid", clock.now()
        db.session.flush()
    else:
        send_back(order, payment)
    return Recorded(order, payment, kept)


def send_back(order: FeeOrder, payment: Payment, reason: str = _NOT_KEPT) -> None:
    """Order the refund of money that is not kept; the order is locked. The caller commits."""
    if payment.kept:
        payment.kept = False
        db.session.flush()
        order.state = "refunding"
    elif order.state in ("expired", "cancelled", "refunded"):
        order.state = "refunding"
    elif order.state == "ordered":
        # By this try nothing can be paid any more; by another one it can.
        order.state = "due"
    db.session.flush()
    change = Change(clock.now())
    refunding.order_refund(change, order, payment, reason)
    change.write()


def take_at_counter(order_id: UUID, way: str, slip: str, fen: int, cashier: Actor) -> Recorded:
    """A cashier took cash (its slip is our own number) or a card's payment. Raises NotPayable, WrongAmount, SlipUsed.

    The caller commits. Who comes after the last day is still served while the order stands.
    """
    order = _locked(order_id)
    if order.state not in PAYABLE:
        raise NotPayable
    if fen != order.amount_fen:
        raise WrongAmount
    payment_id, now = new_id(), clock.now()
    payment = Payment(
        id=payment_id,
        order_id=order_id,
        way=way,
        our_ref=payment_id.hex,
        amount_fen=fen,
        state="paid",
        prepay=None,
        made_at=now,
        usable_until=None,
        look_at=None,
        looks=0,
        partner_ref=slip or payment_id.hex,
        paid_fen=fen,
        # When money moved is machine time, whoever took it: days of takings are the bank's.
        paid_at=clock.protocol_now(),
        kept=True,
        taken_by=cashier.id,
    )
    db.session.add(payment)
    order.state, order.paid_at = "paid", now
    try:
        db.session.flush()
    except IntegrityError as fault:
        if violated_constraint(fault) == "uq_payment_partner_ref":
            raise SlipUsed from fault
        raise
    return Recorded(order, payment, kept=True)
