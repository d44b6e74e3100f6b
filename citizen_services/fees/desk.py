"""What a cashier looks at: one order by its number, what has to be looked after, and the day's takings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import func, select

from citizen_services.database import db
from citizen_services.fees.models import COUNTER, ONLINE, FeeOrder, Payment, Refund
from citizen_services.rules.dates import start_of_day


def by_number(number: str) -> FeeOrder | None:
    """The order that is called so; None where none is."""
    wanted = number.strip().upper()
    return db.session.scalars(select(FeeOrder).where(FeeOrder.number == wanted)).one_or_none()


def to_look_after(most: int = 100) -> Sequence[tuple[Refund, FeeOrder, Payment]]:
    """Refunds that somebody has to hand out or to settle, the oldest first."""
    query = (
        select(Refund, FeeOrder, Payment)
        .join(FeeOrder, FeeOrder.id == Refund.order_id)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.state.in_(("at_counter", "failed")))
        .order_by(Refund.made_at, Refund.id)
        .limit(most)
    )
    return [(refund, order, payment) for refund, order, payment in db.session.execute(query)]


def takings(day: date) -> dict[str, tuple[int, int]]:
    """What was taken on a day by each way: ``{way: (how many, fen)}``."""
    begin, end = start_of_day(day), start_of_day(day + timedelta(days=1))
    query = (
        select(Payment.way, func.count(), func.sum(Payment.paid_fen))
        .where(Payment.state == "paid", Payment.paid_at >= begin, Payment.paid_at < end)
        .group_by(Payment.way)
    )
    found = {way: (count, int(fen or 0)) for way, count, fen in db.session.execute(query)}
    return {way: found.get(way, (0, 0)) for way in (*ONLINE, *COUNTER)}
