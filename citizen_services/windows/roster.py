"""The roster of a week: who works at which counter when, and everything about it that a planner should see.

Nothing here forbids a shift: a planner may know better, and sees what clashes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import delete, select, update

from citizen_services import clock
from citizen_services.database import db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import record
from citizen_services.people.models import Office, RoleGrant, Staff
from citizen_services.people.parameters import number
from citizen_services.windows import plans
from citizen_services.windows.errors import NoSuchBooking, NotThis
from citizen_services.windows.hall_models import RosterShift, StaffAbsence, StaffSkill
from citizen_services.windows.models import Counter, PlanWindow

ABSENCES: Mapping[str, str] = {"leave": "休假", "sickness": "病假", "training": "培训"}


@dataclass(frozen=True)
class Clash:
    """Something about a roster: on which day, about whom (None: about a window), and what."""

    day: date
    staff_id: UUID | None
    words: str


@dataclass(frozen=True)
class Roster:
    """A week of an office: its people, their shifts, days away and what they are qualified for."""

    monday: date
    people: Sequence[Staff]
    shifts: Sequence[RosterShift]
    absences: Sequence[StaffAbsence]
    skills: Mapping[UUID, frozenset[str]]
    counters: Mapping[UUID, Counter]
    #: Names of the office's service groups, by code.
    groups: Mapping[str, str]

    def of(self, staff_id: UUID, day: date) -> list[RosterShift]:
        """Somebody's shifts of a day, in order of time."""
        return [one for one in self.shifts if (one.staff_id, one.day) == (staff_id, day)]

    def away(self, staff_id: UUID, day: date) -> StaffAbsence | None:
        """Why somebody is away on a day; None where they are not."""
        return next((a for a in self.absences if a.staff_id == staff_id and a.from_day <= day <= a.until_day), None)


def away_words(roster: Roster, staff_id: UUID, day: date) -> str:
    """Why somebody is away on a day, in a word; empty where they are not."""
    absence = roster.away(staff_id, day)
    return ABSENCES[absence.kind] if absence is not None else ""


def week(office_code: str, monday: date) -> Roster:
    """The roster of a week, with the days before it that count for rest."""
    clerks = select(RoleGrant.staff_id).where(RoleGrant.role == "clerk")
    people = db.session.scalars(
        select(Staff).where(Staff.office_code == office_code, Staff.active, Staff.id.in_(clerks)).order_by(Staff.login)
    ).all()
    ids = [one.id for one in people]
    first, last = monday - timedelta(days=14), monday + timedelta(days=6)
    shifts = db.session.scalars(
        select(RosterShift)
        .where(RosterShift.office_code == office_code, RosterShift.day >= first, RosterShift.day <= last)
        .order_by(RosterShift.day, RosterShift.starts_at, RosterShift.id)
    ).all()
    absences = db.session.scalars(
        select(StaffAbsence)
        .where(StaffAbsence.staff_id.in_(ids), StaffAbsence.ended_at.is_(None), StaffAbsence.until_day >= first)
        .order_by(StaffAbsence.from_day, StaffAbsence.id)
    ).all()
    skills: dict[UUID, set[str]] = defaultdict(set)
    for row in db.session.scalars(select(StaffSkill).where(StaffSkill.staff_id.in_(ids))):
        skills[row.staff_id].add(row.group_code)
    counters = {one.id: one for one in db.session.scalars(select(Counter).where(Counter.office_code == office_code))}
    groups = {code: one.name for code, one in plans.groups_of(office_code).items()}
    return Roster(monday, people, shifts, absences, {k: frozenset(v) for k, v in skills.items()}, counters, groups)


# --- Changing -----------------------------------------------------------------------------------------------------


def _member(actor: Actor, staff_id: UUID) -> Staff:
    found = db.session.get(Staff, staff_id)
    if found is None or found.office_code != actor.office:
        raise NoSuchBooking("没有找到这位工作人员。")
    return found


