"""What an office's windows rest on, as its planner keeps it: groups of services, counters, partners' desks.

Dates and rules stand in ground_rules.py. Each change goes into the record of administration. The caller commits, then
calls ``desks.forget_desks``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.catalogue.counter import PARTNER_DESKS
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import changed, record
from citizen_services.rules.opening import Spans, week_words, words_of
from citizen_services.windows import plans
from citizen_services.windows.booking_models import Appointment
from citizen_services.windows.desks import Desk
from citizen_services.windows.errors import NoSuchBooking, NotThis
from citizen_services.windows.hall_models import Ticket
from citizen_services.windows.models import (
    Counter,
    DeskDay,
    DeskHours,
    PartnerDesk,
    ServiceGroup,
    Slot,
)
from citizen_services.windows.offered import desks_needed

#: How far ahead a single date may be set otherwise.
FURTHEST_DAYS = 400


# --- Reading ------------------------------------------------------------------------------------------------------


def counters(office_code: str) -> Sequence[Counter]:
    """Every counter of an office by number, those that were given up too."""
    query = select(Counter).where(Counter.office_code == office_code)
    return db.session.scalars(query.order_by(Counter.number)).all()


def partner_desks(office_code: str) -> Sequence[PartnerDesk]:
    """The partners' desks of an office, in the order in which partners are listed."""
    rows = db.session.scalars(select(PartnerDesk).where(PartnerDesk.office_code == office_code)).all()
    order = list(PARTNER_DESKS)
    return sorted(rows, key=lambda one: (order.index(one.partner) if one.partner in order else len(order), one.partner))


def week_of_desk(desk_id: UUID) -> dict[int, Spans]:
    """A desk's hours by weekday; Monday is 0."""
    return {row.weekday: row.spans for row in db.session.scalars(select(DeskHours).where(DeskHours.desk_id == desk_id))}


def days_of_desk(desk_id: UUID) -> Sequence[DeskDay]:
    """The dates from today on at which a desk is open otherwise."""
    query = select(DeskDay).where(DeskDay.desk_id == desk_id, DeskDay.day >= clock.today())
    return db.session.scalars(query.order_by(DeskDay.day)).all()


def bookable() -> Mapping[str, str]:
    """Names of the services that a group may do, by code: counter-only ones, and items that the counter may want."""
    catalogue = parts().catalogue
    counter_only = {one.code: one.name for one in catalogue.counter_services()}
    return counter_only | {one.code: one.name for one in catalogue.items()}


def group(office_code: str, code: str) -> ServiceGroup:
    """A group of an office; NoSuchBooking where there is none such."""
    found = db.session.get(ServiceGroup, (office_code, code)) if "\0" not in code else None
    if found is None:
        raise NoSuchBooking("没有找到这个业务组。")
    return found


def counter(office_code: str, counter_id: UUID) -> Counter:
    """A counter of an office; NoSuchBooking where there is none such."""
    found = db.session.get(Counter, counter_id)
    if found is None or found.office_code != office_code:
        raise NoSuchBooking("没有找到这个窗口。")
    return found


def desk(office_code: str, desk_id: UUID) -> PartnerDesk:
    """A partner's desk of an office; NoSuchBooking where there is none such."""
    found = db.session.get(PartnerDesk, desk_id)
    if found is None or found.office_code != office_code:
        raise NoSuchBooking("没有找到这个驻点窗口。")
    return found


def here_of(actor: Actor) -> str:
    """The office of an actor; NoSuchBooking for one without."""
    if actor.office is None:
        raise NoSuchBooking("没有找到您的单位。")
    return actor.office


# --- Groups of services -------------------------------------------------------------------------------------------


