"""Appointments (预约): a hold becomes one in place; it is moved, cancelled, come to or missed.

The order in which rows are locked is one: an appointment, a hold or a waiting entry, then the slots (by id, which the
database does itself where an appointment moves). Whoever is offered a freed place is passed over while somebody else
has their entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, case, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases.once import do_once
from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, db, new_id
from citizen_services.database.direct import Direct, apart
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, Office
from citizen_services.people.queries import office
from citizen_services.rules.keyset import Place
from citizen_services.security import keyring, new_token
from citizen_services.windows import holds, offered, slots, waiting
from citizen_services.windows.booking_models import (
    Appointment,
    Hold,
    WaitingEntry,
)
from citizen_services.windows.errors import HoldExpired, NoSuchBooking, NotOffered, NotThis, SlotFull, WindowClosed
from citizen_services.windows.held import held
from citizen_services.windows.models import ServiceGroup, Slot
from citizen_services.windows.signals import appointment_moved

#: When its person is reminded: the evening before, and that morning.
_EVENING, _MORNING = time(17), time(7, 30)
#: How long before the slot one may come.
EARLY = timedelta(minutes=30)


@dataclass(frozen=True)
class Booked:
    """An appointment as its person is told of it."""

    appointment: Appointment
    slot: Slot
    citizen: Citizen
    service: ServiceItem | CounterService
    #: The slot that it was moved from, where it was.
    before: Slot | None = None
    #: For ``paused``: until when.
    until: datetime | None = None
    #: For ``booked``: what receivers had read with the hold (held.ALONG).
    along: Mapping[str, Any] = field(default_factory=dict)

    @property
    def office(self) -> Office:
        """Where it is."""
        return office(self.slot.office_code)


#: What a clerk's act for somebody adds to its change: the record of who did it.
Noted = Callable[[Change, Booked], None]

_CONVERT = Direct(
    update(Hold)
    .where(Hold.id == bindparam("hold_id"), Hold.state == "held", Hold.expires_at > bindparam("at"))
    .values(state="booked", ended_at=bindparam("at"))
)


def book(
    once: Once, citizen_id: UUID, hold_id: UUID, door: str, *, case_id: UUID | None = None, noted: Noted | None = None
) -> dict[str, Any]:
    """Turn a hold into an appointment, once, and commit; ``appointment_id, number, checkin_code`` as the API says.

    Raises HoldExpired, AlreadyBooked, WindowClosed, NoSuchBooking.
    """

    def act(once: Once) -> dict[str, Any]:
        return _book(once, citizen_id, hold_id, door, case_id, noted)

    try:
        return do_once(once, act, asked=True)
    except IntegrityError as fault:
        raise holds.refused(fault) from fault


def _book(
    once: Once, citizen_id: UUID, hold_id: UUID, door: str, case_id: UUID | None, noted: Noted | None
) -> dict[str, Any]:
    found = held(citizen_id, hold_id)
    if found is None:
        raise NoSuchBooking
    hold, slot, change = found.hold, found.slot, Change(clock.now())
    if hold.state == "released" and slot.state == "closed":
        raise WindowClosed("这个窗口临时不开了，为您保留的时段不能再用，请另选一个时段。")
    if hold.state != "held" or hold.expires_at <= change.at or slot.starts_at <= change.at:
        raise HoldExpired
    change.guard(_CONVERT, HoldExpired, hold_id=hold.id, at=change.at)
    offer = hold.kind == "offer"
    if found.waits:
        _end_waiting(change, hold)
    code = new_token(9)
    values: dict[str, Any] = {
        "id": new_id(),
        "number": f"Y{change.at.astimezone(clock.SHANGHAI):%y%m%d}-{found.number % 1_000_000:06d}",
        "slot_id": slot.id,
        "citizen_id": citizen_id,
        "service": hold.service,
        "subject_kind": hold.subject_kind,
        "plate": hold.plate,
        "subject_lookup": hold.subject_lookup,
        "state": "booked",
        "version": 1,
        "checkin_code": code,
        "checkin_lookup": checkin_lookup(code),
        "case_id": case_id,
        "door": "waiting" if offer else door,
        "at": change.at,
        "ended_at": None,
        "remind_at": next_reminder(slot.starts_at, change.at),
        "decline_until": None,
        "moved_from": None,
    }
    change.add(Appointment, **values)
    service = parts().catalogue.service(hold.service)
    booked = Booked(apart(Appointment, values), slot, found.citizen, service, along=found.along)
    appointment_moved.send("booked", booked=booked, change=change)
    if noted is not None:
        noted(change, booked)
    answer = {"appointment_id": str(values["id"]), "number": values["number"], "checkin_code": code}
    once.remember(change, answer)
    change.write(last=True)
    return answer


def _end_waiting(change: Change, hold: Hold) -> None:
    """Whoever books waits no more for that service; an offer that was taken says so. A vehicle may be anybody's."""
    current = select(WaitingEntry).where(
        WaitingEntry.citizen_id == hold.citizen_id,
        WaitingEntry.subject_lookup == hold.subject_lookup,
        WaitingEntry.service == hold.service,
        WaitingEntry.state.in_(("waiting", "offered")),
    )
    for entry in db.session.scalars(current.order_by(WaitingEntry.id)).all():
        taken = entry.hold_id == hold.id
        if entry.state == "offered" and not taken:
            # Its own hold runs out by itself, and goes to whoever waits next.
            continue
        here = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.state == entry.state)
        state = "taken" if taken else "ended"
        change.guard(here.values(state=state, hold_id=None, ended_at=change.at))


