"""The statutory calendar: which days are worked, by the State Council's yearly notice (节假日安排的通知).

A year whose notice is not published is never silently Monday to Friday: the calendar answers so, and says with
`is_known` that the answer may change. The notice of a year may reach into the last days of the year before (for 2019,
29 December 2018 was a working Saturday and 31 December a holiday), so those days are known only with both notices.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from .errors import RuleError

# From here on a year's end can be moved by the next year's notice: the Saturday before a New Year's Day on a Thursday
# is the earliest that could be swapped (the earliest that ever was, from 2004 on, is 29 December).
_TURN_OF_YEAR = (12, 27)
# Every notice has these; a file without them is cut off or meant for something else.
_FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))


@dataclass(frozen=True, slots=True)
class Holiday:
    """A holiday of one notice: its name and its first and last day."""

    name: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class YearTable:
    """One year's notice: holidays, and the weekend days that are worked instead, each with its holiday's name."""

    year: int
    source: str
    holidays: tuple[Holiday, ...]
    workdays: tuple[tuple[date, str], ...]
    invented: bool = False

    def days(self) -> dict[date, bool]:
        """Every day that the notice names: False for a holiday, True for a worked weekend day."""
        named = {day: True for day, _ in self.workdays}
        for holiday in self.holidays:
            named.update(dict.fromkeys(_span(holiday.first, holiday.last), False))
        return named

    def to_document(self) -> dict[str, Any]:
        """The table in the shape of a calendar file, ready for JSON."""
        return {
            "year": self.year,
            "source": self.source,
            "invented": self.invented,
            "holidays": [
                {"name": item.name, "from": item.first.isoformat(), "to": item.last.isoformat()}
                for item in self.holidays
            ],
            "workdays": [{"name": name, "date": day.isoformat()} for day, name in self.workdays],
        }


class Calendar:
    """Working days by the tables of the published years."""

    def __init__(self, tables: Iterable[YearTable]) -> None:
        self._tables = {table.year: table for table in tables}
        self._named: dict[date, bool] = {}
        for table in self._tables.values():
            self._named.update(table.days())

    @classmethod
    def load(cls, documents: Mapping[int, object]) -> "Calendar":
        """Build from year → document in the shape of a calendar file (as stored or parsed from JSON)."""
        tables = [parse_document(document) for document in documents.values()]
        if [table.year for table in tables] != list(documents):
            raise RuleError("日历与其年份不符，请重新载入对应年份的日历文件。")
        return cls(tables)

    def with_tables(self, tables: Iterable[YearTable]) -> "Calendar":
        """This calendar with further years; a table of a year that it has already takes that one's place."""
        return Calendar((self._tables | {table.year: table for table in tables}).values())

    @property
    def years(self) -> tuple[int, ...]:
        """The published years, ascending."""
        return tuple(sorted(self._tables))

    def table(self, year: int) -> YearTable | None:
        """The notice of a year, None if it is not published (or not loaded)."""
        return self._tables.get(year)

    def is_known(self, day: date) -> bool:
        """Whether no notice still to come can change what `is_working_day` says of this day."""
        late = (day.month, day.day) >= _TURN_OF_YEAR
        return day.year in self._tables and (not late or day in self._named or day.year + 1 in self._tables)

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on this day; for a day that is not known, Monday to Friday stands in."""
        return self._named.get(day, day.weekday() < 5)

    def holiday_name(self, day: date) -> str | None:
        """The holiday that a day off belongs to (国庆节), None on other days, plain weekends included."""
        for year in (day.year, day.year + 1):
            table = self._tables.get(year)
            for holiday in table.holidays if table else ():
                if holiday.first <= day <= holiday.last:
                    return holiday.name
        return None


@cache
def packaged_calendar() -> Calendar:
    """The calendar of the notices that come with this version."""
    folder = files(__package__) / "calendars"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    return Calendar(parse_calendar_file((folder / name).read_text(encoding="utf-8")) for name in names)


def parse_calendar_file(text: str) -> YearTable:
    """Read a calendar file (JSON, see calendars/README.md); raise `RuleError` naming the place that is wrong."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RuleError(f"日历文件不是有效的JSON：{error}。") from None
    return parse_document(document)


