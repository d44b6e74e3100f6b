"""Money that goes back: ordered in the act that it follows from, done afterwards, the same reference at each try.

A refund is the whole of one payment, once: the table holds it. What its partner does not do in ``_TRIES`` tries is put
before the cashier, who has it tried again or settles it otherwise and says how.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.exchange.payments import Returned
from citizen_services.fees import queries
from citizen_services.fees.errors import Faster, NoSuchOrder
from citizen_services.fees.models import ONLINE, FeeOrder, Payment, Refund
from citizen_services.fees.signals import refund_moved
from citizen_services.people.actors import Actor

log = logging.getLogger(__name__)

#: The first pause between two tries or questions, doubled each time up to the longest; machine time.
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
#: Tries after which somebody has to look after it.
_TRIES = 8
_UNDER_WAY = ("due", "sending", "processing")


def refund_order(change: Change, order: FeeOrder, reason: str, otherwise: Callable[[], Exception] = Faster) -> None:
    """Give back by what an order is paid: it is not paid any more. Raises ``otherwise`` where it was not."""
    payment = queries.kept_payment(order.id)
    if payment is None:
        raise RuntimeError(f"order {order.number} is paid by no payment")
    change.guard(
        update(FeeOrder).where(FeeOrder.id == order.id, FeeOrder.state == "paid").values(state="refunding"),
        otherwise=otherwise,
    )
    change.guard(update(Payment).where(Payment.id == payment.id, Payment.kept).values(kept=False), otherwise=otherwise)
    order_refund(change, order, payment, reason)


def order_refund(change: Change, order: FeeOrder, payment: Payment, reason: str) -> None:
    """Have a payment of an order go back the way it came: by its partner, or over the counter."""
    online, refund_id = payment.way in ONLINE, new_id()
    if payment.paid_fen is None:
        raise RuntimeError("what was not paid does not go back")
    change.add(
        Refund,
        id=refund_id,
        order_id=payment.order_id,
        payment_id=payment.id,
        our_ref=refund_id.hex,
        amount_fen=payment.paid_fen,
        reason=reason[:80],
        state="due" if online else "at_counter",
        tries=0,
        look_at=clock.protocol_now() if online else None,
        partner_ref=None,
        trouble=None,
        made_at=change.at,
        done_at=None,
        done_by=None,
        how=None,
    )
    refund_moved.send(
        "asked",
        order=order,
        refund_id=refund_id,
        fen=payment.paid_fen,
        reason=reason[:80],
        by_partner=online,
        change=change,
    )


def _tell(what: str, order: FeeOrder, refund: Refund, *, by_partner: bool) -> None:
    change = Change(clock.now())
    refund_moved.send(
        what,
        order=order,
        refund_id=refund.id,
        fen=refund.amount_fen,
        reason=refund.reason,
        by_partner=by_partner,
        change=change,
    )
    change.write()


def _pause(tries: int) -> timedelta:
    return min(_PAUSE * 2 ** min(tries, 12), _LONGEST_PAUSE)


def due(most: int = 100) -> list[UUID]:
    """Refunds to be tried or asked for now, the longest due first."""
    query = select(Refund.id).where(Refund.state.in_(_UNDER_WAY), Refund.look_at <= clock.protocol_now())
    return list(db.session.scalars(query.order_by(Refund.look_at, Refund.id).limit(most)))


def claim(refund_id: UUID) -> tuple[Refund, Payment] | None:
    """Take one to try: noted as ``sending`` before its partner is called. None where somebody else did.

    The caller commits.
    """
    query = select(Refund).where(
        Refund.id == refund_id, Refund.state.in_(_UNDER_WAY), Refund.look_at <= clock.protocol_now()
    )
    refund = db.session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
    if refund is None:
        return None
    refund.tries += 1
    refund.look_at = clock.protocol_now() + _pause(refund.tries)
    if refund.state == "due":
        refund.state = "sending"
    db.session.flush()
    return refund, db.session.get_one(Payment, refund.payment_id)


def _locked(refund_id: UUID) -> tuple[FeeOrder, Refund]:
    """The order first, as everywhere, then the refund."""
    order_id = db.session.scalars(select(Refund.order_id).where(Refund.id == refund_id)).one_or_none()
    if order_id is None:
        raise NoSuchOrder
    order = db.session.get_one(FeeOrder, order_id, with_for_update=True, populate_existing=True)
    return order, db.session.get_one(Refund, refund_id, with_for_update=True, populate_existing=True)


def returned(report: Returned) -> None:
    """What a partner says of a refund; told twice, nothing happens twice. The caller commits.

    A refund that is none of ours is only logged: reconciliation shows it.
    """
    refund_id = db.session.scalars(select(Refund.id).where(Refund.our_ref == report.our_ref)).one_or_none()
    if refund_id is None:
        log.error("a refund of another reference than ours is told")
        return
    order, refund = _locked(refund_id)
    if refund.state not in _UNDER_WAY:
        return
    refund.partner_ref = report.partner_ref
    if report.state == "done":
        if report.fen != refund.amount_fen:
            _fail(order, refund, "AMOUNT")
            return
        _done(order, refund, report.at or clock.now())
    elif report.state == "processing":
        refund.state = "processing"
        db.session.flush()
    else:
        _fail(order, refund, "CLOSED" if report.state == "closed" else "ABNORMAL")


def not_taken(refund_id: UUID, code: str, *, for_good: bool) -> None:
    """A try did not work: another one later, or somebody must look after it. The caller commits."""
    order, refund = _locked(refund_id)
    if refund.state not in _UNDER_WAY:
        return
    refund.trouble = code
    if for_good or refund.tries >= _TRIES:
        _fail(order, refund, code)
    else:
        db.session.flush()


def _done(order: FeeOrder, refund: Refund, at: datetime, cashier: Actor | None = None, how: str | None = None) -> None:
    refund.state, refund.done_at, refund.look_at = "done", at, None
    refund.done_by, refund.how = (cashier.id if cashier else None), how
    db.session.flush()
    if order.state in ("refunding", "disputed") and not _others(order.id):
        order.state = "refunded"
        db.session.flush()
    _tell("done", order, refund, by_partner=cashier is None)


def _fail(order: FeeOrder, refund: Refund, code: str) -> None:
    refund.state, refund.trouble, refund.look_at = "failed", code, None
    db.session.flush()
    if order.state == "refunding":
        order.state = "disputed"
        db.session.flush()
    _tell("failed", order, refund, by_partner=True)


def _others(order_id: UUID) -> int:
    """How many refunds of an order are not done."""
    query = select(func.count()).where(Refund.order_id == order_id, Refund.state != "done")
    return db.session.scalars(query).one()


def try_again(refund_id: UUID) -> None:
    """Have a failed refund tried once more. Raises Faster. The caller commits.

    Under the same reference, so that money goes back once; under another one only where the partner closed it for good.
    """
    order, refund = _locked(refund_id)
    if refund.state != "failed":
        raise Faster
    if refund.trouble == "CLOSED":
        refund.our_ref = new_id().hex
    refund.state, refund.tries, refund.look_at = "due", 0, clock.protocol_now()
    db.session.flush()
    if order.state == "disputed" and not _failed(order.id):
        order.state = "refunding"
        db.session.flush()


def _failed(order_id: UUID) -> int:
    query = select(func.count()).where(Refund.order_id == order_id, Refund.state == "failed")
    return db.session.scalars(query).one()


def settle_by_hand(refund_id: UUID, cashier: Actor, how: str) -> None:
    """The cashier handed the money out, or gave it back otherwise: says how. Raises Faster. The caller commits."""
    order, refund = _locked(refund_id)
    if refund.state not in ("failed", "at_counter"):
        raise Faster
    _done(order, refund, clock.now(), cashier, how)