def checkin_lookup(code: str) -> bytes:
    """The keyed hash under which the code of a check-in QR is found."""
    return keyring().lookup("checkin", code)


def next_reminder(starts_at: datetime, now: datetime) -> datetime | None:
    """When the person of an appointment is reminded next: the evening before, that morning; None: no more."""
    day = starts_at.astimezone(clock.SHANGHAI).date()
    evening = datetime.combine(day - timedelta(days=1), _EVENING, clock.SHANGHAI)
    morning = datetime.combine(day, _MORNING, clock.SHANGHAI)
    last = starts_at - timedelta(minutes=30)
    due = [moment.astimezone(starts_at.tzinfo) for moment in (evening, morning) if now < moment < last]
    return due[0] if due else None


# --- Reading ------------------------------------------------------------------------------------------------------


def own(citizen_id: UUID, appointment_id: UUID) -> Booked:
    """A person's own appointment; NoSuchBooking for others."""
    found = db.session.get(Appointment, appointment_id, populate_existing=True)
    if found is None or found.citizen_id != citizen_id:
        raise NoSuchBooking
    return whole(found)


def whole(appointment: Appointment) -> Booked:
    """An appointment with its slot, person and service."""
    return Booked(
        appointment,
        db.session.get_one(Slot, appointment.slot_id, populate_existing=True),
        db.session.get_one(Citizen, appointment.citizen_id),
        parts().catalogue.service(appointment.service),
        db.session.get(Slot, appointment.moved_from) if appointment.moved_from else None,
    )


def of_citizen(citizen_id: UUID, *, limit: int = 20, after: Place | None = None) -> Sequence[Appointment]:
    """A person's appointments, newest first."""
    query = select(Appointment).where(Appointment.citizen_id == citizen_id)
    if after is not None and after[0] is not None:
        query = query.where(tuple_(Appointment.at, Appointment.id) < tuple_(after[0], after[1]))
    return db.session.scalars(query.order_by(Appointment.at.desc(), Appointment.id.desc()).limit(limit)).all()


def of_slots(slot_ids: Sequence[UUID]) -> Sequence[Appointment]:
    """The appointments that are still to come of some slots, in the order in which they were booked."""
    query = select(Appointment).where(Appointment.slot_id.in_(slot_ids), Appointment.state == "booked")
    return db.session.scalars(query.order_by(Appointment.id)).all()


# --- Changing -----------------------------------------------------------------------------------------------------


def move(
    once: Once,
    citizen_id: UUID,
    appointment_id: UUID,
    version: int | None,
    slot_id: UUID,
    *,
    noted: Noted | None = None,
) -> dict[str, Any]:
    """Move an appointment to another slot of the same service, once, and commit. Its id and number stay.

    Raises SlotFull with the nearest free slots, WindowClosed, NotOffered, NotThis, NoSuchBooking.
    """

    def act(once: Once) -> dict[str, Any]:
        booked = own(citizen_id, appointment_id)
        _refuse_moved_on(booked.appointment, version)
        change = Change(clock.now())
        if booked.appointment.state != "booked" or booked.slot.starts_at <= change.at:
            raise NotThis("已经过了预约的时段，不能再改期；需要的话请重新预约。")
        to = _fit(slot_id, booked.appointment.service, change.at)
        if to.id == booked.slot.id:
            raise NotThis("已经预约在这个时段，不用改期。")
        _move(change, booked, to, decline_until=None, moved_from=None)
        waiting.offer_place(change, booked.slot.id)
        appointment_moved.send("moved", booked=_moved(booked, to), change=change)
        if noted is not None:
            noted(change, booked)
        answer = {"appointment_id": str(appointment_id), "number": booked.appointment.number}
        once.remember(change, answer)
        change.write()
        return answer

    try:
        return do_once(once, act, asked=True)
    except IntegrityError as fault:
        told = holds.refused(fault)
        if isinstance(told, SlotFull):
            slot = db.session.get_one(Slot, slot_id, populate_existing=True)
            booked = own(citizen_id, appointment_id)
            told = SlotFull(slots.nearest(booked.appointment.service, slot.office_code, slot.starts_at))
        raise told from fault


