"""What changes orders: asking for a fee, and ending an order that nobody has to pay any more.

Each goes into the one Change of the act that it follows from, guarded by the order's state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.fees.errors import Faster
from citizen_services.fees.models import PAYABLE, FeeOrder, fee_number_sequence
from citizen_services.fees.tariff import Line


def _next_number(at: datetime) -> str:
    """An order's number, taken from a sequence, so that it never comes again."""
    taken: int = db.session.execute(select(fee_number_sequence.next_value())).scalar_one()
    return f"JF{at.astimezone(clock.SHANGHAI):%Y%m%d}-{taken:08d}"


def ask(
    change: Change,
    *,
    duty: str,
    citizen_id: UUID,
    office_code: str,
    title: str,
    lines: Sequence[Line],
    pay_until: datetime,
) -> UUID:
    """Ask for a fee: one order for a duty, until the end of a day. Its id; the caller saw that none holds the duty."""
    order_id = new_id()
    change.add(
        FeeOrder,
        id=order_id,
        number=_next_number(change.at),
        duty=duty,
        citizen_id=citizen_id,
        office_code=office_code,
        title=title,
        lines=[{"label": line.label, "fen": line.fen} for line in lines],
        amount_fen=sum(line.fen for line in lines),
        state="due",
        made_at=change.at,
        pay_until=pay_until,
        paid_at=None,
        ended_at=None,
    )
    return order_id


def end(change: Change, order: FeeOrder, state: str, otherwise: Callable[[], Exception] = Faster) -> None:
    """Let nobody pay an order any more: ``expired`` or ``cancelled``. What stands at a partner is closed afterwards.

    Money that arrives all the same goes back by itself. Raises ``otherwise``, in writing, where it was paid meanwhile.
    """
    change.guard(
        update(FeeOrder)
        .where(FeeOrder.id == order.id, FeeOrder.state.in_(PAYABLE))
        .values(state=state, ended_at=change.at),
        otherwise=otherwise,
    )