def assign(actor: Actor, staff_id: UUID, day: date, starts: time, ends: time, counter: int | None) -> UUID:
    """Put somebody on a shift, at a counter or in the hall; its id. Raises NotThis, NoSuchBooking. Caller commits."""
    member = _member(actor, staff_id)
    if starts >= ends:
        raise NotThis("结束时间须晚于开始时间。")
    at = None
    if counter is not None:
        query = select(Counter.id).where(
            Counter.office_code == member.office_code, Counter.number == counter, Counter.active
        )
        at = db.session.scalars(query).first()
        if at is None:
            raise NotThis("没有这个窗口，或者已经停用。")
    made = RosterShift(
        id=new_id(),
        office_code=member.office_code,
        staff_id=staff_id,
        day=day,
        starts_at=datetime.combine(day, starts, clock.SHANGHAI),
        ends_at=datetime.combine(day, ends, clock.SHANGHAI),
        counter_id=at,
        made_by=actor.id,
    )
    db.session.add(made)
    db.session.flush()
    return made.id


def remove(actor: Actor, shift_id: UUID) -> None:
    """Take a shift off. Raises NoSuchBooking. The caller commits."""
    found = db.session.get(RosterShift, shift_id)
    if found is None or found.office_code != actor.office:
        raise NoSuchBooking("没有找到这个班次。")
    db.session.delete(found)
    db.session.flush()


def be_away(actor: Actor, staff_id: UUID, from_day: date, until_day: date, kind: str) -> None:
    """Note days on which somebody is away. Raises NotThis, NoSuchBooking. The caller commits."""
    _member(actor, staff_id)
    if kind not in ABSENCES or not 0 <= (until_day - from_day).days <= 365:
        raise NotThis("请填写从哪天到哪天，最长一年。")
    row = {"staff_id": staff_id, "from_day": from_day, "until_day": until_day, "kind": kind, "made_by": actor.id}
    db.session.add(StaffAbsence(id=new_id(), **row))
    db.session.flush()


def be_back(actor: Actor, absence_id: UUID) -> None:
    """End an absence. Raises NoSuchBooking. The caller commits."""
    found = db.session.get(StaffAbsence, absence_id)
    if found is None:
        raise NoSuchBooking("没有找到这条登记。")
    _member(actor, found.staff_id)
    db.session.execute(update(StaffAbsence).where(StaffAbsence.id == absence_id).values(ended_at=clock.now()))


def qualify(actor: Actor, staff_id: UUID, groups: Sequence[str]) -> None:
    """Say what somebody is qualified for. Raises NotThis, NoSuchBooking. The caller commits."""
    member, known = _member(actor, staff_id), plans.groups_of(_office(actor))
    if unknown := set(groups) - known.keys():
        raise NotThis(f"没有这些业务：{'、'.join(sorted(unknown))}。")
    had = set(db.session.scalars(select(StaffSkill.group_code).where(StaffSkill.staff_id == staff_id)))
    if had == set(groups):
        return
    db.session.execute(delete(StaffSkill).where(StaffSkill.staff_id == staff_id))
    db.session.add_all(StaffSkill(staff_id=staff_id, group_code=code) for code in sorted(set(groups)))
    db.session.flush()
    words = ["、".join(one.name for code, one in known.items() if code in some) or "无" for some in (had, set(groups))]
    record(actor, "skills_changed", _office(actor), {member.name: words[0]}, {member.name: words[1]})


def qualify_all(actor: Actor, wanted: Mapping[UUID, Sequence[str]], seen: str) -> int:
    """Say what each of an office's people is qualified for; of how many that is new. The caller commits.

    ``seen`` is the mark of what was on the page (``skills_mark``). Raises NotThis, NoSuchBooking.
    """
    here = _office(actor)
    # One planner at a time: who waited here sees what the other one saved.
    db.session.execute(select(Office.code).where(Office.code == here).with_for_update(key_share=True))
    now = week(here, plans.monday_of(clock.today()))
    if skills_mark(now) != seen:
        raise NotThis("同事刚刚改过资格，请看过最新的再保存。")
    changed = [one.id for one in now.people if set(wanted.get(one.id, ())) != now.skills.get(one.id, frozenset())]
    for staff_id in changed:
        qualify(actor, staff_id, wanted.get(staff_id, ()))
    return len(changed)


def skills_mark(roster: Roster) -> str:
    """A mark of who is qualified for what; another one as soon as anything of it changes."""
    return mark_of([f"{one.id}:{','.join(sorted(roster.skills.get(one.id, ())))}" for one in roster.people])


