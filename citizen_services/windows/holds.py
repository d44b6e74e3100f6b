"""Holds (选号): a place kept for a bound person for some minutes, until it is booked, given back, or runs out.

What is stored first is the hold, last its slot's counter, which the database turns itself (booking_models.PLACES): so
many people who want one slot wait for one another only for the length of a commit, and one too many is refused there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases.once import do_once
from citizen_services.database import Change, Conflict, commit, db, new_id, violated_constraint
from citizen_services.database.base import rollback
from citizen_services.database.direct import Direct
from citizen_services.database.idempotency import Once
from citizen_services.people.parameters import number
from citizen_services.rules.dates import chinese_full_day, end_of_day, local_date, start_of_day
from citizen_services.windows import offered, slots, waiting
from citizen_services.windows.booking_models import Appointment, BookingPause, Hold
from citizen_services.windows.errors import (
    AlreadyBooked,
    BookingPaused,
    HoldLimit,
    NoSuchBooking,
    NotOffered,
    SlotFull,
    WindowClosed,
)
from citizen_services.windows.models import ServiceGroup, Slot
from citizen_services.windows.subjects import Subject

#: Constraints of the database, by what the person reads where one refuses.
REFUSED = {
    "ck_slot_not_overbooked": SlotFull,
    "slot_closed": WindowClosed,
    "uq_appointment_active": AlreadyBooked,
}
#: In the words of their indexes, which a parameter would not be known to fit.
_ACTIVE, _HELD = text("appointment.state IN ('booked', 'checked_in', 'serving')"), text("hold.state = 'held'")


def refused(fault: IntegrityError) -> Exception:
    """What a constraint of the database means to the person; the fault itself where it is none of booking's."""
    kind = REFUSED.get(violated_constraint(fault) or "")
    return fault if kind is None else kind()


#: All that decides about one hold, in one statement.
_LOOK = Direct(
    select(
        Slot.office_code,
        Slot.group_code,
        Slot.starts_at,
        Slot.released_at,
        Slot.state,
        Slot.capacity - Slot.taken,
        select(ServiceGroup.services)
        .where(ServiceGroup.office_code == Slot.office_code, ServiceGroup.code == Slot.group_code)
        .scalar_subquery(),
        select(func.count())
        .where(Hold.citizen_id == bindparam("citizen_id"), Hold.at >= bindparam("today"), Hold.kind == "own")
        .scalar_subquery(),
        select(Hold.id)
        .where(
            Hold.citizen_id == bindparam("citizen_id"),
            Hold.service == bindparam("service"),
            Hold.kind == "own",
            _HELD,
        )
        .scalar_subquery(),
        select(func.count())
        .where(
            Appointment.subject_lookup == bindparam("subject"),
            Appointment.service == bindparam("service"),
            _ACTIVE,
        )
        .scalar_subquery(),
        select(func.count())
        .where(Hold.slot_id == bindparam("slot_id"), _HELD, Hold.expires_at <= bindparam("now"))
        .scalar_subquery(),
        select(func.count())
        .where(BookingPause.citizen_id == bindparam("citizen_id"), BookingPause.until > bindparam("now"))
        .scalar_subquery(),
    ).where(Slot.id == bindparam("slot_id"))
)


def take(
    once: Once, citizen_id: UUID, slot_id: UUID, service: str, subject: Subject, *, by_clerk: bool = False
) -> dict[str, Any]:
    """Keep a place for a person, once, and commit; the answer as the API gives it (``hold_id, expires_at``).

    A place that the person kept before for the same service is given back. Raises a BookingError: SlotFull with the
    nearest free slots, WindowClosed, NotOffered, AlreadyBooked, HoldLimit, BookingPaused, NoSuchBooking. ``by_clerk``:
    chosen for them at the counter, where neither limits nor pauses bind.
    """
    return _take(once, citizen_id, slot_id, service, subject, by_clerk, again=True)


def _take(
    once: Once, citizen_id: UUID, slot_id: UUID, service: str, subject: Subject, by_clerk: bool, *, again: bool
) -> dict[str, Any]:
    def act(once: Once) -> dict[str, Any]:
        return _hold(once, citizen_id, slot_id, service, subject, by_clerk)

    try:
        # Whether the key was used is found when its row is written: most requests are no repetition.
        return do_once(once, act, asked=True)
    except IntegrityError as fault:
        if again and violated_constraint(fault) == "uq_hold_current":
            # The same person, at the same moment, elsewhere: what they took there is given back now.
            return _take(once, citizen_id, slot_id, service, subject, by_clerk, again=False)
        told = refused(fault)
        if isinstance(told, SlotFull):
            told = _full(slot_id, service)
        raise told from fault
    except _RunOut:
        rollback()
        for hold_id in due(slot_id):
            expire(hold_id)
        if again:
            return _take(once, citizen_id, slot_id, service, subject, by_clerk, again=False)
        raise _full(slot_id, service) from None


def _full(slot_id: UUID, service: str) -> SlotFull:
    """That a slot is full, with the free ones nearest to it."""
    slot = db.session.get_one(Slot, slot_id, populate_existing=True)
    return SlotFull(slots.nearest(service, slot.office_code, slot.starts_at))


def refuse_paused(citizen_id: UUID, now: datetime) -> None:
    """Raise BookingPaused (no-shows) or HoldLimit (places let run out) while booking is closed to a person."""
    query = select(BookingPause.why, BookingPause.until).where(
        BookingPause.citizen_id == citizen_id, BookingPause.until > now
    )
    for why, until in db.session.execute(query.order_by(BookingPause.why.desc())):
        if why == "no_show":
            day = chinese_full_day(local_date(until))
            raise BookingPaused(f"您多次预约后没有到场，{day}起可以再预约。这期间可以随时到窗口现场取号，不受影响。")
        minutes = max(1, round((until - now) / timedelta(minutes=1)))
        raise HoldLimit(f"您连续选号后没有确认，请{minutes}分钟后再选；也可以直接到窗口取号办理。", until)


