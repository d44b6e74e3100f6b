"""Money that goes back: ordered in the act that it follows from, done afterwards, the same reference at each try."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import update

from citizen_services.database import Change, new_id
from citizen_services.fees import queries
from citizen_services.fees.errors import Faster
from citizen_services.fees.models import ONLINE, FeeOrder, Payment, Refund


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
    order_refund(change, payment, reason)


def order_refund(change: Change, payment: Payment, reason: str) -> None:
    """Have a payment go back the way it came: by its partner, or over the counter."""
    online, refund_id = payment.way in ONLINE, new_id()
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
        # Machine time would be the protocol's; due at once is due at any time.
        look_at=change.at if online else None,
        partner_ref=None,
        trouble=None,
        made_at=change.at,
        done_at=None,
        done_by=None,
        how=None,
    )
