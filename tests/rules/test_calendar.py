"""The statutory calendar: our tables against an independent one, unpublished years, and faulty calendar files."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import chinese_calendar
import pytest

from citizen_services.rules.errors import RuleError
from citizen_services.rules.working_days import (
    Calendar,
    Holiday,
    YearTable,
    packaged_calendar,
    parse_calendar_file,
    parse_document,
)


def days_of(first_year: int, last_year: int) -> list[date]:
    first, last = date(first_year, 1, 1), date(last_year, 12, 31)
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def notice_year(day: date) -> int:
    """The year whose notice names a day: the last days of December belong to the New Year holiday."""
    return day.year + (day.month == 12 and day.day >= 27)


def table_from_library(year: int) -> YearTable:
    """What `chinesecalendar` knows of a year, as one of our tables."""
    off = sorted(day for day in chinese_calendar.holidays if notice_year(day) == year)
    runs = [[day for _, day in run] for _, run in groupby(enumerate(off), lambda item: item[1] - timedelta(item[0]))]
    return YearTable(
        year,
        "chinesecalendar",
        tuple(Holiday("假期", run[0], run[-1]) for run in runs),
        tuple((day, "调休") for day in sorted(chinese_calendar.workdays) if notice_year(day) == year),
    )


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_every_day_of_the_packaged_years_is_as_the_independent_calendar_says(year: int) -> None:
    calendar = packaged_calendar()
    assert calendar.table(year) is not None
    differing = [day for day in days_of(year, year) if calendar.is_working_day(day) != chinese_calendar.is_workday(day)]
    assert differing == []


def test_the_2026_table_is_the_notice() -> None:
    calendar = packaged_calendar()
    working_weekends = [date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20)]
    assert [calendar.is_working_day(day) for day in [*working_weekends, date(2026, 10, 10)]] == [True] * 6
    assert calendar.holiday_name(date(2026, 2, 15)) == "春节"
    assert calendar.holiday_name(date(2026, 11, 28)) is None
    table = calendar.table(2026)
    assert table
    assert "国办发明电〔2025〕7号" in table.source


def test_the_format_holds_every_notice_since_2004() -> None:
    # Also those in which New Year begins in December, and those of seven-day "golden weeks".
    tables = [table_from_library(year) for year in range(2004, 2027)]
    calendar = Calendar(parse_document(table.to_document()) for table in tables)
    assert [calendar.table(table.year) for table in tables] == tables
    days = days_of(2004, 2026)
    assert [day for day in days if calendar.is_working_day(day) != chinese_calendar.is_workday(day)] == []
    assert [day for day in days if not calendar.is_known(day)] == [date(2026, 12, day) for day in range(27, 32)]


def test_a_year_without_a_notice_is_never_silently_monday_to_friday() -> None:
    calendar = packaged_calendar()
    assert calendar.table(2027) is None
    assert not any(calendar.is_known(day) for day in days_of(2027, 2027))


@pytest.mark.parametrize(
    ("day", "known_before", "known_after"),
    [
        (date(2018, 12, 26), True, True),  # too early for New Year to reach
        (date(2018, 12, 28), False, True),  # a Friday that the notice of 2019 might have taken
        (date(2018, 12, 29), False, True),  # the Saturday that it did take: worked
        (date(2018, 12, 31), False, True),  # the Monday that it made free
    ],
)
def test_the_last_days_of_december_wait_for_the_next_notice(day: date, known_before: bool, known_after: bool) -> None:
    calendar = Calendar([table_from_library(2018)])
    assert calendar.is_known(day) is known_before
    later = calendar.with_tables([table_from_library(2019)])
    assert later.is_known(day) is known_after
    assert later.is_working_day(day) == chinese_calendar.is_workday(day)


def test_a_table_loaded_later_takes_the_place_of_its_year() -> None:
    invented = YearTable(2026, "虚构", (Holiday("元旦", date(2026, 1, 1), date(2026, 1, 9)),), (), invented=True)
    calendar = packaged_calendar().with_tables([invented])
    assert not calendar.is_working_day(date(2026, 1, 8))
    assert calendar.is_working_day(date(2026, 10, 1))
    assert packaged_calendar().is_working_day(date(2026, 1, 8))


def test_stored_documents_make_the_same_calendar() -> None:
    packaged = packaged_calendar()
    documents = {year: table.to_document() for year in packaged.years if (table := packaged.table(year))}
    loaded = Calendar.load(json.loads(json.dumps(documents), object_hook=_years_as_numbers))
    assert [loaded.table(year) for year in loaded.years] == [packaged.table(year) for year in packaged.years]
    with pytest.raises(RuleError, match="年份不符"):
        Calendar.load({2027: documents[2026]})


def _years_as_numbers(value: dict[str, Any]) -> dict[Any, Any]:
    return {int(key) if key.isdigit() else key: item for key, item in value.items()}


# ---------------------------------------------------------------------------------------------- calendar files

GOOD: dict[str, Any] = {
    "year": 2027,
    "source": "国办发明电〔2026〕0号（虚构）",
    "invented": True,
    "holidays": [
        {"name": "元旦", "from": "2026-12-31", "to": "2027-01-02"},
        {"name": "劳动节", "from": "2027-05-01", "to": "2027-05-05"},
        {"name": "国庆节", "from": "2027-10-01", "to": "2027-10-07"},
    ],
    "workdays": [{"name": "元旦", "date": "2027-01-03"}],
}


def test_a_good_file_is_read_whole() -> None:
    table = parse_calendar_file(json.dumps(GOOD))
    assert (table.year, table.invented, len(table.holidays)) == (2027, True, 3)
    assert table.workdays == ((date(2027, 1, 3), "元旦"),)
    assert table.to_document() == GOOD


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    document = json.loads(json.dumps(GOOD))
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "JSON"),  # cut off
        ("[]", "文件"),  # not an object
        (changed(lambda it: it.pop("source")), "缺少 source"),  # where does it come from?
        (changed(lambda it: it.update(source=" ")), "source"),  # blank
        (changed(lambda it: it.update(year="2027")), "year"),  # text for a number
        (changed(lambda it: it.update(year=True)), "year"),  # Python counts True as 1
        (changed(lambda it: it.update(year=27)), "year"),  # two digits
        (changed(lambda it: it.update(invented="no")), "invented"),  # text for a truth value
        (changed(lambda it: it.update(holiday=[])), "未知的 holiday"),  # misspelt
        (changed(lambda it: it.update(holidays={})), "holidays 应为数组"),  # object for a list
        (changed(lambda it: it["holidays"][1].pop("to")), r"holidays\[1\] 缺少 to"),  # end forgotten
        (changed(lambda it: it["holidays"][1].update(to="2027-04-30")), r"holidays\[1\]"),  # ends before it starts
        (changed(lambda it: it["holidays"][1].update(to="2027-05-17")), r"holidays\[1\]"),  # seventeen days
        (changed(lambda it: it["holidays"][1].update({"from": "2027-02-29"})), r"holidays\[1\].from"),  # no such day
        (changed(lambda it: it["holidays"][1].update({"from": "20270501"})), r"holidays\[1\].from"),  # other format
        (changed(lambda it: it["holidays"][1].update({"from": 20270501})), r"holidays\[1\].from"),  # a number
        (changed(lambda it: it["holidays"][1].update(name="")), r"holidays\[1\].name"),  # nameless
        (changed(lambda it: it["holidays"][0].update({"from": "2026-12-26"})), r"holidays\[0\].from"),  # too early
        (changed(lambda it: it["holidays"].append(it["holidays"][1])), r"holidays\[3\] 与前面的假期重叠"),  # twice
        (changed(lambda it: it["holidays"].pop(2)), "缺少法定节假日 2027-10-01"),  # no National Day
        (changed(lambda it: it["workdays"][0].update(date="2027-01-04")), r"workdays\[0\].date 不是周末"),  # a Monday
        (changed(lambda it: it["workdays"][0].update(date="2027-05-01")), r"workdays\[0\] 与假期"),  # on Labour Day
        (changed(lambda it: it["workdays"][0].update(date="2028-01-02")), "不属于2027年"),  # next year
        (changed(lambda it: it["workdays"].append("2027-01-09")), r"workdays\[1\] 应为对象"),  # bare date
    ],
)
def test_a_faulty_file_is_refused_with_the_place(text: str, place: str) -> None:
    with pytest.raises(RuleError, match=place):
        parse_calendar_file(text)
