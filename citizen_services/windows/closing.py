"""Closing or shrinking a published window: whom it touches is shown first, then everybody is moved or told in one act.

Rows are locked in the one order: appointments and holds by id, then slots, those that people may be moved to among
them. Should somebody have booked in between, the act begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db
from citizen_services.people.parameters import number
from citizen_services.rules.dates import end_of_day, local_date
from citizen_services.windows import appointments, offered, plans, waiting
from citizen_services.windows.appointments import Booked
from citizen_services.windows.booking_models import Appointment, Hold
from citizen_services.windows.errors import NotThis
from citizen_services.windows.models import PlanWeek, PlanWindow, Slot


@dataclass(frozen=True)
class Moved:
    """What became of whom a closing touched."""

    moved: int
    waiting: int


def slots_of(window: PlanWindow) -> Sequence[Slot]:
    """The open slots of a window for which nobody can have come yet: those that begin sooner go on as they are."""
    soonest = clock.now() + appointments.EARLY
    query = select(Slot).where(Slot.window_id == window.id, Slot.state == "open", Slot.starts_at > soonest)
    return db.session.scalars(query.order_by(Slot.id).execution_options(populate_existing=True)).all()


def touched(window: PlanWindow, booked: int) -> Sequence[Booked]:
    """Whom it touches that a window takes ``booked`` people a slot from now on (0 and closed: everybody)."""
    found = []
    for slot in slots_of(window):
        mine = appointments.of_slots([slot.id])
        found += [appointments.whole(one) for one in mine[booked:]]
    return sorted(found, key=lambda one: (one.slot.starts_at, one.appointment.id))


def close(week: PlanWeek, window: PlanWindow) -> Moved:
    """Close a window: nobody can book any more, and who did is moved or put first in waiting. The caller commits."""
    done = _reduce(window, 0, close=True)
    window.state = "closed"
    week.version += 1
    db.session.flush()
    return done


def shrink(week: PlanWeek, window: PlanWindow, booked: int) -> Moved:
    """Let a window take fewer people a slot. Raises NotThis where it wouldn't. The caller commits."""
    if not 0 <= booked < window.booked:
        raise NotThis(f"请填比现在（{window.booked}）小的数；要加号，请另加一段安排。")
    done = _reduce(window, booked, close=False)
    window.booked = booked
    week.version += 1
    db.session.flush()
    return done


def _reduce(window: PlanWindow, booked: int, *, close: bool) -> Moved:
    if window.state != "published":
        raise NotThis("只有已经公布的窗口可以关闭或缩减。")
    slots = slots_of(window)
    ids = [slot.id for slot in slots]
    # Children first, in order: whoever gives up or confirms now is waited for, and waits for nothing of ours.
    mine = select(Appointment).where(Appointment.slot_id.in_(ids), Appointment.state == "booked")
    rows = db.session.scalars(mine.order_by(Appointment.id).with_for_update()).all()
    held = select(Hold).where(Hold.slot_id.in_(ids), Hold.state == "held")
    kept = db.session.scalars(held.order_by(Hold.id).with_for_update()).all()
    # Those that people may be moved to as well, since locked later they would be out of order, or full by then.
    others = _equal(window, [] if not close else ids)
    locked = select(Slot).where(Slot.id.in_(ids) | Slot.id.in_(others)).order_by(Slot.id).with_for_update()
    fresh = db.session.scalars(locked.execution_options(populate_existing=True)).all()
    if sum(one.taken for one in fresh if one.id in ids) != len(rows) + len(kept):
        raise NotThis("刚刚又有人约到这个窗口，请重新确认一次。")
    change, moved, waits = Change(clock.now()), 0, 0
    leaving = _leaving(slots, rows, booked)
    for hold in _let_go(kept, rows, booked):
        here = update(Hold).where(Hold.id == hold.id, Hold.state == "held")
        change.guard(here.values(state="released", ended_at=change.at))
        if hold.kind == "offer":
            waiting.take_back(change, hold)
    last_day = local_date(change.at) + timedelta(days=waiting.MOST_DAYS)
    free = _Free(window, [one for one in fresh if one.id in others])
    for one in leaving:
        equal = free.take(one)
        if equal is not None:
            appointments.move_by_us(change, one, equal, equal.starts_at)
            moved += 1
        else:
            appointments.close_by_us(change, one, last_day)
            waits += 1
    for slot in slots:
        here = update(Slot).where(Slot.id == slot.id)
        change.count(here.values(state="closed") if close else here.values(capacity=booked))
    change.write()
    return Moved(moved, waits)


def _let_go(kept: Sequence[Hold], rows: Sequence[Appointment], booked: int) -> list[Hold]:
    """The holds for which no place is left beside those who booked; of each slot the oldest stay."""
    room = {one.slot_id: booked for one in kept}
    for one in rows:
        if one.slot_id in room:
            room[one.slot_id] -= 1
    gone = []
    for hold in kept:
        room[hold.slot_id] -= 1
        if room[hold.slot_id] < 0:
            gone.append(hold)
    return gone


def _leaving(slots: Sequence[Slot], rows: Sequence[Appointment], booked: int) -> list[Booked]:
    """Who can't stay: of each slot those who booked last."""
    by_slot: dict[UUID, list[Appointment]] = {slot.id: [] for slot in slots}
    for one in rows:
        by_slot[one.slot_id].append(one)
    return [appointments.whole(one) for some in by_slot.values() for one in some[booked:]]


def _equal(window: PlanWindow, without: Sequence[UUID]) -> set[UUID]:
    """The slots with places of the same services at the same office, within some days.

    None that begins before its person can be thought to have heard of it: that would be missed by our doing.
    """
    days = timedelta(days=number("booking_move_days"))
    soonest = waiting.heard_from(clock.now()) + timedelta(minutes=number("booking_move_notice_minutes"))
    query = select(Slot.id).where(
        Slot.state == "open",
        Slot.office_code == window.office_code,
        Slot.group_code == window.group_code,
        Slot.starts_at >= soonest,
        Slot.starts_at < end_of_day(window.day + days),
        Slot.taken < Slot.capacity,
        Slot.window_id.is_distinct_from(window.id),
    )
    return set(db.session.scalars(query)) - set(without)


class _Free:
    """Places in equal slots, which are locked; nearest first."""

    def __init__(self, window: PlanWindow, slots: Sequence[Slot]) -> None:
        self._slots = [one for one in sorted(slots, key=lambda one: one.starts_at) if one.state == "open"]
        self._left = {one.id: one.capacity - one.taken for one in self._slots}
        self._services = plans.groups_of(window.office_code)[window.group_code].services

    def take(self, booked: Booked) -> Slot | None:
        """The nearest place for somebody; None where there is none."""
        service, at = booked.appointment.service, booked.slot.starts_at
        fit = [
            one
            for one in self._slots
            if self._left[one.id] > 0
            and abs(one.starts_at - at) <= timedelta(days=number("booking_move_days"))
            and offered.offers(one.office_code, one.starts_at, self._services, service)
        ]
        if not fit:
            return None
        nearest = min(fit, key=lambda one: (abs(one.starts_at - at), one.starts_at))
        self._left[nearest.id] -= 1
        return nearest