def parse_document(document: object) -> YearTable:
    """Check a parsed calendar document and return its table; raise `RuleError` naming the place that is wrong."""
    fields = _object(document, "文件", {"year", "source", "holidays", "workdays"}, frozenset({"invented"}))
    year, source, invented = fields["year"], fields["source"], fields.get("invented", False)
    if type(year) is not int or not 2000 <= year <= 2200:
        raise RuleError("日历文件的 year 应为四位年份，例如 2027。")
    if not isinstance(source, str) or not source.strip():
        raise RuleError("日历文件的 source 应写明依据的文件名称和文号。")
    if type(invented) is not bool:
        raise RuleError("日历文件的 invented 应为 true 或 false（虚构的测试日历为 true）。")
    holidays = tuple(_holiday(item, f"holidays[{at}]", year) for at, item in enumerate(_list(fields, "holidays")))
    workdays = tuple(_workday(item, f"workdays[{at}]", year) for at, item in enumerate(_list(fields, "workdays")))

    seen: set[date] = set()
    for at, holiday in enumerate(holidays):
        span = set(_span(holiday.first, holiday.last))
        if seen & span:
            raise RuleError(f"日历文件的 holidays[{at}] 与前面的假期重叠，请合并为一段。")
        seen |= span
    for month, day in _FIXED_HOLIDAYS:
        if date(year, month, day) not in seen:
            raise RuleError(f"日历文件缺少法定节假日 {year}-{month:02d}-{day:02d}，请核对文件是否完整。")
    for at, (day_off, _) in enumerate(workdays):
        if day_off in seen:
            raise RuleError(f"日历文件的 workdays[{at}] 与假期或前面的上班日重复：{day_off}。")
        seen.add(day_off)
    return YearTable(year, source.strip(), holidays, workdays, invented)


def _holiday(item: object, place: str, year: int) -> Holiday:
    fields = _object(item, place, {"name", "from", "to"})
    first = _date(fields["from"], f"{place}.from", year)
    last = _date(fields["to"], f"{place}.to", year)
    if not first <= last <= first + timedelta(days=15):
        raise RuleError(f"日历文件的 {place} 起止日期有误：应先起后止，且不超过16天。")
    return Holiday(_name(fields, place), first, last)


def _workday(item: object, place: str, year: int) -> tuple[date, str]:
    fields = _object(item, place, {"name", "date"})
    day = _date(fields["date"], f"{place}.date", year)
    if day.weekday() < 5:
        raise RuleError(f"日历文件的 {place}.date 不是周末（{day}），调休上班日只能是周六或周日。")
    return day, _name(fields, place)


def _object(value: object, place: str, required: set[str], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RuleError(f"日历文件的 {place} 应为对象（花括号）。")
    for name in sorted(required - value.keys()):
        raise RuleError(f"日历文件的 {place} 缺少 {name}。")
    for name in sorted(value.keys() - required - optional):
        raise RuleError(f"日历文件的 {place} 有未知的 {name}，请删除或改正拼写。")
    return value


def _list(fields: dict[str, Any], name: str) -> list[object]:
    if not isinstance(fields[name], list):
        raise RuleError(f"日历文件的 {name} 应为数组（方括号）。")
    return fields[name]


def _name(fields: dict[str, Any], place: str) -> str:
    if not isinstance(fields["name"], str) or not fields["name"].strip():
        raise RuleError(f"日历文件的 {place}.name 应为节日名称，例如“春节”。")
    return fields["name"].strip()


def _date(value: object, place: str, year: int) -> date:
    try:
        # Only the extended form: Python also reads 20270101 and week dates, which nobody means.
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise RuleError(f"日历文件的 {place} 应为存在的日期，格式如 2027-01-01。")
    if day.year != year and (day.year != year - 1 or (day.month, day.day) < _TURN_OF_YEAR):
        raise RuleError(f"日历文件的 {place}（{day}）不属于{year}年；只有元旦假期可以从上一年12月下旬开始。")
    return day


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
