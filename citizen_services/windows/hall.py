"""The hall: tickets are drawn, called, recalled, skipped, transferred, finished; and who is ahead of whom.

A counter has one ticket at a time, which the database holds; two that press at once get different ones, since each
passes over the row that the other has locked. Rows are locked in the order ticket, appointment, slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases import visits
from citizen_services.cases.models import Case
from citizen_services.database import Change, db, new_id, violated_constraint
from citizen_services.people.actors import Actor
from citizen_services.people.parameters import number
from citizen_services.rules.dates import chinese_moment, end_of_day, local_date, start_of_day
from citizen_services.security import keyring, new_token
from citizen_services.windows import appointments, slots
from citizen_services.windows.booking_models import Appointment
from citizen_services.windows.errors import BookingError, NoSuchBooking, NotOffered, NotThis
from citizen_services.windows.hall_models import Ticket, TicketSeries
from citizen_services.windows.models import Counter, ServiceGroup, Slot
from citizen_services.windows.queue import Turns, next_channel

#: How long a finished or skipped turn can be taken back by whoever ended it.
UNDO = timedelta(seconds=15)


class CounterBusy(BookingError):
    """The counter still has somebody."""

    sentence = "这个窗口还有没办结的号，请先办结、过号或转号。"
    type = "counter-busy"


class NobodyWaits(BookingError):
    """There is nobody to call."""

    sentence = "现在没有等候的人。"
    type = "nobody-waits"


class NoPlace(BookingError):
    """The walk-in places of the rest of the day are given out."""

    sentence = "今天的现场号已经发完。可以预约以后的时间，或请值班领导安排。"
    type = "no-place"


@dataclass(frozen=True)
class Drawn:
    """A ticket that was given out; the token is its address on the phone, shown once."""

    ticket_id: UUID
    number: str
    token: str


def group_of(office_code: str, service: str) -> ServiceGroup:
    """The group that does a service at an office; NotOffered where none does."""
    groups = slots.groups_of(service, office_code)
    if not groups:
        raise NotOffered("这个大厅不办理这项业务。")
    return groups[0]


# --- Coming in ----------------------------------------------------------------------------------------------------


def draw(
    office_code: str, service: str, *, citizen_id: UUID | None = None, name: str = "", force: bool = False
) -> Drawn:
    """A ticket for somebody who walks in; nobody is refused while a walk-in place of today is left.

    ``force``: a supervisor lets them in beyond. Raises NoPlace, NotOffered. The caller commits.
    """
    now = clock.now()
    group = group_of(office_code, service)
    slot_id = _walk_in_place(office_code, group.code, now)
    if slot_id is None and not force:
        raise NoPlace
    change = Change(now)
    drawn = _ticket(change, group, service, "walk_in", now, citizen_id=citizen_id, name=name or None, slot_id=slot_id)
    change.write()
    return drawn


def _walk_in_place(office_code: str, group_code: str, now: datetime) -> UUID | None:
    """Take a walk-in place of the first slot of today that has one; None where all are given out."""
    open_today = select(Slot.id).where(
        Slot.state == "open",
        Slot.office_code == office_code,
        Slot.group_code == group_code,
        Slot.starts_at < end_of_day(local_date(now)),
        Slot.ends_at > now,
        Slot.walk_in_taken < Slot.walk_in,
    )
    slot_id = db.session.scalars(open_today.order_by(Slot.starts_at, Slot.id).limit(1).with_for_update()).first()
    if slot_id is not None:
        taken = update(Slot).where(Slot.id == slot_id)
        db.session.execute(taken.values(walk_in_taken=Slot.walk_in_taken + 1))
    return slot_id


def check_in(office_code: str, code: str) -> Drawn:
    """A ticket for a booking, by its QR code or number; whoever is late beyond grace waits among those who walked in.

    Raises NoSuchBooking, NotThis (another day, another hall, too early, in already). The caller commits.
    """
    code = code.strip().replace("\0", "")
    query = select(Appointment).where(
        (Appointment.checkin_lookup == appointments.checkin_lookup(code)) | (Appointment.number == code.upper())
    )
    found = db.session.scalars(query.execution_options(populate_existing=True)).first()
    if found is None:
        raise NoSuchBooking("没有找到这个预约，请核对预约编号，或现场取号。")
    return check_in_of(office_code, appointments.whole(found))


def check_in_of(office_code: str, booked: appointments.Booked) -> Drawn:
    """A ticket for a booking that is at hand; see ``check_in``."""
    appointment, slot, now = booked.appointment, booked.slot, clock.now()
    if slot.office_code != office_code:
        raise NotThis(f"预约的地点是{booked.office.name}，请到那里办理。")
    if local_date(slot.starts_at) != local_date(now):
        raise NotThis(f"预约的时间是{chinese_moment(slot.starts_at)}，今天可以现场取号，或先改期。")
    if appointment.state not in ("booked", "no_show"):
        raise NotThis("这个预约已经签到、办完或取消了。")
    if now < slot.starts_at - appointments.EARLY:
        raise NotThis(f"来早了：{chinese_moment(slot.starts_at - appointments.EARLY)}起可以签到。")
    if appointment.state == "no_show":
        appointments.refuse_beside_another(appointment)
    late = now > slot.ends_at + timedelta(minutes=number("booking_late_minutes"))
    group = group_of(office_code, appointment.service)
    change = Change(now)
    here = update(Appointment).where(Appointment.id == appointment.id, Appointment.version == appointment.version)
    came = {"state": "checked_in", "ended_at": None, "remind_at": None, "version": appointment.version + 1}
    change.guard(here.values(**came), NotThis)
    drawn = _ticket(
        change,
        group,
        appointment.service,
        "walk_in" if late else "booked",
        now if late else slot.starts_at,
        citizen_id=appointment.citizen_id,
        name=booked.citizen.name,
        appointment_id=appointment.id,
    )
    change.write()
    return drawn


def _ticket(change: Change, group: ServiceGroup, service: str, channel: str, due_at: datetime, **who: Any) -> Drawn:
    day, token = local_date(change.at), new_token(12)
    ticket_id, called = new_id(), _next_number(group, day)
    row: dict[str, Any] = {
        "slot_id": None,
        "appointment_id": None,
        "office_code": group.office_code,
        "day": day,
        "number": called,
        "group_code": group.code,
        "service": service,
        "channel": channel,
        "token_lookup": keyring().lookup("ticket", token),
        "state": "waiting",
        "version": 1,
        "due_at": due_at,
        "drawn_at": change.at,
        **who,
    }
    change.add(Ticket, id=ticket_id, **row)
    return Drawn(ticket_id, called, token)


def _next_number(group: ServiceGroup, day: date) -> str:
    """The next number of an office, day and letter: A001."""
    row = insert(TicketSeries).values(office_code=group.office_code, day=day, letter=group.letter, last=1)
    row = row.on_conflict_do_update(
        index_elements=("office_code", "day", "letter"), set_={"last": TicketSeries.last + 1}
    )
    last = db.session.execute(row.returning(TicketSeries.last)).scalar_one()
    return f"{group.letter}{last:03d}"


# --- Calling ------------------------------------------------------------------------------------------------------


def counters_of(office_code: str) -> Sequence[Counter]:
    """The counters of an office that are in use, by number."""
    query = select(Counter).where(Counter.office_code == office_code, Counter.active)
    return db.session.scalars(query.order_by(Counter.number)).all()


def at_counter(counter_id: UUID) -> Ticket | None:
    """The ticket that a counter has now."""
    query = select(Ticket).where(Ticket.counter_id == counter_id, Ticket.state.in_(("called", "serving")))
    return db.session.scalars(query.execution_options(populate_existing=True)).first()


def call_next(counter: Counter, actor: Actor) -> Ticket:
    """Call whoever is next to a counter. Raises CounterBusy, NobodyWaits. The caller commits."""
    now = clock.now()
    for channel in _channels(counter, now):
        ticket = db.session.scalars(
            _waiting(counter.office_code, counter.groups, channel, now).limit(1).with_for_update(skip_locked=True)
        ).first()
        if ticket is not None:
            return _call(ticket, counter, actor, now)
    raise NobodyWaits


def _waiting(office_code: str, groups: Sequence[str], channel: str, now: datetime) -> Select[Ticket]:
    """Those who wait in a row and whose time has come, the next one first."""
    query = select(Ticket).where(
        Ticket.office_code == office_code,
        Ticket.group_code.in_(groups),
        Ticket.channel == channel,
        Ticket.state == "waiting",
        Ticket.day == local_date(now),
        Ticket.due_at <= now,
    )
    return query.order_by(Ticket.due_at, Ticket.drawn_at, Ticket.id).execution_options(populate_existing=True)


def _channels(counter: Counter, now: datetime) -> Sequence[str]:
    """From which row a counter calls next, and the other one in case somebody else takes that one first."""
    office_code, groups = counter.office_code, counter.groups
    booked = db.session.scalars(_waiting(office_code, groups, "booked", now).limit(1)).first()
    walk_in = db.session.scalars(_waiting(office_code, groups, "walk_in", now).limit(1)).first()
    chosen = next_channel(
        booked is not None,
        walk_in.drawn_at if walk_in is not None else None,
        now,
        _turns(office_code, groups, now),
        timedelta(minutes=number("hall_longest_wait_minutes")),
    )
    if chosen is None:
        return ("booked", "walk_in")
    return (chosen, "walk_in" if chosen == "booked" else "booked")


def _turns(office_code: str, groups: Sequence[str], now: datetime) -> Turns:
    """Places by channel of the slots under way, and who was called today."""
    day = local_date(now)
    places = select(func.coalesce(func.sum(Slot.capacity), 0), func.coalesce(func.sum(Slot.walk_in), 0)).where(
        Slot.state == "open",
        Slot.office_code == office_code,
        Slot.group_code.in_(groups),
        Slot.starts_at >= start_of_day(day),
        Slot.starts_at < end_of_day(day),
    )
    booked, walk_in = db.session.execute(places).one()
    called = select(Ticket.channel, func.count()).where(
        Ticket.office_code == office_code,
        Ticket.group_code.in_(groups),
        Ticket.day == day,
        Ticket.called_at.is_not(None),
    )
    counted = {row[0]: row[1] for row in db.session.execute(called.group_by(Ticket.channel))}
    return Turns(booked, walk_in, counted.get("booked", 0), counted.get("walk_in", 0))


def _call(ticket: Ticket, counter: Counter, actor: Actor, now: datetime) -> Ticket:
    values = {"state": "called", "called_at": now, "counter_id": counter.id, "staff_id": actor.id}
    _turn(ticket, "waiting", calls=ticket.calls + 1, **values)
    return ticket


def _turn(ticket: Ticket, *states: str, **values: Any) -> None:
    """Move a ticket on, where it still is as it was seen; NotThis where a colleague was faster, CounterBusy."""
    here = update(Ticket).where(Ticket.id == ticket.id, Ticket.version == ticket.version, Ticket.state.in_(states))
    try:
        done = db.session.execute(here.values(version=ticket.version + 1, **values))
    except IntegrityError as fault:
        if violated_constraint(fault) == "uq_ticket_at_counter":
            raise CounterBusy from fault
        raise
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise NotThis("这个号刚刚有了变化，请刷新后再看。")
    db.session.refresh(ticket)


def ticket_of(office_code: str, ticket_id: UUID) -> Ticket:
    """A ticket of an office; NoSuchBooking for others."""
    found = db.session.get(Ticket, ticket_id, populate_existing=True)
    if found is None or found.office_code != office_code:
        raise NoSuchBooking("没有找到这个号。")
    return found


def recall(ticket: Ticket) -> None:
    """Call the same one again: the board shows it anew."""
    _turn(ticket, "called", called_at=clock.now(), calls=ticket.calls + 1)


def skip(ticket: Ticket) -> None:
    """Nobody came: the counter is free, and the ticket waits to be taken up again (过号)."""
    _turn(ticket, "called", state="skipped", counter_id=None)


def take_up(ticket: Ticket) -> None:
    """Somebody whose number was passed over has come: they wait again, as if they had just walked in."""
    _turn(ticket, "skipped", state="waiting", due_at=clock.now())


def start(ticket: Ticket, actor: Actor) -> None:
    """The person is at the counter: being served, which is a visit of theirs where it is known who they are."""
    now = clock.now()
    _turn(ticket, "called", state="serving", serving_at=now, staff_id=actor.id)
    appointment = db.session.get(Appointment, ticket.appointment_id) if ticket.appointment_id else None
    if appointment is not None:
        _appointment(ticket, "serving")
    if ticket.citizen_id is None:
        return
    change = Change(now)
    case = db.session.get(Case, appointment.case_id) if appointment is not None and appointment.case_id else None
    visits.check_in(change, ticket.citizen_id, actor, [case] if case is not None else [], known_by="ticket")
    change.write()


def _appointment(ticket: Ticket, state: str) -> None:
    ended = {"ended_at": clock.now()} if state in ("served", "no_show") else {"ended_at": None}
    here = update(Appointment).where(
        Appointment.id == ticket.appointment_id, Appointment.state.in_(("checked_in", "serving", "served", "no_show"))
    )
    db.session.execute(here.values(state=state, version=Appointment.version + 1, **ended))


def transfer(ticket: Ticket, group_code: str) -> None:
    """Hand somebody on to other counters (转号): they keep their number and wait there from the time they came."""
    if db.session.get(ServiceGroup, (ticket.office_code, group_code)) is None:
        raise NotOffered("请选择要转到的业务。")
    if group_code == ticket.group_code:
        raise NotThis("已经在这一类窗口等候。")
    now = clock.now()
    _turn(
        ticket,
        "called",
        "serving",
        state="waiting",
        group_code=group_code,
        counter_id=None,
        due_at=min(now, ticket.due_at),
    )
    if ticket.appointment_id:
        _appointment(ticket, "checked_in")


def finish(ticket: Ticket) -> None:
    """Done. After the end of the day's last slot it was overtime of whoever served."""
    now = clock.now()
    closing = select(func.max(Slot.ends_at)).where(
        Slot.office_code == ticket.office_code,
        Slot.group_code == ticket.group_code,
        Slot.starts_at >= start_of_day(ticket.day),
        Slot.starts_at < end_of_day(ticket.day),
    )
    last = db.session.execute(closing).scalar_one()
    overtime = last is not None and now > last
    _turn(ticket, "serving", state="done", done_at=now, outcome="served", overtime=overtime)
    if ticket.appointment_id:
        _appointment(ticket, "served")


