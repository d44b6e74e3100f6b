"""Slots as people choose them: the next free times of a service, and those nearest to one that is full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, func, literal, select, text, tuple_

from citizen_services import clock
from citizen_services.database import db
from citizen_services.database.direct import Direct
from citizen_services.rules.dates import chinese_day, end_of_day, local_date, start_of_day
from citizen_services.rules.keyset import Place
from citizen_services.windows import offered
from citizen_services.windows.models import ServiceGroup, Slot

#: A page of free slots is never longer.
MOST = 200
#: How far from a full slot others are proposed.
_NEAR = timedelta(days=7)


@dataclass(frozen=True)
class Free:
    """A slot that can be booked for a service: business times, and how many places are free."""

    slot_id: UUID
    office: str
    group: str
    service: str
    start: datetime
    end: datetime
    free: int


@dataclass(frozen=True)
class FreePage:
    """Free slots in order of time; ``after`` is where the next page begins, None at the end."""

    items: Sequence[Free]
    after: Place | None


def times(start: datetime, end: datetime) -> str:
    """``9:00–9:30`` in Shanghai."""
    return f"{start.astimezone(clock.SHANGHAI):%-H:%M}–{end.astimezone(clock.SHANGHAI):%-H:%M}"


def slot_words(slot: Slot | Free) -> str:
    """``11月25日（周三） 9:00–9:30``."""
    start, end = (slot.start, slot.end) if isinstance(slot, Free) else (slot.starts_at, slot.ends_at)
    return f"{chinese_day(local_date(start))} {times(start, end)}"


def booked_services() -> Sequence[str]:
    """The codes of all services that some office's windows are booked for, in the order in which groups are shown."""
    groups = db.session.scalars(select(ServiceGroup).order_by(ServiceGroup.office_code, ServiceGroup.place))
    return list(dict.fromkeys(code for group in groups for code in group.services))


def groups_of(service: str, office: str | None = None) -> Sequence[ServiceGroup]:
    """The groups that do a service, at one office or at all, in the order in which they are shown."""
    if "\0" in service + (office or ""):
        return []
    query = select(ServiceGroup).where(literal(service) == any_(ServiceGroup.services))
    if office is not None:
        query = query.where(ServiceGroup.office_code == office)
    return db.session.scalars(query.order_by(ServiceGroup.office_code, ServiceGroup.place)).all()


def free_slots(
    service: str,
    office: str | None,
    from_day: date,
    to_day: date,
    *,
    limit: int = 50,
    after: Place | None = None,
) -> FreePage:
    """The free slots of a service between two days (the last included), at one office or at all, soonest first.

    What it costs depends on the days asked for and not on how many slots there are: each group's are read from its
    index, which is in order of time.
    """
    limit = max(1, min(limit, MOST))
    now = clock.now()
    found: list[Slot] = []
    for group in groups_of(service, office):
        query = select(Slot).where(
            Slot.state == "open",
            Slot.office_code == group.office_code,
            Slot.group_code == group.code,
            Slot.starts_at > max(now, start_of_day(from_day) - timedelta(microseconds=1)),
            Slot.starts_at < end_of_day(to_day),
            Slot.released_at <= now,
            Slot.taken < Slot.capacity,
        )
        if after is not None and after[0] is not None:
            query = query.where(tuple_(Slot.starts_at, Slot.id) > tuple_(after[0], after[1]))
        rows = db.session.scalars(query.order_by(Slot.starts_at, Slot.id).limit(limit + 1))
        found += [slot for slot in rows if offered.offers(slot.office_code, slot.starts_at, group.services, service)]
    found.sort(key=lambda slot: (slot.starts_at, slot.id))
    shown = [_free(slot, service) for slot in found[:limit]]
    return FreePage(shown, (shown[-1].start, shown[-1].slot_id) if len(found) > limit else None)


def _free(slot: Slot, service: str) -> Free:
    return Free(
        slot_id=slot.id,
        office=slot.office_code,
        group=slot.group_code,
        service=service,
        start=slot.starts_at,
        end=slot.ends_at,
        free=slot.capacity - slot.taken,
    )


#: So many are looked at first: more than are ever proposed, as desks that are closed take some of them away.
_FIRST = 24
#: What everybody is told who comes too late: of a stampede nearly all.
_NEAREST = Direct(
    select(
        Slot.id,
        Slot.office_code,
        Slot.group_code,
        Slot.starts_at,
        Slot.ends_at,
        Slot.capacity - Slot.taken,
        ServiceGroup.services,
    )
    .join(ServiceGroup, (ServiceGroup.office_code == Slot.office_code) & (ServiceGroup.code == Slot.group_code))
    .where(
        # In the words of its index.
        text("slot.state = 'open'"),
        Slot.office_code == bindparam("office"),
        bindparam("service", type_=Text) == any_(ServiceGroup.services),
        Slot.starts_at > bindparam("begins"),
        Slot.starts_at < bindparam("ends"),
        Slot.released_at <= bindparam("now"),
        Slot.taken < Slot.capacity,
    )
    .order_by(
        func.greatest(Slot.starts_at, bindparam("moment")) - func.least(Slot.starts_at, bindparam("moment")),
        Slot.starts_at,
        Slot.id,
    )
    .limit(_FIRST)
)


def nearest(service: str, office: str, moment: datetime, most: int = 3) -> Sequence[Free]:
    """The free slots of an office nearest to a moment, at most a week away, soonest first."""
    now = clock.now()
    first, last = max(clock.today(), local_date(moment - _NEAR)), local_date(moment + _NEAR)
    begins = max(now, start_of_day(first) - timedelta(microseconds=1))
    rows = _NEAREST.rows(office=office, service=service, begins=begins, ends=end_of_day(last), now=now, moment=moment)
    near = [
        Free(id_, where, group, service, start, end, free)
        for id_, where, group, start, end, free, services in rows
        if offered.offers(where, start, services, service)
    ]
    if len(near) < most and len(rows) == _FIRST:
        near = list(free_slots(service, office, first, last, limit=MOST).items)
        near.sort(key=lambda free: (abs(free.start - moment), free.start))
    return sorted(near[:most], key=lambda free: free.start)
