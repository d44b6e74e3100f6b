"""The three clocks of a case: the first answer, the statutory period, the promised one; and whose desk it lies on."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from citizen_services.cases.models import Case
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import State
from citizen_services.database import db
from citizen_services.database.models import CalendarYear
from citizen_services.people.queries import service_centre
from citizen_services.rules.dates import last_day
from citizen_services.rules.periods import deadline, packaged_calendar
from citizen_services.rules.working_days import Calendar, parse_document

_CALENDAR_LIFETIME_S = 60.0
_DATES = (
    "first_answer_due", "first_answer_met_at", "statutory_due", "promised_due", "result_met_at", "due_provisional"
)  # fmt: skip


class _Calendars:
    """The calendar of this process: packaged years and those loaded into the database, re-read once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calendar: Calendar | None = None
        self._read_at = 0.0

    def get(self) -> Calendar:
        with self._lock:
            if self._calendar is None or time.monotonic() - self._read_at > _CALENDAR_LIFETIME_S:
                loaded = db.session.scalars(select(CalendarYear.content)).all()
                self._calendar = packaged_calendar().with_tables(parse_document(content) for content in loaded)
                self._read_at = time.monotonic()
            return self._calendar

    def forget(self) -> None:
        with self._lock:
            self._calendar = None


_calendars = _Calendars()


def calendar() -> Calendar:
    """Working days as this installation knows them."""
    return _calendars.get()


def forget_calendar() -> None:
    """Read the calendar again at the next use: a year was loaded."""
    _calendars.forget()


def desk(situation: Situation, state: State) -> str | None:
    """The code of the office on whose desk a case in that state lies; None where nobody of ours has to act."""
    if state.desk == "own":
        return situation.office
    if state.desk == "service_centre":
        return service_centre(situation.district).code
    return None


def dates_of(case: Case) -> dict[str, Any]:
    """The clocks' columns as they stand."""
    return {name: getattr(case, name) for name in _DATES}


def due_value(case: Case) -> dict[str, str]:
    """The placeholder ``due``, once a result has been promised: the last day of the promise."""
    return {"due": _day_words(last_day(case.promised_due))} if case.promised_due else {}


def _day_words(day: date) -> str:
    return f"{day.month}月{day.day}日"


def turned(situation: Situation, before: State | None, after: State, dates: dict[str, Any]) -> Mapping[str, Any]:
    """The columns that change as a case goes from one state to another; ``dates`` is brought up to date as well.

    The first answer is met when its clock stops running; the statutory and promised periods begin with acceptance
    (the day itself is not counted) and are met when the result has left our hands.
    """
    item, at = situation.item, situation.at
    new: dict[str, Any] = {}
    running_before = before.clock if before else None
    if after.clock == "first_answer" and running_before != "first_answer":
        # Sent, or sent again after a correction: the office owes a first answer from now on.
        first = deadline(at, item.clocks.first_answer, calendar())
        new |= {
            "first_answer_due": first.at,
            "first_answer_met_at": None,
            "due_provisional": first.provisional,
        }
    if running_before == "first_answer" and after.clock != "first_answer":
        new["first_answer_met_at"] = at
    if before is None and after.clock != "first_answer":
        new["first_answer_met_at"] = at
    if after.clock == "result" and dates.get("promised_due") is None:
        new |= _result_dates(situation, at) | {"accepted_at": at}
    if running_before == "result" and after.clock != "result" and dates.get("result_met_at") is None:
        # What comes back and is sent once more does not make late what left us in time.
        new["result_met_at"] = at
    dates |= {name: value for name, value in new.items() if name in _DATES}
    new["next_due"] = next_due(after, dates)
    return new


def _result_dates(situation: Situation, at: datetime) -> dict[str, Any]:
    clocks = situation.item.clocks
    promised = deadline(at, clocks.promised, calendar())
    statutory = deadline(at, clocks.statutory, calendar()) if clocks.statutory else None
    situation.values["due"] = _day_words(promised.last_day)
    return {
        "promised_due": promised.at,
        "statutory_due": statutory.at if statutory else None,
        "due_provisional": promised.provisional or bool(statutory and statutory.provisional),
    }


def next_due(state: State, dates: Mapping[str, Any]) -> datetime | None:
    """The earliest clock that runs in a state, None where none does; ``dates`` are the clocks' columns."""
    if state.clock == "first_answer":
        return dates.get("first_answer_due")
    if state.clock == "result" and dates.get("result_met_at") is None:
        return min((d for d in (dates.get("promised_due"), dates.get("statutory_due")) if d), default=None)
    return None