def undo(ticket: Ticket, actor: Actor, counter: Counter) -> None:
    """Take back within a few seconds what one did oneself: a turn that was ended, or passed over."""
    now = clock.now()
    if ticket.staff_id != actor.id:
        raise NotThis("只能撤销自己刚才的操作。")
    if ticket.state == "done" and ticket.done_at is not None and now - ticket.done_at <= UNDO:
        _turn(ticket, "done", state="serving", done_at=None, outcome=None, overtime=False)
        if ticket.appointment_id:
            _appointment(ticket, "serving")
    elif ticket.state == "skipped" and ticket.called_at is not None and now - ticket.called_at <= 4 * UNDO:
        _turn(ticket, "skipped", state="called", counter_id=counter.id)
    else:
        raise NotThis("已经过了可以撤销的时间。")


def close_day() -> int:
    """End what is left of days that are over: whoever was passed over or never called has left. The caller commits."""
    over = update(Ticket).where(Ticket.state != "done", Ticket.day < clock.today())
    ended = db.session.execute(over.values(state="done", done_at=clock.now(), outcome="left", counter_id=None))
    appointments.end_come(exists().where(Ticket.appointment_id == Appointment.id, Ticket.day < clock.today()))
    return ended.rowcount  # type: ignore[attr-defined]
