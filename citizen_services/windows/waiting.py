"""The waiting list (候补): a freed place is offered in order, for some time, before anybody else sees it.

An offer is a hold of its own kind: the place never becomes free in between. Whoever lets an offer pass goes behind
those who wait; whoever lets two pass waits no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.people.models import Citizen
from citizen_services.people.parameters import number
from citizen_services.rules.dates import local_date
from citizen_services.windows import offered, slots
from citizen_services.windows.booking_models import Appointment, BookingPause, Hold, WaitingEntry
from citizen_services.windows.errors import AlreadyBooked, HoldExpired, NoSuchBooking, NotOffered, NotThis
from citizen_services.windows.models import ServiceGroup, Slot
from citizen_services.windows.signals import offer_withdrawn, slot_offered
from citizen_services.windows.subjects import Subject

#: A place that is free so shortly before it begins is offered to nobody: it is simply free.
_TOO_LATE = timedelta(minutes=60)
#: At night nobody answers: an offer made then counts from the morning on.
_MORNING, _EVENING = time(8), time(21)
#: After so many offers let pass somebody waits no more.
_PASSES = 2
#: The longest that somebody may wait for.
MOST_DAYS = 60


@dataclass(frozen=True)
class Offer:
    """A place offered to somebody who waits; business times."""

    entry: WaitingEntry
    hold_id: UUID
    citizen: Citizen
    slot: Slot
    expires_at: datetime


def wait(citizen_id: UUID, service: str, office: str, from_day: date, until_day: date, subject: Subject) -> UUID:
    """Wait for a freed slot of a service at an office between two days; the entry's id. The caller commits.

    Raises NotOffered, AlreadyBooked, NotThis (the days don't make sense, or one waits for it already).
    """
    groups = slots.groups_of(service, office)
    if not groups:
        raise NotOffered("这个单位不办理这项业务，请另选一个单位。")
    today = clock.today()
    if not today <= from_day <= until_day <= today + timedelta(days=MOST_DAYS):
        raise NotThis(f"请填写今天起 {MOST_DAYS} 天以内的日期，开始日期不晚于结束日期。")
    if db.session.execute(select(_booked(subject.lookup, service))).scalar_one():
        raise AlreadyBooked
    current = select(WaitingEntry.id).where(
        WaitingEntry.subject_lookup == subject.lookup,
        WaitingEntry.service == service,
        WaitingEntry.office_code == office,
        WaitingEntry.state.in_(("waiting", "offered")),
    )
    if db.session.execute(current).first() is not None:
        raise NotThis("这项业务已经登记了候补，有空出的号源会按先后通知您。")
    change = Change(clock.now())
    entry_id = _add(change, citizen_id, groups[0].code, service, office, from_day, until_day, subject, rank=1)
    change.write()
    return entry_id


def put_first(change: Change, appointment: Appointment, slot: Slot, until_day: date) -> UUID:
    """Put whoever lost a place by our closing before all others who wait; the entry's id.

    Somebody may wait already: who let an offer run out and booked another time. Then that entry goes first.
    """
    day = max(clock.today(), local_date(slot.starts_at))
    mine = select(WaitingEntry).where(
        WaitingEntry.subject_lookup == appointment.subject_lookup,
        WaitingEntry.service == appointment.service,
        WaitingEntry.office_code == slot.office_code,
        WaitingEntry.state.in_(("waiting", "offered")),
    )
    waits = db.session.scalars(mine.execution_options(populate_existing=True)).first()
    if waits is not None:
        days = {"from_day": min(waits.from_day, day), "until_day": max(waits.until_day, until_day)}
        change.guard(update(WaitingEntry).where(WaitingEntry.id == waits.id).values(rank=0, **days))
        return waits.id
    args = (appointment.citizen_id, slot.group_code, appointment.service, slot.office_code)
    subject = Subject(appointment.subject_kind, appointment.plate, appointment.subject_lookup)
    return _add(change, *args, day, max(day, until_day), subject, rank=0)


def _add(
    change: Change,
    citizen_id: UUID,
    group: str,
    service: str,
    office: str,
    from_day: date,
    until_day: date,
    subject: Subject,
    rank: int,
) -> UUID:
    entry_id = new_id()
    change.add(
        WaitingEntry,
        id=entry_id,
        citizen_id=citizen_id,
        office_code=office,
        group_code=group,
        service=service,
        from_day=from_day,
        until_day=until_day,
        state="waiting",
        rank=rank,
        hold_id=None,
        at=change.at,
        ended_at=None,
        **subject.columns,
    )
    return entry_id


def _booked(lookup: Any, service: Any) -> Any:
    return exists().where(
        Appointment.subject_lookup == lookup,
        Appointment.service == service,
        Appointment.state.in_(("booked", "checked_in", "serving")),
    )


def offer_place(change: Change, slot_id: UUID) -> bool:
    """Add to a change that frees a place of a slot that it is offered to whoever waits first; False: to nobody.

    One offer a change: two changes that offer can't wait for one another.
    """
    slot = db.session.get_one(Slot, slot_id)
    ends = offer_ends(change.at, slot.starts_at)
    if slot.state != "open" or ends is None or slot.released_at > change.at:
        return False
    entry = _first(slot, change.at)
    if entry is None:
        return False
    hold_id = new_id()
    moved = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.state == "waiting")
    # After the hold's row, to which it points.
    change.count(moved.values(state="offered", hold_id=hold_id))
    change.add(
        Hold,
        id=hold_id,
        slot_id=slot_id,
        citizen_id=entry.citizen_id,
        service=entry.service,
        kind="offer",
        state="held",
        at=change.at,
        expires_at=ends,
        subject_kind=entry.subject_kind,
        plate=entry.plate,
        subject_lookup=entry.subject_lookup,
    )
    offer = Offer(entry, hold_id, db.session.get_one(Citizen, entry.citizen_id), slot, ends)
    slot_offered.send(entry.id, offer=offer, change=change)
    return True


def offer_ends(now: datetime, starts_at: datetime) -> datetime | None:
    """Until when an offer made now holds; None where the slot begins too soon for one."""
    ends = min(heard_from(now) + timedelta(minutes=number("booking_offer_minutes")), starts_at - _TOO_LATE)
    return ends.astimezone(now.tzinfo) if ends > now + _TOO_LATE / 4 else None


def heard_from(now: datetime) -> datetime:
    """From when somebody who is told something now can be thought to have read it: at night not before the morning."""
    local = now.astimezone(clock.SHANGHAI)
    morning = local.replace(hour=_MORNING.hour, minute=0, second=0, microsecond=0)
    if local.time() < _MORNING:
        return morning.astimezone(now.tzinfo)
    return (morning + timedelta(days=1)).astimezone(now.tzinfo) if local.time() >= _EVENING else now


def _first(slot: Slot, now: datetime) -> WaitingEntry | None:
    """Whoever waits first for what a slot takes, locked; whom another offer is being made to at this moment is left."""
    group = db.session.get_one(ServiceGroup, (slot.office_code, slot.group_code))
    services = [s for s in group.services if offered.offers(slot.office_code, slot.starts_at, group.services, s)]
    day = local_date(slot.starts_at)
    query = select(WaitingEntry).where(
        WaitingEntry.state == "waiting",
        WaitingEntry.office_code == slot.office_code,
        WaitingEntry.group_code == slot.group_code,
        WaitingEntry.service.in_(services),
        WaitingEntry.from_day <= day,
        WaitingEntry.until_day >= day,
        ~_booked(WaitingEntry.subject_lookup, WaitingEntry.service),
        ~exists().where(
            Hold.citizen_id == WaitingEntry.citizen_id,
            Hold.service == WaitingEntry.service,
            Hold.kind == "offer",
            Hold.state == "held",
        ),
        ~exists().where(BookingPause.citizen_id == WaitingEntry.citizen_id, BookingPause.until > now),
    )
    query = query.order_by(WaitingEntry.rank, WaitingEntry.id).limit(1).with_for_update(skip_locked=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).first()


def pass_by(change: Change, hold_id: UUID) -> None:
    """Add to a change that ends an offer's hold what becomes of whoever let it pass."""
    entry = db.session.scalars(
        select(WaitingEntry).where(WaitingEntry.hold_id == hold_id).execution_options(populate_existing=True)
    ).one()
    over = entry.passed + 1 >= _PASSES
    values: dict[str, Any] = {"hold_id": None, "passed": entry.passed + 1, "rank": entry.rank + 1, "state": "waiting"}
    if over:
        values |= {"state": "passed", "ended_at": change.at}
    change.guard(
        update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.hold_id == hold_id).values(**values)
    )


