"""The plan of an office's week: laid out from rules with holidays and days worked instead, edited, copied.

What stands in a plan is seen by planners alone until it is published (publishing.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.database import db, new_id
from citizen_services.rules.dates import chinese_day
from citizen_services.windows.errors import NoSuchBooking, NotThis
from citizen_services.windows.models import (
    Counter,
    OpeningException,
    OpeningRule,
    PlanWeek,
    PlanWindow,
    ServiceGroup,
)

#: What a window of a plan takes over from the rule that it is laid out from, or from the window that it is copied from.
_COPIED = (
    "group_code",
    "starts",
    "ends",
    "slot_minutes",
    "counters",
    "booked",
    "walk_in",
    "release_days",
    "release_time",
    "release_spread_s",
)
#: How far ahead a week may be planned.
MOST_WEEKS = 26


@dataclass(frozen=True)
class Clash:
    """Something about a plan that a planner should see before publishing."""

    day: date
    words: str


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def week_of(office_code: str, monday: date, *, lock: bool = False) -> PlanWeek:
    """The plan of a week, begun where there is none yet. The caller commits. Raises NotThis for a week far away."""
    if monday.weekday() or not within(monday):
        raise NotThis(f"请选择今天前后 {MOST_WEEKS} 周以内的一周。")
    query = select(PlanWeek).where(PlanWeek.office_code == office_code, PlanWeek.monday == monday)
    found = db.session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        # A colleague may open it at the same moment.
        row = {"id": new_id(), "office_code": office_code, "monday": monday, "version": 1, "changed": False}
        db.session.execute(insert(PlanWeek).values(**row).on_conflict_do_nothing())
        found = db.session.scalars(query.with_for_update() if lock else query).one()
    return found


def within(monday: date) -> bool:
    """Whether a week is near enough to be planned or looked at."""
    return abs((monday - monday_of(clock.today())).days) <= 7 * MOST_WEEKS


def windows_of(week: PlanWeek) -> Sequence[PlanWindow]:
    """The windows of a plan that are not closed, by day and time."""
    query = select(PlanWindow).where(PlanWindow.week_id == week.id, PlanWindow.state != "closed")
    return db.session.scalars(
        query.order_by(PlanWindow.day, PlanWindow.starts, PlanWindow.group_code, PlanWindow.id)
    ).all()


def window(office_code: str, window_id: UUID) -> PlanWindow:
    """A window of an office's plan; NoSuchBooking for others."""
    found = db.session.get(PlanWindow, window_id, populate_existing=True)
    if found is None or found.office_code != office_code:
        raise NoSuchBooking("没有找到这个开窗安排。")
    return found


def groups_of(office_code: str) -> Mapping[str, ServiceGroup]:
    """The service groups of an office, by code, in their order."""
    query = select(ServiceGroup).where(ServiceGroup.office_code == office_code).order_by(ServiceGroup.place)
    return {group.code: group for group in db.session.scalars(query)}


def closed_why(office_code: str, day: date) -> str | None:
    """Why nothing is laid out on a day: an exception of the office, or a holiday; None where the office is open."""
    exception = db.session.get(OpeningException, (office_code, day))
    if exception is not None:
        return exception.words if exception.as_weekday is None else None
    holiday = calendar().holiday_name(day)
    return holiday if holiday is not None and not calendar().is_working_day(day) else None


def is_provisional(monday: date) -> bool:
    """Whether a week lies in a year whose holidays are not published yet (节假日安排未公布)."""
    return not all(calendar().is_known(monday + timedelta(days=n)) for n in range(7))


# --- Laying out ---------------------------------------------------------------------------------------------------


def lay_out(week: PlanWeek) -> int:
    """Fill the days of a week that are empty from the office's rules; how many windows were added. Caller commits."""
    rules = db.session.scalars(
        select(OpeningRule).where(OpeningRule.office_code == week.office_code).order_by(OpeningRule.starts)
    ).all()
    taken = {one.day for one in windows_of(week)}
    added = 0
    for n in range(7):
        day = week.monday + timedelta(days=n)
        if day in taken:
            continue
        for rule in rules_on(rules, _as_weekday(week.office_code, day), day):
            db.session.add(_window(week, day, {name: getattr(rule, name) for name in _COPIED}))
            added += 1
    if added:
        _touch(week)
    return added


def _as_weekday(office_code: str, day: date) -> int | None:
    """Like which weekday a day is laid out; None: closed."""
    exception = db.session.get(OpeningException, (office_code, day))
    if exception is not None:
        return exception.as_weekday
    return None if closed_why(office_code, day) else day.weekday()


def rules_on(rules: Sequence[OpeningRule], weekday: int | None, day: date) -> list[OpeningRule]:
    """The rules of a day. A weekend day that is worked instead of another is like a Monday where it has none."""
    if weekday is None:
        return []
    holds = [rule for rule in rules if rule.from_day <= day and (rule.until_day is None or day <= rule.until_day)]
    own = [rule for rule in holds if rule.weekday == weekday]
    worked = weekday > 4 and calendar().is_working_day(day)
    return own or ([rule for rule in holds if rule.weekday == 0] if worked else [])