class _RunOut(Exception):
    """The slot is full, and some of those who hold it are out of time: they go first."""


def _hold(
    once: Once, citizen_id: UUID, slot_id: UUID, service: str, subject: Subject, by_clerk: bool
) -> dict[str, Any]:
    now = clock.now()
    found = _LOOK.first(
        slot_id=slot_id,
        citizen_id=citizen_id,
        service=service,
        subject=subject.lookup,
        now=now,
        today=start_of_day(local_date(now)),
    )
    if found is None:
        raise NoSuchBooking
    office, _, starts_at, released_at, state, free, services, today, current, active, run_out, paused = found
    if state != "open" or starts_at <= now or released_at > now:
        raise WindowClosed
    if not offered.offers(office, starts_at, services or (), service):
        raise NotOffered
    if active:
        raise AlreadyBooked
    if paused and not by_clerk:
        refuse_paused(citizen_id, now)
    if today >= number("booking_holds_a_day") and not by_clerk:
        sentence = "您今天选号的次数已经用完，明天可以再选；也可以直接到窗口取号办理。"
        raise HoldLimit(sentence, end_of_day(local_date(now)))
    if free <= 0:
        if run_out:
            raise _RunOut
        raise SlotFull(slots.nearest(service, office, starts_at))
    change = Change(now)
    if current is not None:
        _lock(current, slot_id)
        change.guard(_GIVE_BACK, Conflict, hold_id=current, at=now)
    hold_id, expires_at = new_id(), min(now + timedelta(minutes=number("booking_hold_minutes")), starts_at)
    change.add(
        Hold,
        id=hold_id,
        slot_id=slot_id,
        citizen_id=citizen_id,
        service=service,
        kind="own",
        state="held",
        at=now,
        expires_at=expires_at,
        **subject.columns,
    )
    answer = {"hold_id": str(hold_id), "expires_at": expires_at.isoformat()}
    once.remember(change, answer)
    change.write(last=True)
    return answer


_GIVE_BACK = Direct(
    update(Hold)
    .where(Hold.id == bindparam("hold_id"), Hold.state == "held")
    .values(state="released", ended_at=bindparam("at"))
)


def _lock(hold_id: UUID, slot_id: UUID) -> None:
    """Lock a hold that is given back, then both slots in order of their ids: so two acts wait and never deadlock."""
    held = db.session.execute(select(Hold.slot_id).where(Hold.id == hold_id).with_for_update()).scalar_one()
    both = select(Slot.id).where(Slot.id.in_((held, slot_id))).order_by(Slot.id).with_for_update()
    db.session.execute(both).all()


def release(citizen_id: UUID, hold_id: UUID) -> None:
    """Give a place back. Nothing happens where it is over already. Raises NoSuchBooking. The caller commits."""
    hold = db.session.get(Hold, hold_id, populate_existing=True)
    if hold is None or hold.citizen_id != citizen_id:
        raise NoSuchBooking
    if hold.state != "held":
        return
    _end(hold, "released")


def expire(hold_id: UUID) -> bool:
    """End a hold whose time is over, in a transaction of its own; False where somebody else was faster.

    The place goes to whoever waits before anybody else sees it; a person who let several run out today pauses.
    """
    hold = db.session.get(Hold, hold_id, populate_existing=True)
    if hold is None or hold.state != "held" or hold.expires_at > clock.now():
        commit()
        return False
    try:
        _end(hold, "expired")
        commit()
    except (Conflict, IntegrityError):
        # Booked or given back at this moment; or whoever waits was offered another place: the next sweep looks again.
        rollback()
        return False
    return True


def _end(hold: Hold, state: str) -> None:
    change = Change(clock.now())
    ended = update(Hold).where(Hold.id == hold.id, Hold.state == "held")
    change.guard(ended.values(state=state, ended_at=change.at))
    if hold.kind == "offer":
        waiting.pass_by(change, hold.id)
    elif state == "expired":
        _pause(change, hold.citizen_id)
    waiting.offer_place(change, hold.slot_id)
    change.write()


def _pause(change: Change, citizen_id: UUID) -> None:
    """Let a person pause who let too many holds run out today, this one included."""
    run_out = select(func.count()).where(
        Hold.citizen_id == citizen_id,
        Hold.at >= start_of_day(local_date(change.at)),
        Hold.kind == "own",
        Hold.state == "expired",
    )
    if db.session.execute(run_out).scalar_one() + 1 >= number("booking_expired_holds"):
        pause(citizen_id, "holds", change.at + timedelta(minutes=number("booking_pause_minutes")))


def pause(citizen_id: UUID, why: str, until: datetime) -> None:
    """Close booking to a person until then. The caller commits."""
    row = insert(BookingPause).values(citizen_id=citizen_id, why=why, until=until)
    db.session.execute(row.on_conflict_do_update(index_elements=("citizen_id", "why"), set_={"until": until}))


def due(slot_id: UUID | None = None, most: int = 200) -> Sequence[UUID]:
    """Holds whose time is over, of one slot or of all, the oldest first."""
    query = select(Hold.id).where(_HELD, Hold.expires_at <= clock.now())
    if slot_id is not None:
        query = query.where(Hold.slot_id == slot_id)
    return db.session.scalars(query.order_by(Hold.expires_at, Hold.id).limit(most)).all()


def expire_due() -> None:
    """End every hold whose time is over, each in a transaction of its own; safe to run twice at once."""
    for hold_id in due():
        expire(hold_id)
    commit()
