"""The years of a residence permit: endorsed for one at a time, within a month before each is full.

居住证暂行条例 art 10; 浙江省流动人口居住登记条例 art 19, which counts them from the day of issue. A year that begins on
9 November ends with the 9th of the next November, as every period here does.
"""

from __future__ import annotations

from datetime import date

from citizen_services.rules.dates import add_months

_YEAR = 12
#: How long before the full year it may be endorsed, in months (浙江省流动人口居住登记条例 art 19).
WINDOW_MONTHS = 1
#: What a permit is on a day.
VALID, SUSPENDED, ENDED = "valid", "suspended", "ended"


def first_until(counted_from: date, issued_on: date) -> date:
    """Until when a permit is endorsed by its issue: the first full year that ends after that day."""
    return _next_full_year(counted_from, issued_on)


def next_until(counted_from: date, endorsed_until: date) -> date:
    """Until when it is endorsed by the next endorsement in time; one of 29 February comes back to it in leap years."""
    return _next_full_year(counted_from, endorsed_until)


def window_opens(endorsed_until: date, months: int = WINDOW_MONTHS) -> date:
    """The first day on which the next year may be endorsed: so many months before the year is full."""
    return add_months(endorsed_until, -months)


def counted_from_of(issued_on: date, endorsed_until: date) -> date:
    """From which day the years of a permit are counted that another register knows by its two dates only.

    From the day of issue, unless its last year does not end on that day's: it was restored in between then.
    """
    years = endorsed_until.year - issued_on.year
    if years > 0 and add_months(issued_on, _YEAR * years) == endorsed_until:
        return issued_on
    return add_months(endorsed_until, -_YEAR)


def standing(state: str, endorsed_until: date, today: date) -> str:
    """``valid``, ``suspended`` (使用功能中止: the year ran out without an endorsement) or ``ended``."""
    if state == ENDED:
        return ENDED
    return VALID if today <= endorsed_until else SUSPENDED


def _next_full_year(counted_from: date, after: date) -> date:
    year = 1
    while (until := add_months(counted_from, _YEAR * year)) <= after:
        year += 1
    return until