def copy_to(week: PlanWeek, weeks: int) -> int:
    """Copy a week's windows to as many following ones, onto days that are open and empty; how many. Caller commits."""
    source, added = windows_of(week), 0
    for ahead in range(1, weeks + 1):
        target = week_of(week.office_code, week.monday + timedelta(days=7 * ahead), lock=True)
        taken = {one.day for one in windows_of(target)}
        new = 0
        for one in source:
            day = one.day + timedelta(days=7 * ahead)
            if day in taken or closed_why(week.office_code, day):
                continue
            db.session.add(_window(target, day, {name: getattr(one, name) for name in _COPIED}))
            new += 1
        if new:
            _touch(target)
        added += new
    return added


def _window(week: PlanWeek, day: date, values: Mapping[str, Any]) -> PlanWindow:
    kept = dict(values) | {"counters": list(values["counters"])}
    return PlanWindow(id=new_id(), week_id=week.id, office_code=week.office_code, day=day, state="planned", **kept)


def _touch(week: PlanWeek) -> None:
    week.version += 1
    week.changed = True
    db.session.flush()


# --- Editing ------------------------------------------------------------------------------------------------------


def add(week: PlanWeek, day: date, values: Mapping[str, Any]) -> PlanWindow:
    """Add a window to a plan. Raises NotThis with what is wrong. The caller commits."""
    if not 0 <= (day - week.monday).days < 7:
        raise NotThis("请选择这一周里的日期。")
    made = _window(week, day, values)
    _check(week, made)
    db.session.add(made)
    _touch(week)
    return made


def change(week: PlanWeek, one: PlanWindow, values: Mapping[str, Any]) -> None:
    """Change a window that is not published. Raises NotThis. The caller commits."""
    if one.state != "planned":
        raise NotThis("已经公布的窗口不能直接改：请先关闭或缩减，再重新安排。")
    with db.session.no_autoflush:
        for name, value in values.items():
            setattr(one, name, list(value) if name == "counters" else value)
        _check(week, one)
    _touch(week)


def remove(week: PlanWeek, one: PlanWindow) -> None:
    """Take a window that is not published out of a plan. Raises NotThis. The caller commits."""
    if one.state != "planned":
        raise NotThis("已经公布的窗口不能删除，只能关闭。")
    db.session.delete(one)
    _touch(week)


def _check(week: PlanWeek, made: PlanWindow) -> None:
    group = groups_of(week.office_code).get(made.group_code)
    if group is None:
        raise NotThis("请选择业务。")
    if made.starts >= made.ends:
        raise NotThis("结束时间须晚于开始时间。")
    if _minutes(made.ends) - _minutes(made.starts) < made.slot_minutes:
        raise NotThis("开窗时间比一个时段还短，请改短时段或加长时间。")
    if not made.counters:
        raise NotThis("请至少选一个窗口。")
    if made.booked + made.walk_in < 1:
        raise NotThis("预约和现场至少要有一种号。")
    for other in windows_of(week):
        same = other.id != made.id and (other.day, other.group_code) == (made.day, made.group_code)
        if same and other.starts < made.ends and made.starts < other.ends:
            raise NotThis(
                f"{chinese_day(made.day)}{group.name}已经有 {other.starts:%H:%M}–{other.ends:%H:%M} 的安排，时间重叠。"
            )


def _minutes(moment: time) -> int:
    return 60 * moment.hour + moment.minute


# --- What a planner should see ------------------------------------------------------------------------------------


def clashes(week: PlanWeek) -> list[Clash]:
    """A counter that is used twice at one time or can't do what it is used for; a window on a day that is closed."""
    found: list[Clash] = []
    able = {
        one.number: one
        for one in db.session.scalars(select(Counter).where(Counter.office_code == week.office_code, Counter.active))
    }
    groups = groups_of(week.office_code)
    by_counter: dict[tuple[date, int], list[PlanWindow]] = {}
    for one in windows_of(week):
        why = closed_why(week.office_code, one.day)
        if why:
            times = f"{one.starts:%H:%M}–{one.ends:%H:%M}"
            found.append(Clash(one.day, f"这一天不开（{why}），却安排了 {times} {groups[one.group_code].name}。"))
        for number in one.counters:
            by_counter.setdefault((one.day, number), []).append(one)
            if number not in able:
                found.append(Clash(one.day, f"没有 {number} 号窗口，或者已经停用。"))
            elif one.group_code not in able[number].groups:
                found.append(Clash(one.day, f"{number} 号窗口不办{groups[one.group_code].name}。"))
    for (day, number), some in sorted(by_counter.items(), key=lambda pair: pair[0]):
        some.sort(key=lambda one: one.starts)
        for one, after in pairwise(some):
            if after.starts < one.ends:
                found.append(Clash(day, f"{number} 号窗口 {after.starts:%H:%M} 同时安排了两项业务。"))
    return found
