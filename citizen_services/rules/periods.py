"""Periods and the clocks of a case: the law's own unit (日 or 工作日), pauses, and promises beside statutory periods.

The day on which a period starts is not counted; it ends at 24:00 Asia/Shanghai of its last day. Days on which the clock
stood still (correction, inspection, hearing) are not counted either. A last day that an unpublished calendar can move
is *provisional*: it is shown as such, computed again when the calendar is loaded, and nothing lapses by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from .dates import (
    SHANGHAI,
    Window,
    chinese_day,
    chinese_full_day,
    chinese_moment,
    end_of_day,
    half_year_after,
    last_day,
    local_date,
    start_of_day,
    window_before_anniversary,
)
from .errors import RuleError
from .working_days import Calendar, YearTable, packaged_calendar, parse_calendar_file

__all__ = [
    "SHANGHAI",
    "Calendar",
    "Deadline",
    "Pause",
    "Period",
    "Unit",
    "Window",
    "YearTable",
    "chinese_day",
    "chinese_full_day",
    "chinese_moment",
    "days_left",
    "deadline",
    "end_of_day",
    "half_year_after",
    "local_date",
    "packaged_calendar",
    "parse_calendar_file",
    "promise_holds",
    "start_of_day",
    "window_before_anniversary",
    "worst_case_days",
]

Unit = Literal["working", "calendar"]


@dataclass(frozen=True, slots=True)
class Period:
    """So many days, working or calendar; at least one (an instant item has no period)."""

    n: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.n < 1 or self.unit not in ("working", "calendar"):
            raise ValueError("a period is at least one day, 'working' or 'calendar'")

    @property
    def label(self) -> str:
        """`2个工作日` or `15日`, as guides print it."""
        return f"{self.n}个工作日" if self.unit == "working" else f"{self.n}日"


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a period ends: `at` is 24:00 of its last day, aware, in UTC; provisional while a calendar is missing."""

    at: datetime
    provisional: bool

    @property
    def last_day(self) -> date:
        """The last local day that belongs to the period."""
        return last_day(self.at)

    @property
    def label(self) -> str:
        """`12月2日（周三）`, followed by a note while it is provisional."""
        note = "（暂定，节假日安排未公布）" if self.provisional else ""
        return chinese_day(self.last_day) + note


@dataclass(frozen=True, slots=True)
class Pause:
    """The clock stood still from `start` to `end`, both aware. A pause still open is closed with "now" by who asks.

    A day is counted if the clock ran at its end: the day on which it stopped is not, the day on which it goes on is.
    So a clock stopped on its last day still has the rest of the day on which it goes on, and one stopped on its first
    day starts anew.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("a pause ends after it starts")

    def covers(self, day: date) -> bool:
        """Whether a local day is not counted because of this pause."""
        return local_date(self.start) <= day < local_date(self.end)


def deadline(start: datetime, period: Period, calendar: Calendar, pauses: Sequence[Pause] = ()) -> Deadline:
    """When a period that starts at an aware moment ends, the pauses left out (overlapping ones count once)."""
    return _deadline_from(local_date(start), period, calendar, pauses)


def _deadline_from(start: date, period: Period, calendar: Calendar, pauses: Sequence[Pause] = ()) -> Deadline:
    def stood_still(day: date) -> bool:
        return any(pause.covers(day) for pause in pauses)

    while stood_still(start):
        start += timedelta(days=1)
    day, counted, provisional = start, 0, False
    while counted < period.n:
        day += timedelta(days=1)
        if stood_still(day):
            continue
        if period.unit == "working":
            provisional = provisional or not calendar.is_known(day)
            counted += calendar.is_working_day(day)
        else:
            counted += 1
    return Deadline(end_of_day(day), provisional)


def days_left(on: date, last_day: date, unit: Unit, calendar: Calendar) -> int:
    """Days of that unit after `on` up to and with `last_day`; 0 on the last day itself, negative when it is over."""
    if on > last_day:
        return -days_left(last_day, on, unit, calendar)
    days = [on + timedelta(days=offset) for offset in range(1, (last_day - on).days + 1)]
    return sum(unit == "calendar" or calendar.is_working_day(day) for day in days)


def worst_case_days(period: Period, calendar: Calendar) -> int:
    """The most calendar days that a period can take, wherever it starts within the known calendars."""
    return max(_lengths(period, calendar))


def promise_holds(promised: Period, statutory: Period, calendar: Calendar) -> bool:
    """Whether a promised period can never end later than the statutory one, at the worst place of the calendars."""
    if promised.unit == statutory.unit:
        return promised.n <= statutory.n
    return max(_lengths(promised, calendar)) <= min(_lengths(statutory, calendar))


def _lengths(period: Period, calendar: Calendar) -> list[int]:
    """How many calendar days the period takes from each start whose end is certain."""
    if period.unit == "calendar":
        return [period.n]
    lengths = []
    for year in calendar.years:
        for offset in range(366):
            start = date(year, 1, 1) + timedelta(days=offset)
            # It ends on this day or later: if the day is unknown, so is the end, and need not be counted out.
            if not calendar.is_known(start + timedelta(days=period.n)):
                continue
            end = _deadline_from(start, period, calendar)
            if not end.provisional:
                lengths.append((end.last_day - start).days)
    if not lengths:
        raise RuleError(f"已公布的节假日安排不足以核算{period.label}的期限，请先载入日历文件。")
    return lengths