def save_group(actor: Actor, code: str | None, name: str, letter: str, services: Sequence[str]) -> None:
    """Change a group of services, or make one (None). Raises NotThis, NoSuchBooking."""
    here, known = here_of(actor), bookable()
    every = plans.groups_of(here)
    kept = [one for one in known if one in set(services)]
    if not kept:
        raise NotThis("请至少选一项业务。")
    taken = next((one for one in every.values() if one.letter == letter and one.code != code), None)
    if taken is not None:
        raise NotThis(f"字母 {letter} 已经用在“{taken.name}”上，请换一个字母。")
    found = group(here, code) if code is not None else None
    if found is None:
        place = max((one.place for one in every.values()), default=-1) + 1
        made = ServiceGroup(
            office_code=here, code=_free_code(letter, set(every)), name=name, letter=letter, place=place
        )
        made.services = kept
        db.session.add(made)
        db.session.flush()
        record(actor, "ground_changed", here, {}, _group_words(made, known))
        return
    before = _group_words(found, known)
    for gone in (one for one in found.services if one not in kept):
        booked = _booked(here, found.code, [gone])
        if booked:
            raise NotThis(f"还有 {len(booked)} 人预约了{known.get(gone, gone)}，办完或者改约以后才能去掉这项业务。")
    found.name, found.letter, found.services = name, letter, kept
    db.session.flush()
    record(actor, "ground_changed", here, *changed(before, _group_words(found, known)))


def _free_code(letter: str, taken: set[str]) -> str:
    tries = (f"group-{letter.lower()}{'' if n == 1 else n}" for n in range(1, len(taken) + 2))
    return next(one for one in tries if one not in taken)


def _group_words(one: ServiceGroup, known: Mapping[str, str]) -> dict[str, str]:
    services = "、".join(known.get(code, code) for code in one.services)
    return {f"业务组 {one.code}": f"{one.name}（{one.letter}）：{services}"}


def _booked(office_code: str, group_code: str | None, services: Sequence[str]) -> Sequence[tuple[Appointment, Slot]]:
    """Who has booked one of these services at an office from now on, by time."""
    query = (
        select(Appointment, Slot)
        .join(Slot, Slot.id == Appointment.slot_id)
        .where(
            Slot.office_code == office_code,
            Slot.starts_at > clock.now(),
            Appointment.state == "booked",
            Appointment.service.in_(services),
        )
        .order_by(Slot.starts_at, Appointment.number)
    )
    if group_code is not None:
        query = query.where(Slot.group_code == group_code)
    return [(appointment, slot) for appointment, slot in db.session.execute(query)]


# --- Counters -----------------------------------------------------------------------------------------------------


def save_counter(
    actor: Actor, counter_id: UUID | None, number: int, name: str, groups: Sequence[str], *, active: bool
) -> None:
    """Change a counter and what it can do, or set one up (None). Raises NotThis, NoSuchBooking."""
    here = here_of(actor)
    every = plans.groups_of(here)
    kept = [code for code in every if code in set(groups)]
    if active and not kept:
        raise NotThis("请至少选一个业务组；不再用的窗口请选“停用”。")
    double = select(Counter.id).where(Counter.office_code == here, Counter.number == number)
    if db.session.scalars(double).first() not in (None, counter_id):
        raise NotThis(f"已经有 {number} 号窗口，请换一个号，或者去修改那个窗口。")
    found = counter(here, counter_id) if counter_id is not None else None
    before = _counter_words(found, every) if found is not None else {}
    if found is None:
        found = Counter(id=new_id(), office_code=here)
        db.session.add(found)
    elif (not active or number != found.number) and _at_work(found.id):
        raise NotThis("这个窗口正在叫号或办理，办完手上的号再改号码或停用。")
    found.number, found.name, found.groups, found.active = number, name, kept, active
    db.session.flush()
    record(actor, "ground_changed", here, *changed(before, _counter_words(found, every)))


def _at_work(counter_id: UUID) -> bool:
    busy = exists().where(Ticket.counter_id == counter_id, Ticket.state.in_(("called", "serving")))
    return bool(db.session.scalar(select(busy)))


def _counter_words(one: Counter, groups: Mapping[str, ServiceGroup]) -> dict[str, str]:
    can = "、".join(groups[code].name for code in one.groups if code in groups)
    return {f"{one.number} 号窗口": f"{one.name}：{can}" + ("" if one.active else "（停用）")}


