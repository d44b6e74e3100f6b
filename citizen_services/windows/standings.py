"""How a hall stands: who waits, how many are ahead of whom, and what a day was like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select

from citizen_services import clock
from citizen_services.catalogue import CounterService
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.security import keyring
from citizen_services.windows.errors import NoSuchBooking
from citizen_services.windows.hall_models import Ticket
from citizen_services.windows.models import Counter
from citizen_services.windows.queue import estimate_minutes

#: A counter that called or served somebody within this time counts as open.
_AT_WORK = timedelta(minutes=45)
#: Minutes of a turn where nobody was served yet today and the service says none.
_USUAL_MINUTES = 15


@dataclass(frozen=True)
class Standing:
    """How a ticket stands: how many are ahead, an estimate in minutes, and at which counter it is where called."""

    ticket: Ticket
    ahead: int
    minutes: int
    counter: int | None


def by_token(token: str) -> Ticket:
    """The ticket of a phone's page; NoSuchBooking for none of ours."""
    lookups = keyring().lookups("ticket", token)
    found = db.session.scalars(select(Ticket).where(Ticket.token_lookup.in_(lookups))).first()
    if found is None:
        raise NoSuchBooking("没有找到这个号，请到导办台查询。")
    return found


def own(citizen_id: UUID, ticket_id: UUID) -> Ticket:
    """A person's own ticket; NoSuchBooking for any other."""
    found = db.session.get(Ticket, ticket_id, populate_existing=True)
    if found is None or found.citizen_id != citizen_id:
        raise NoSuchBooking("没有找到这个号，请到导办台查询。")
    return found


def waiting_list(office_code: str, groups: Sequence[str], most: int = 60) -> Sequence[Ticket]:
    """Those who wait or were passed over today, in the order of their time."""
    query = select(Ticket).where(
        Ticket.office_code == office_code,
        Ticket.group_code.in_(groups),
        Ticket.state.in_(("waiting", "skipped")),
        Ticket.day == clock.today(),
    )
    return db.session.scalars(
        query.order_by(Ticket.state.desc(), Ticket.due_at, Ticket.drawn_at, Ticket.id).limit(most)
    ).all()


def standing(ticket: Ticket) -> Standing:
    """How a ticket stands now."""
    counter = db.session.get(Counter, ticket.counter_id) if ticket.counter_id else None
    if ticket.state != "waiting":
        return Standing(ticket, 0, 0, counter.number if counter else None)
    before = select(func.count()).where(
        Ticket.office_code == ticket.office_code,
        Ticket.group_code == ticket.group_code,
        Ticket.day == ticket.day,
        Ticket.state == "waiting",
        (Ticket.due_at < ticket.due_at) | ((Ticket.due_at == ticket.due_at) & (Ticket.drawn_at < ticket.drawn_at)),
    )
    ahead = db.session.execute(before).scalar_one()
    minutes = estimate_minutes(ahead, _minutes_each(ticket), _open_counters(ticket.office_code, ticket.group_code))
    return Standing(ticket, ahead, minutes, None)


def _minutes_each(ticket: Ticket) -> float:
    """How long a turn takes: of those served today, else what the service says."""
    served = select(func.avg(func.extract("epoch", Ticket.done_at - Ticket.serving_at))).where(
        Ticket.office_code == ticket.office_code,
        Ticket.group_code == ticket.group_code,
        Ticket.day == ticket.day,
        Ticket.outcome == "served",
    )
    seconds = db.session.execute(served).scalar_one()
    if seconds is not None:
        return max(1.0, float(seconds) / 60)
    declared = parts().catalogue.service(ticket.service)
    return declared.minutes if isinstance(declared, CounterService) else _USUAL_MINUTES


def _open_counters(office_code: str, group_code: str) -> int:
    """How many counters are at work on a group now; one where none has begun."""
    since = clock.now() - _AT_WORK
    working = select(func.count(func.distinct(Ticket.counter_id))).where(
        Ticket.office_code == office_code,
        Ticket.group_code == group_code,
        Ticket.called_at > since,
        Ticket.counter_id.is_not(None),
    )
    return max(1, db.session.execute(working).scalar_one())


@dataclass(frozen=True)
class Served:
    """A day of a hall: how many were served, minutes waited and served on average, and how many after closing."""

    group: str
    served: int
    waited: float
    took: float
    overtime: int


def day_of(office_code: str, day: date) -> Sequence[Served]:
    """What a day was like in each group of a hall."""
    waited = func.avg(func.extract("epoch", Ticket.serving_at - func.greatest(Ticket.due_at, Ticket.drawn_at)))
    took = func.avg(func.extract("epoch", Ticket.done_at - Ticket.serving_at))
    query = select(Ticket.group_code, func.count(), waited, took, func.count().filter(Ticket.overtime)).where(
        Ticket.office_code == office_code, Ticket.day == day, Ticket.outcome == "served"
    )
    rows = db.session.execute(query.group_by(Ticket.group_code).order_by(Ticket.group_code))
    return [Served(group, count, float(w or 0) / 60, float(t or 0) / 60, late) for group, count, w, t, late in rows]