def move_by_us(change: Change, booked: Booked, to: Slot, decline_until: datetime) -> None:
    """Add to a change that we move an appointment whose window closes; its person may decline it until then.

    The place that becomes free is offered to nobody. IntegrityError (holds.refused) where the slot is full.
    """
    _move(change, booked, to, decline_until=decline_until, moved_from=booked.slot.id)
    appointment_moved.send("moved_by_us", booked=_moved(booked, to), change=change)


def close_by_us(change: Change, booked: Booked, until_day: date) -> None:
    """Add to a change that an appointment ends since its window closes and nothing equal is free: first in waiting."""
    end(change, booked.appointment, "cancelled")
    waiting.put_first(change, booked.appointment, booked.slot, until_day)
    appointment_moved.send("closed", booked=booked, change=change)


def _fit(slot_id: UUID, service: str, now: datetime) -> Slot:
    slot = db.session.get(Slot, slot_id, populate_existing=True)
    if slot is None:
        raise NoSuchBooking
    if slot.state != "open" or slot.starts_at <= now or slot.released_at > now:
        raise WindowClosed
    group = db.session.get_one(ServiceGroup, (slot.office_code, slot.group_code))
    if not offered.offers(slot.office_code, slot.starts_at, group.services, service):
        raise NotOffered
    return slot


def _move(change: Change, booked: Booked, to: Slot, **values: Any) -> None:
    appointment = booked.appointment
    here = update(Appointment).where(
        Appointment.id == appointment.id,
        Appointment.version == appointment.version,
        Appointment.state == "booked",
    )
    values |= {"slot_id": to.id, "remind_at": next_reminder(to.starts_at, change.at)}
    change.guard(here.values(version=appointment.version + 1, **values), NotThis)


def _moved(booked: Booked, to: Slot) -> Booked:
    return Booked(booked.appointment, to, booked.citizen, booked.service, booked.slot)


def cancel(
    once: Once, citizen_id: UUID, appointment_id: UUID, version: int | None, *, noted: Noted | None = None
) -> dict[str, Any]:
    """Give an appointment up before it begins, once, and commit; its place goes to whoever waits.

    Raises NotThis (over, moved on, or begun: from then on only coming counts), NoSuchBooking.
    """

    def act(once: Once) -> dict[str, Any]:
        booked = own(citizen_id, appointment_id)
        _refuse_moved_on(booked.appointment, version)
        if booked.appointment.state != "booked":
            raise NotThis
        change = Change(clock.now())
        if booked.slot.starts_at <= change.at:
            # Whoever could give it up now would never have missed one, and its place is of use to nobody.
            raise NotThis("预约的时段已经开始，不能再取消。今天还来的，到了可以签到，或在现场取号办理。")
        end(change, booked.appointment, "cancelled")
        waiting.offer_place(change, booked.slot.id)
        appointment_moved.send("cancelled", booked=booked, change=change)
        if noted is not None:
            noted(change, booked)
        answer = {"appointment_id": str(appointment_id), "number": booked.appointment.number}
        once.remember(change, answer)
        change.write()
        return answer

    try:
        return do_once(once, act, asked=True)
    except IntegrityError as fault:
        raise holds.refused(fault) from fault


def _refuse_moved_on(appointment: Appointment, version: int | None) -> None:
    if version is not None and version != appointment.version:
        raise NotThis("预约刚刚有了变化，请查看最新内容后再决定。")


def end(change: Change, appointment: Appointment, state: str) -> None:
    """A booked appointment ends in a state, and nobody is reminded of it; `NotThis` where it moved on meanwhile."""
    here = update(Appointment).where(
        Appointment.id == appointment.id,
        Appointment.version == appointment.version,
        Appointment.state == "booked",
    )
    ended: Mapping[str, Any] = {"state": state, "ended_at": change.at, "remind_at": None}
    change.guard(here.values(version=appointment.version + 1, **ended), NotThis)


def refuse_beside_another(missed: Appointment) -> None:
    """Raise NotThis where a missed booking was followed by another one of the same: that one is what they come with."""
    query = select(Appointment).where(
        Appointment.subject_lookup == missed.subject_lookup,
        Appointment.service == missed.service,
        Appointment.state.in_(("booked", "checked_in", "serving")),
    )
    newer = db.session.scalars(query).first()
    if newer is not None:
        which = f"（{newer.number}）" if newer.citizen_id == missed.citizen_id else ""
        raise NotThis(f"这次没有按时来，后来又有了新的预约{which}，请用新的预约签到，或现场取号。")


def end_come(whose: ColumnElement[bool]) -> None:
    """End the bookings of a day that is over whose people came. The caller commits.

    Whoever was being served was served; whoever left before is no no-show. One that stayed active would be in the way
    of the next for ever.
    """
    come = update(Appointment).where(Appointment.state.in_(("checked_in", "serving")), whose)
    state = case((Appointment.state == "serving", "served"), else_="cancelled")
    db.session.execute(
        come.values(state=state, ended_at=clock.now(), version=Appointment.version + 1),
        execution_options={"synchronize_session": False},
    )