def take_back(change: Change, hold: Hold) -> None:
    """Add to a change that ends an offer's hold since its window closes: they let nothing pass, come first, are told.

    ``hold`` as it was offered.
    """
    query = select(WaitingEntry).where(WaitingEntry.hold_id == hold.id)
    entry = db.session.scalars(query.execution_options(populate_existing=True)).one()
    here = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.hold_id == hold.id)
    change.guard(here.values(hold_id=None, state="waiting", rank=0))
    person, slot = db.session.get_one(Citizen, entry.citizen_id), db.session.get_one(Slot, hold.slot_id)
    offer_withdrawn.send(entry.id, offer=Offer(entry, hold.id, person, slot, hold.expires_at), change=change)


def own_entry(citizen_id: UUID, entry_id: UUID) -> WaitingEntry:
    """A person's own entry; NoSuchBooking for others."""
    entry = db.session.get(WaitingEntry, entry_id, populate_existing=True)
    if entry is None or entry.citizen_id != citizen_id:
        raise NoSuchBooking
    return entry


def end(citizen_id: UUID, entry_id: UUID) -> None:
    """Wait no more. An offer that is open goes on to whoever waits next. The caller commits. Raises NoSuchBooking."""
    entry = own_entry(citizen_id, entry_id)
    if entry.state not in ("waiting", "offered"):
        return
    change = Change(clock.now())
    if entry.hold_id is not None:
        # The hold before the entry, as whoever books an offer or ends one that ran out.
        hold = db.session.get_one(Hold, entry.hold_id)
        held = update(Hold).where(Hold.id == hold.id, Hold.state == "held")
        change.guard(held.values(state="released", ended_at=change.at))
        offer_place(change, hold.slot_id)
    here = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.state == entry.state)
    change.guard(here.values(state="ended", hold_id=None, ended_at=change.at))
    change.write()


def of_citizen(citizen_id: UUID) -> Sequence[WaitingEntry]:
    """What a person waits for now, the oldest first."""
    query = select(WaitingEntry).where(
        WaitingEntry.citizen_id == citizen_id, WaitingEntry.state.in_(("waiting", "offered"))
    )
    return db.session.scalars(query.order_by(WaitingEntry.id)).all()


def end_overdue() -> None:
    """End the entries whose last day is over. The caller commits."""
    over = update(WaitingEntry).where(WaitingEntry.state == "waiting", WaitingEntry.until_day < clock.today())
    db.session.execute(over.values(state="ended", ended_at=clock.now()))


def offered_hold(citizen_id: UUID, entry_id: UUID) -> UUID:
    """The hold that is offered to a person's own entry. Raises NoSuchBooking, HoldExpired."""
    entry = own_entry(citizen_id, entry_id)
    if entry.hold_id is None:
        raise HoldExpired("现在没有为您保留的号源；有空出的号源会再通知您。")
    return entry.hold_id
