"""Opening hours of an office: spans of a day, by weekday and by date, with holidays and days worked instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
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


#: Days off by what people call them, and by what the notice of the year does.
_HOLIDAYS = {
    "元旦": "元旦", "春节": "春节", "过年": "春节", "除夕": "春节", "清明": "清明", "五一": "劳动", "劳动节": "劳动",
    "端午": "端午", "中秋": "中秋", "国庆": "国庆", "十一放": "国庆", "十一期": "国庆", "十一假": "国庆",
}  # fmt: skip
_RELATIVE = {"大后天": 3, "后天": 2, "明天": 1, "明日": 1, "明早": 1, "今天": 0, "今日": 0, "今晚": 0, "现在": 0}
_WEEKDAY = re.compile(r"(下)?(?:个)?(?:这|本)?(?:周|星期|礼拜)([一二三四五六日天末1-6])")
_DATE = re.compile(r"(?:(\d{1,2})月)?(\d{1,2})[日号]|(\d{1,2})月(\d{1,2})")
#: How far ahead a holiday that is named is looked for.
_YEAR = 400


def day_meant(text: str, today: date, calendar: Calendar) -> date | None:
    """The next day that a question names (今天, 周六, 下周三, 14号, 国庆); None where it names none."""
    if holiday := holiday_meant(text):
        days = (today + timedelta(days=ahead) for ahead in range(_YEAR))
        return next((day for day in days if _HOLIDAYS[holiday] in (calendar.holiday_name(day) or "")), None)
    if found := _WEEKDAY.search(text):
        wanted = "一二三四五六日".find(found[2].replace("天", "日").replace("末", "六"))
        wanted = int(found[2]) - 1 if wanted < 0 else wanted
        if found[1]:
            return today + timedelta(days=7 - today.weekday() + wanted)
        return today + timedelta(days=(wanted - today.weekday()) % 7)
    for called, ahead in _RELATIVE.items():
        if called in text:
            return today + timedelta(days=ahead)
    if found := _DATE.search(text):
        return _next_date(int(found[1] or found[3] or 0), int(found[2] or found[4]), today)
    return None


def holiday_meant(text: str) -> str | None:
    """The holiday that a question names, as it calls it; ``day_meant`` has no day of it before its year's notice."""
    return next((called for called in _HOLIDAYS if called in text), None)


def _next_date(month: int, number: int, today: date) -> date | None:
    """The next day of that number, of that month where one is said (0: none)."""
    for ahead in range(_YEAR):
        day = today + timedelta(days=ahead)
        if day.day == number and month in (0, day.month):
            return day
    return None


def break_of(spans: Spans) -> str | None:
    """The pause at noon, as a span; None where it is open through noon, or for one half of the day."""
    for one, after in pairwise(spans):
        if "11:00" <= one[6:] <= "14:00" and one[6:] < after[:5]:
            return f"{one[6:]}-{after[:5]}"
    return None


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
