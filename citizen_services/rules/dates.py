"""Dates as the law counts them and as people here read them. Everything local is Asia/Shanghai."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_WEEKDAYS = "一二三四五六日"


def local_date(moment: datetime) -> date:
    """The date on the wall calendar in Ningbo at an aware moment."""
    return _aware(moment).astimezone(SHANGHAI).date()


def end_of_day(day: date) -> datetime:
    """24:00 of a local day as an aware UTC moment: the first instant that no longer belongs to the day."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)


def last_day(end: datetime) -> date:
    """The last local day of a period that ends at ``end``, which is 24:00 of that day."""
    return local_date(end - timedelta(microseconds=1))


def start_of_day(day: date) -> datetime:
    """0:00 of a local day as an aware UTC moment."""
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier, if negative); where that month lacks it, its last day."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, calendar.monthrange(years, month + 1)[1]))


def half_year_after(registered: date) -> date:
    """The first day on which "half a year" since a registration is full and one may apply.

    Registered 23 May, the half year ends at 24:00 on 23 November (or that month's last day): apply from 24 November.
    """
    return add_months(registered, 6) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


def window_before_anniversary(anchor: date, years: int, months: int = 1) -> Window:
    """The `months` before the day on which `years` full years since `anchor` end; that day is the last of the window.

    Endorsement of a permit: 居住证暂行条例 art. 10; in Zhejiang (登记条例 art. 19) the anchor is the day of issue.
    """
    if years < 1 or months < 1:
        raise ValueError("years and months are at least one")
    anniversary = add_months(anchor, 12 * years)
    return Window(add_months(anniversary, -months), anniversary)


def chinese_day(day: date) -> str:
    """`11月25日（周三）`."""
    return f"{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}）"


def chinese_full_day(day: date) -> str:
    """`2026年11月25日（周三）`."""
    return f"{day.year}年{chinese_day(day)}"


def chinese_date(day: date) -> str:
    """`2026年11月25日`, also what WeChat's `date` values take."""
    return f"{day.year}年{day.month}月{day.day}日"


def chinese_moment(moment: datetime) -> str:
    """`2026年11月25日 09:12` in local time, also what WeChat's `time` values take."""
    local = _aware(moment).astimezone(SHANGHAI)
    return f"{chinese_date(local)} {local:%H:%M}"


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone")
    return moment
