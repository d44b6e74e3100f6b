"""What only reads fees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from citizen_services.database import db
from citizen_services.fees.models import HOLDING, PAYABLE, FeeOrder, Payment, Refund


def holding(duty: str) -> FeeOrder | None:
    """The order that can be paid or is paid for a duty, as it stands now; None where there is none."""
    query = select(FeeOrder).where(FeeOrder.duty == duty, FeeOrder.state.in_(HOLDING))
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def of_duty(duty: str) -> Sequence[FeeOrder]:
    """Every order of a duty, the newest first."""
    query = select(FeeOrder).where(FeeOrder.duty == duty).order_by(FeeOrder.made_at.desc(), FeeOrder.id.desc())
    return db.session.scalars(query).all()


def overdue(at: datetime, most: int = 200) -> Sequence[FeeOrder]:
    """Orders that can be paid though their day is over, the longest overdue first."""
    query = select(FeeOrder).where(FeeOrder.state.in_(PAYABLE), FeeOrder.pay_until <= at)
    return db.session.scalars(query.order_by(FeeOrder.pay_until, FeeOrder.id).limit(most)).all()


def order(order_id: UUID) -> FeeOrder | None:
    """An order as it stands now."""
    return db.session.get(FeeOrder, order_id, populate_existing=True)


def is_payable(order_id: UUID) -> bool:
    """Whether an order can be paid, as it stands now."""
    query = select(FeeOrder.id).where(FeeOrder.id == order_id, FeeOrder.state.in_(PAYABLE))
    return db.session.execute(query).first() is not None


def kept_payment(order_id: UUID) -> Payment | None:
    """The payment by which an order is paid."""
    return db.session.scalars(select(Payment).where(Payment.order_id == order_id, Payment.kept)).one_or_none()


def refunds_of(order_id: UUID) -> Sequence[Refund]:
    """Every refund of an order, the oldest first."""
    return db.session.scalars(select(Refund).where(Refund.order_id == order_id).order_by(Refund.our_ref)).all()
