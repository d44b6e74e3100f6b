"""Until when a correction (补正) is answered, and when asking for more needs a reason.

浙江省保障“最多跑一次”改革规定 art 11 wants all of it named at once, with a date; it says no number of days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Correction
from citizen_services.people import parameters
from citizen_services.rules.periods import Deadline, Period, deadline


def time_to_answer() -> Period:
    """How long a person has to answer; ours (``CORRECTION_DAYS``)."""
    return Period(parameters.number("correction_days"), "working")


def least_time() -> Period:
    """How long a person has at least from when they hear of a request, or are asked for the same thing again.

    Ours (``CORRECTION_GRACE_DAYS``): a date told after it has passed, or on its own evening, is none.
    """
    return Period(parameters.number("correction_grace_days"), "working")


def why_a_reason(before: Sequence[Correction], codes: set[str], at: datetime) -> str:
    """Why asking for these needs a reason, in a sentence for who asks; nothing where it needs none.

    ``before``: the case's requests, oldest first. The first needs none, nor does what was named before while the date
    that was told has not passed.
    """
    if not before:
        return ""
    if codes - {i["code"] for c in before for i in c.items}:
        return "有的内容上次没有提到，请写明为什么现在才提"
    return "上次告知的补正期限已过，请写明为什么还要补正" if at >= _dated(before).due else ""


def until(before: Sequence[Correction], at: datetime, *, anew: bool) -> Deadline:
    """The date of a request made now; asking for the same again (not ``anew``) keeps the date that was told."""
    if anew or not before:
        return deadline(at, time_to_answer(), calendar())
    told, least = _dated(before), deadline(at, least_time(), calendar())
    return least if least.at > told.due else replace(least, at=told.due, provisional=told.due_provisional)


def counted_from(asked: Sequence[Correction]) -> datetime:
    """From when the days of the last of these requests of a case are counted."""
    return _dated(asked).asked_at


def _dated(asked: Sequence[Correction]) -> Correction:
    """Of a case's requests, oldest first, the one that set the date: the first, or the last made for a reason."""
    return next((one for one in reversed(asked) if one.new_because), asked[0])
