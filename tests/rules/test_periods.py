"""Periods: boundary days of law and promise, and what must hold for any start, length and pause."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizen_services.rules.dates import SHANGHAI, add_months, chinese_date, chinese_full_day, start_of_day
from citizen_services.rules.errors import RuleError
from citizen_services.rules.periods import (
    Calendar,
    Deadline,
    Pause,
    Period,
    Unit,
    Window,
    chinese_day,
    chinese_moment,
    days_left,
    deadline,
    half_year_after,
    local_date,
    packaged_calendar,
    promise_holds,
    window_before_anniversary,
    worst_case_days,
)

CALENDAR = packaged_calendar()

moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 6, 30), timezones=st.just(SHANGHAI))  # noqa: DTZ001
periods = st.builds(Period, st.integers(1, 60), st.sampled_from(["working", "calendar"]))
pauses = st.builds(
    lambda start, minutes: Pause(start, start + timedelta(minutes=minutes)), moments, st.integers(0, 40 * 24 * 60)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "period", "last_day"),
    [
        ("2026-11-25 09:00", Period(2, "working"), date(2026, 11, 27)),  # Wednesday: Thursday, Friday
        ("2026-11-26 17:30", Period(2, "working"), date(2026, 11, 30)),  # over a weekend
        ("2026-11-25 23:59", Period(1, "working"), date(2026, 11, 26)),  # last minute of the day
        ("2026-11-26 00:00", Period(1, "working"), date(2026, 11, 27)),  # first minute of the next
        ("2026-11-28 10:00", Period(1, "working"), date(2026, 11, 30)),  # sent on a Saturday
        ("2026-02-13 10:00", Period(1, "working"), date(2026, 2, 14)),  # the Saturday before Spring Festival is worked
        ("2026-02-14 10:00", Period(1, "working"), date(2026, 2, 24)),  # over the nine days of Spring Festival
        ("2026-02-14 10:00", Period(5, "working"), date(2026, 2, 28)),  # ends on a worked Saturday
        ("2026-09-30 10:00", Period(3, "working"), date(2026, 10, 10)),  # over National Day to a worked Saturday
        ("2026-02-10 10:00", Period(15, "calendar"), date(2026, 2, 25)),  # 15 days by law run through holidays
        ("2026-11-25 10:00", Period(15, "calendar"), date(2026, 12, 10)),  # accepted today
        ("2026-12-25 10:00", Period(15, "calendar"), date(2027, 1, 9)),  # calendar days need no notice
    ],
)
def test_periods_end_on_the_day_that_the_law_means(start: str, period: Period, last_day: date) -> None:
    due = deadline(at(start), period, CALENDAR)
    assert (due.last_day, due.provisional) == (last_day, False)
    assert due.at == datetime.combine(last_day + timedelta(days=1), datetime.min.time(), SHANGHAI)
    assert due.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "days", "provisional"),
    [
        ("2026-12-23 10:00", 2, False),  # 24 and 25 December
        ("2026-12-25 10:00", 1, True),  # the 28th could be touched by the notice of 2027
        ("2027-03-01 10:00", 1, True),  # no notice at all
        ("2023-12-28 10:00", 1, True),  # before the first table
    ],
)
def test_a_day_that_an_unpublished_notice_can_move_is_provisional(start: str, days: int, provisional: bool) -> None:
    due = deadline(at(start), Period(days, "working"), CALENDAR)
    assert due.provisional is provisional
    assert ("暂定" in due.label) is provisional


@given(moments, periods)
def test_a_period_has_exactly_its_days_and_never_the_day_of_start(start: datetime, period: Period) -> None:
    due = deadline(start, period, CALENDAR)
    first = local_date(start)
    days = [first + timedelta(days=offset) for offset in range(1, (due.last_day - first).days + 1)]
    assert due.last_day > first
    assert due.at.astimezone(SHANGHAI).strftime("%H:%M:%S") == "00:00:00"
    if period.unit == "working":
        assert sum(CALENDAR.is_working_day(day) for day in days) == period.n
        assert CALENDAR.is_working_day(due.last_day)
        assert due.provisional == (not all(CALENDAR.is_known(day) for day in days))
    else:
        assert len(days) == period.n
    assert days_left(first, due.last_day, period.unit, CALENDAR) == period.n
    assert days_left(due.last_day, first, period.unit, CALENDAR) <= 0


@given(moments, st.integers(0, 60 * 24 * 60), periods, st.integers(0, 20), st.lists(pauses, max_size=3))
def test_later_or_longer_never_ends_earlier(
    start: datetime, later: int, period: Period, more: int, stopped: list[Pause]
) -> None:
    due = deadline(start, period, CALENDAR, stopped)
    assert deadline(start + timedelta(minutes=later), period, CALENDAR, stopped).at >= due.at
    assert deadline(start, Period(period.n + more, period.unit), CALENDAR, stopped).at >= due.at
    assert deadline(start, period, CALENDAR, stopped[1:]).at <= due.at


@given(moments, periods, st.integers(0, 100), st.integers(0, 60 * 24 * 60))
def test_a_pause_extends_by_exactly_the_days_that_it_lasted(
    start: datetime, period: Period, stopped_after_percent: int, minutes: int
) -> None:
    plain = deadline(start, period, CALENDAR)
    stopped = start + (plain.at - timedelta(microseconds=1) - start) * stopped_after_percent / 100
    pause = Pause(stopped, stopped + timedelta(minutes=minutes))
    extended = deadline(start, period, CALENDAR, [pause])
    lasted = (local_date(pause.end) - local_date(pause.start)).days
    paused_days = [local_date(pause.start) + timedelta(days=offset) for offset in range(lasted)]
    if period.unit == "calendar":
        assert extended.at - plain.at == timedelta(days=lasted)
    elif local_date(pause.start) == local_date(start):
        assert extended == deadline(pause.end, period, CALENDAR)
    else:
        lost = sum(CALENDAR.is_working_day(day) for day in paused_days)
        assert extended.last_day == deadline(start, Period(period.n + lost, "working"), CALENDAR).last_day
    assert deadline(start, period, CALENDAR, [pause, pause]) == extended


@pytest.mark.parametrize(
    ("pause", "last_day"),
    [
        (("2026-11-26 10:00", "2026-11-26 16:00"), date(2026, 11, 27)),  # asked and answered within a day: nothing
        (("2026-11-26 10:00", "2026-11-27 09:00"), date(2026, 11, 30)),  # answered on Friday: Monday instead
        (("2026-11-26 10:00", "2026-11-28 09:00"), date(2026, 12, 1)),  # answered on Saturday: Thursday, Friday lost
        (("2026-11-26 10:00", "2026-11-30 09:00"), date(2026, 12, 1)),  # answered on Monday: the same two
        (
            ("2026-11-25 10:00", "2026-11-30 09:00"),
            date(2026, 12, 2),
        ),  # stopped on the first day: starts anew on Monday
        (("2026-11-27 16:00", "2026-11-30 09:00"), date(2026, 11, 30)),  # stopped on the last day: that day still to go
        (("2026-11-28 00:00", "2026-11-30 09:00"), date(2026, 11, 27)),  # stopped when it was over: nothing
        (("2026-11-24 10:00", "2026-11-25 08:00"), date(2026, 11, 27)),  # over before the clock ran
        (("2026-12-24 10:00", "2026-12-25 18:00"), date(2026, 11, 27)),  # after the end
    ],
)
def test_two_working_days_with_a_correction_in_between(pause: tuple[str, str], last_day: date) -> None:
    stopped = Pause(at(pause[0]), at(pause[1]))
    assert deadline(at("2026-11-25 09:00"), Period(2, "working"), CALENDAR, [stopped]).last_day == last_day


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        deadline(datetime(2026, 11, 25), Period(1, "working"), CALENDAR)  # noqa: DTZ001
    with pytest.raises(ValueError, match="at least one day"):
        Period(0, "working")
    with pytest.raises(ValueError, match="at least one day"):
        Period(1, "weeks")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ends after"):
        Pause(at("2026-11-25 09:00"), at("2026-11-25 08:59"))


# ---------------------------------------------------------------------------------------------- promises


@pytest.mark.parametrize(
    ("period", "days"),
    [
        (Period(15, "calendar"), 15),
        (Period(1, "working"), 10),  # from the worked Saturday before Spring Festival 2026
        (Period(2, "working"), 11),
    ],
)
def test_the_worst_place_of_the_calendars_is_spring_festival(period: Period, days: int) -> None:
    assert worst_case_days(period, CALENDAR) == days


@pytest.mark.parametrize(
    ("promised", "statutory", "holds"),
    [
        (Period(2, "working"), Period(15, "calendar"), True),  # residence permit
        (Period(5, "working"), Period(15, "calendar"), True),  # 14 or 15 days at worst
        (Period(10, "working"), Period(15, "calendar"), False),  # fits an ordinary month, not Spring Festival
        (Period(15, "calendar"), Period(15, "calendar"), True),  # the same
        (Period(16, "calendar"), Period(15, "calendar"), False),  # a day longer
        (Period(3, "working"), Period(2, "working"), False),  # same unit
        (Period(15, "calendar"), Period(15, "working"), True),  # working days are never fewer
        (Period(25, "calendar"), Period(15, "working"), False),  # but may be hardly more
    ],
)
def test_a_promise_is_compared_at_the_worst_place(promised: Period, statutory: Period, holds: bool) -> None:
    assert promise_holds(promised, statutory, CALENDAR) is holds


@given(st.integers(1, 30), st.dates(date(2024, 1, 1), date(2026, 12, 26)))
def test_no_known_start_is_worse_than_the_worst_case(n: int, start: date) -> None:
    due = deadline(start_of_day(start), Period(n, "working"), CALENDAR)
    if not due.provisional:
        assert (due.last_day - start).days <= worst_case_days(Period(n, "working"), CALENDAR)


def test_without_a_calendar_no_promise_can_be_judged() -> None:
    with pytest.raises(RuleError, match="请先载入日历"):
        worst_case_days(Period(2, "working"), Calendar([]))
    with pytest.raises(RuleError, match="请先载入日历"):
        worst_case_days(Period(2000, "working"), CALENDAR)


# ---------------------------------------------------------------------------------------------- months and years


@pytest.mark.parametrize(
    ("registered", "may_apply"),
    [
        (date(2026, 5, 23), date(2026, 11, 24)),  # full at 24:00 on 23 November
        (date(2026, 8, 31), date(2027, 3, 1)),  # February ends on the 28th
        (date(2023, 8, 30), date(2024, 3, 1)),  # leap year: the 29th is the last
        (date(2023, 8, 29), date(2024, 3, 1)),  # leap year: the 29th exists
        (date(2023, 8, 28), date(2024, 2, 29)),
        (date(2026, 2, 28), date(2026, 8, 29)),  # the last of February is the 28th, not "the last" of August
        (date(2026, 3, 31), date(2026, 10, 1)),  # September has 30 days
        (date(2026, 6, 30), date(2026, 12, 31)),
        (date(2026, 7, 1), date(2027, 1, 2)),  # over the year's end
    ],
)
def test_half_a_year_is_full_at_the_end_of_its_last_day(registered: date, may_apply: date) -> None:
    assert half_year_after(registered) == may_apply


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400))
def test_who_registered_later_never_applies_earlier(registered: date, days: int) -> None:
    assert half_year_after(registered) <= half_year_after(registered + timedelta(days=days))
    assert 181 <= (half_year_after(registered) - registered).days <= 185


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(-600, 600))
def test_adding_months_keeps_the_day_or_takes_the_last(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved.day < day.day and (moved + timedelta(days=1)).day == 1)


@pytest.mark.parametrize(
    ("issued", "years", "window"),
    [
        (date(2025, 11, 24), 1, Window(date(2026, 10, 24), date(2026, 11, 24))),
        (date(2025, 11, 24), 2, Window(date(2027, 10, 24), date(2027, 11, 24))),
        (date(2025, 3, 31), 1, Window(date(2026, 2, 28), date(2026, 3, 31))),  # February is shorter
        (date(2024, 2, 29), 1, Window(date(2025, 1, 28), date(2025, 2, 28))),  # issued on a leap day
        (date(2025, 1, 15), 1, Window(date(2025, 12, 15), date(2026, 1, 15))),  # over the year's end
    ],
)
def test_endorsement_is_open_the_month_before_the_year_is_full(issued: date, years: int, window: Window) -> None:
    found = window_before_anniversary(issued, years)
    assert found == window
    assert window.first in found
    assert window.last in found
    assert window.first - timedelta(days=1) not in found
    assert window.last + timedelta(days=1) not in found


def test_a_window_needs_at_least_one_year() -> None:
    with pytest.raises(ValueError, match="at least one"):
        window_before_anniversary(date(2026, 1, 1), 0)


# ---------------------------------------------------------------------------------------------- how it is said


def test_dates_are_written_as_people_here_read_them() -> None:
    day = date(2026, 11, 25)
    assert chinese_day(day) == "11月25日（周三）"
    assert chinese_full_day(day) == "2026年11月25日（周三）"
    assert chinese_date(day) == "2026年11月25日"
    assert chinese_day(date(2026, 11, 29)) == "11月29日（周日）"
    assert chinese_moment(datetime(2026, 11, 25, 1, 12, tzinfo=UTC)) == "2026年11月25日 09:12"
    assert chinese_moment(datetime(2026, 11, 25, 16, 0, tzinfo=UTC)) == "2026年11月26日 00:00"
    assert Deadline(datetime(2026, 11, 25, 16, 0, tzinfo=UTC), False).label == "11月25日（周三）"


@pytest.mark.parametrize(
    ("on", "unit", "left"),
    [
        (date(2026, 11, 25), "working", 2),  # Wednesday before a Friday
        (date(2026, 11, 27), "working", 0),  # on the last day
        (date(2026, 11, 30), "working", -1),  # a working day late
        (date(2026, 11, 29), "calendar", -2),  # two days late
    ],
)
def test_days_left_are_counted_in_the_unit_of_the_period(on: date, unit: Unit, left: int) -> None:
    assert days_left(on, date(2026, 11, 27), unit, CALENDAR) == left


def test_units_and_numbers_are_printed_as_guides_do() -> None:
    assert (Period(2, "working").label, Period(15, "calendar").label) == ("2个工作日", "15日")