# --- Partners' desks ----------------------------------------------------------------------------------------------


def save_desk(
    actor: Actor, desk_id: UUID | None, partner: str, name: str, where: str, week: Mapping[int, Spans]
) -> None:
    """Change a partner's desk and its week, or set one up (None). Raises NotThis, NoSuchBooking."""
    here = here_of(actor)
    if partner not in PARTNER_DESKS:
        raise NotThis("请选择合作单位。")
    double = select(PartnerDesk).where(PartnerDesk.office_code == here, PartnerDesk.partner == partner)
    other = db.session.scalars(double).first()
    if other is not None and other.id != desk_id:
        raise NotThis(f"{PARTNER_DESKS[partner]}已经有驻点窗口“{other.name}”，请去修改那一个。")
    found = desk(here, desk_id) if desk_id is not None else None
    before = _desk_words(found) if found is not None else {}
    if found is None:
        found = PartnerDesk(id=new_id(), office_code=here)
        db.session.add(found)
    found.partner, found.name, found.where = partner, name, where
    db.session.flush()
    db.session.execute(delete(DeskHours).where(DeskHours.desk_id == found.id))
    db.session.add_all(
        DeskHours(desk_id=found.id, weekday=day, spans=list(spans)) for day, spans in sorted(week.items()) if spans
    )
    db.session.flush()
    record(actor, "ground_changed", here, *changed(before, _desk_words(found)))


def _desk_words(one: PartnerDesk) -> dict[str, str]:
    return {f"驻点窗口 {one.name}": f"{one.where}：{'；'.join(week_words(week_of_desk(one.id)))}"}


def save_desk_day(actor: Actor, desk_id: UUID, day: date, spans: Spans, words: str) -> None:
    """Let a partner's desk be open otherwise on one date (no spans: closed). Raises NotThis, NoSuchBooking."""
    here = here_of(actor)
    found = desk(here, desk_id)
    check_coming(day)
    values = {"spans": list(spans), "words": words}
    write = insert(DeskDay).values(desk_id=found.id, day=day, **values)
    db.session.execute(write.on_conflict_do_update(index_elements=["desk_id", "day"], set_=values))
    after = {f"驻点窗口 {found.name} {day.isoformat()}": f"{words_of(spans)}（{words}）"}
    record(actor, "ground_changed", here, {}, after)


def remove_desk_day(actor: Actor, desk_id: UUID, day: date) -> None:
    """Let a partner's desk be as on any such weekday on a date. Raises NoSuchBooking."""
    here = here_of(actor)
    found = desk(here, desk_id)
    gone = db.session.execute(
        delete(DeskDay).where(DeskDay.desk_id == found.id, DeskDay.day == day).returning(DeskDay.day)
    )
    if gone.first() is None:
        raise NotThis("这一天已经改回按平时了。")
    name = f"驻点窗口 {found.name} {day.isoformat()}"
    record(actor, "ground_changed", here, {name: "另有安排"}, {name: "按平时"})


def check_coming(day: date) -> None:
    """Raises NotThis for a date that is over, or far away."""
    if not 0 <= (day - clock.today()).days <= FURTHEST_DAYS:
        raise NotThis(f"请填写今天起 {FURTHEST_DAYS} 天以内的日期。")


# --- Whom it touches ----------------------------------------------------------------------------------------------


def without_desk(one: PartnerDesk) -> Sequence[tuple[Appointment, Slot]]:
    """Who has booked a service that needs a desk for a time at which it is closed."""
    services = [code for code in bookable() if one.partner in desks_needed(code)]
    # What stands in the tables now, not what this process read some seconds ago.
    days = {each.day: each.spans for each in days_of_desk(one.id)}
    kept = Desk(one.name, one.where, week_of_desk(one.id), days)
    found = _booked(one.office_code, None, services) if services else ()
    return [(who, slot) for who, slot in found if not kept.at(slot.starts_at)]
