"""Opening hours of an office: spans of a day, by weekday and by date, with holidays and days worked instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

from .errors import RuleError
from .text import fold_width
from .working_days import Calendar

#: Spans of a day: ``("08:30-11:30", "13:30-17:00")``; none of them: closed.
Spans = Sequence[str]
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_SPAN = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MOST = 3


def parse_spans(text: str) -> list[str]:
    """Spans as somebody types them (``8:30-11:30 13：30至17：00``), in order; empty for a day on which it is closed.

    Raises RuleError.
    """
    plain = re.sub(r"\s*[-—–~～至到]+\s*", "-", fold_width(text).strip())
    found = []
    for part in re.split(r"[\s,;、]+", plain) if plain else ():
        match = _SPAN.fullmatch(part)
        if match is None:
            raise RuleError("请按 8:30-11:30 13:30-17:00 的样子填写时间，不办公的留空。")
        hours = [f"{int(match[at]):02}:{match[at + 1]}" for at in (1, 3)]
        if hours[0] >= hours[1]:
            raise RuleError("每一段的结束时间须晚于开始时间。")
        found.append("-".join(hours))
    if len(found) > _MOST or any(one[6:] > after[:5] for one, after in pairwise(found)):
        raise RuleError("一天最多三段时间，按先后填写，不能重叠。")
    return found


def spans_on(week: Mapping[int, Spans], special: Mapping[date, Spans], day: date, calendar: Calendar) -> Spans:
    """When an office is open on a day. ``week``: by weekday, Monday is 0; ``special``: of single days, which go first.

    On a holiday it is closed; a weekend day that is worked instead is like a Monday where it has no hours of its own.
    """
    if day in special:
        return special[day]
    if calendar.holiday_name(day) is not None and not calendar.is_working_day(day):
        return ()
    own = week.get(day.weekday(), ())
    return own or (week.get(0, ()) if day.weekday() > 4 and calendar.is_working_day(day) else ())


def words_of(spans: Spans) -> str:
    """``8:30–11:30、13:30–17:00``, or that it is closed."""
    return "、".join(_short(one) for one in spans) or "不办公"


def _short(span: str) -> str:
    return "–".join(part.removeprefix("0") for part in span.split("-"))


def week_words(week: Mapping[int, Spans]) -> list[str]:
    """The week in lines, days alike together: ``周一至周五 8:30–11:30``."""
    lines: list[tuple[int, int, str]] = []
    for day in range(7):
        words = words_of(week.get(day, ()))
        if lines and lines[-1][2] == words:
            lines[-1] = (lines[-1][0], day, words)
        else:
            lines.append((day, day, words))
    return [f"{WEEKDAYS[a]}{'至' + WEEKDAYS[b] if b > a else ''} {words}" for a, b, words in lines]