def mark_of(lines: Sequence[str]) -> str:
    """A short mark of some lines, by which a form tells what its page showed."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _office(actor: Actor) -> str:
    if actor.office is None:
        raise NoSuchBooking("没有找到您的单位。")
    return actor.office


# --- What a planner should see ------------------------------------------------------------------------------------


def clashes(roster: Roster, windows: Sequence[PlanWindow]) -> list[Clash]:
    """What is wrong with a week from today on: of each person, then of each window that nobody qualified is at."""
    found: list[Clash] = []
    days = [day for n in range(7) if (day := roster.monday + timedelta(days=n)) >= clock.today()]
    for person in roster.people:
        for day in days:
            found += [Clash(day, person.id, words) for words in _of_day(roster, person.id, day, windows)]
        found += _without_rest(roster, person.id, days)
    for window in (one for one in windows if one.day >= clock.today()):
        found += [Clash(window.day, None, words) for words in _uncovered(roster, window)]
    return sorted(found, key=lambda one: (one.day, one.staff_id is None))


def _of_day(roster: Roster, staff_id: UUID, day: date, windows: Sequence[PlanWindow]) -> list[str]:
    mine, words = roster.of(staff_id, day), []
    if not mine:
        return []
    away = roster.away(staff_id, day)
    if away is not None:
        words.append(f"这一天{ABSENCES[away.kind]}，却排了班。")
    longest = timedelta(hours=number("roster_hours_without_break"))
    since = mine[0].starts_at
    for one, after in pairwise(mine):
        if after.starts_at < one.ends_at:
            words.append(f"{_at(after.starts_at)} 同时排了两个班。")
        if after.starts_at - one.ends_at >= timedelta(minutes=number("roster_break_minutes")):
            since = after.starts_at
        elif after.ends_at - since > longest:
            words.append(f"{_at(since)} 起连续上班，没有休息。")
    if mine[-1].ends_at - since > longest:
        words.append(f"{_at(since)} 起连续上班，没有休息。")
    known = roster.skills.get(staff_id, frozenset())
    for shift in mine:
        lacking = [roster.groups.get(code, code) for code in sorted(_groups_at(roster, shift, windows) - known)]
        if lacking:
            words.append(f"{_at(shift.starts_at)} 的窗口要办的业务，还不具备资格：{'、'.join(lacking)}。")
    return list(dict.fromkeys(words))


def _groups_at(roster: Roster, shift: RosterShift, windows: Sequence[PlanWindow]) -> set[str]:
    counter = roster.counters.get(shift.counter_id) if shift.counter_id else None
    if counter is None:
        return set()
    return {w.group_code for w in windows if counter.number in w.counters and _overlap(shift, w)}


def _overlap(shift: RosterShift, window: PlanWindow) -> bool:
    starts, ends = _span(window)
    return shift.day == window.day and shift.starts_at < ends and starts < shift.ends_at


def _span(window: PlanWindow) -> tuple[datetime, datetime]:
    return (
        datetime.combine(window.day, window.starts, clock.SHANGHAI),
        datetime.combine(window.day, window.ends, clock.SHANGHAI),
    )


def _without_rest(roster: Roster, staff_id: UUID, days: Sequence[date]) -> list[Clash]:
    """Too many days in a row, those before the week counted."""
    most, worked = number("roster_days_in_a_row"), {one.day for one in roster.shifts if one.staff_id == staff_id}
    found = []
    for day in days:
        run = 0
        while day - timedelta(days=run) in worked:
            run += 1
        if run > most:
            found.append(Clash(day, staff_id, f"已经连续上班 {run} 天，超过 {most} 天。"))
    return found


def _uncovered(roster: Roster, window: PlanWindow) -> list[str]:
    """The counters of a window at which nobody qualified stands for all of its time."""
    starts, ends = _span(window)
    empty = []
    for counter in window.counters:
        at = starts
        for shift in roster.shifts:
            place = roster.counters.get(shift.counter_id) if shift.counter_id else None
            able = window.group_code in roster.skills.get(shift.staff_id, frozenset())
            here = place is not None and place.number == counter and shift.day == window.day
            if here and able and shift.starts_at <= at < shift.ends_at:
                at = shift.ends_at
        if at < ends:
            empty.append(counter)
    if not empty:
        return []
    times = f"{window.starts:%H:%M}–{window.ends:%H:%M}"
    return [f"{times} {'、'.join(map(str, empty))} 号窗口没有排够有资格的人。"]


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(clock.SHANGHAI):%H:%M}"
