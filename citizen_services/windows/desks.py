"""What may be offered when: partners' desks in the hall by their hours, and the days on which an office is closed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.database import db
from citizen_services.rules.opening import Spans, spans_on
from citizen_services.windows.models import DeskDay, DeskHours, OpeningException, PartnerDesk

#: Desks and closed days change rarely and are asked for with each free slot; machine seconds.
_LIFETIME_S = 10.0


@dataclass(frozen=True)
class Desk:
    """A partner's desk and its hours: by weekday (Monday is 0), and of single days."""

    name: str
    where: str
    week: Mapping[int, Spans]
    days: Mapping[date, Spans]

    def on(self, day: date) -> Spans:
        """When it is open on a day."""
        return spans_on(self.week, self.days, day, calendar())

    def at(self, moment: datetime) -> bool:
        """Whether it is open at a moment."""
        local = moment.astimezone(clock.SHANGHAI)
        now = f"{local:%H:%M}"
        return any(span[:5] <= now < span[6:] for span in self.on(local.date()))


class _Desks:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Mapping[tuple[str, str], Desk] = {}
        self._exceptions: Mapping[tuple[str, date], int | None] = {}
        self._read_at = float("-inf")

    def get(self) -> tuple[Mapping[tuple[str, str], Desk], Mapping[tuple[str, date], int | None]]:
        with self._lock:
            if time.monotonic() - self._read_at > _LIFETIME_S:
                self._found, self._exceptions = _read(), _read_exceptions()
                self._read_at = time.monotonic()
            return self._found, self._exceptions

    def forget(self) -> None:
        with self._lock:
            self._read_at = float("-inf")


_desks = _Desks()


def forget_desks() -> None:
    """Read the desks and the closed days again at the next use: one was changed."""
    _desks.forget()


def desks() -> Mapping[tuple[str, str], Desk]:
    """Every desk by office and partner."""
    return _desks.get()[0]


def is_closed(office_code: str, day: date) -> bool:
    """Whether nothing is released or booked at an office on a day: closed by an exception of its own, or a holiday."""
    exceptions = _desks.get()[1]
    if (office_code, day) in exceptions:
        return exceptions[office_code, day] is None
    return calendar().holiday_name(day) is not None and not calendar().is_working_day(day)


def _read() -> Mapping[tuple[str, str], Desk]:
    weeks: dict[object, dict[int, Spans]] = defaultdict(dict)
    days: dict[object, dict[date, Spans]] = defaultdict(dict)
    for row in db.session.scalars(select(DeskHours)):
        weeks[row.desk_id][row.weekday] = row.spans
    for one in db.session.scalars(select(DeskDay).where(DeskDay.day >= clock.today())):
        days[one.desk_id][one.day] = one.spans
    rows = db.session.scalars(select(PartnerDesk))
    return {(row.office_code, row.partner): Desk(row.name, row.where, weeks[row.id], days[row.id]) for row in rows}


def _read_exceptions() -> Mapping[tuple[str, date], int | None]:
    coming = select(OpeningException).where(OpeningException.day >= clock.today())
    return {(row.office_code, row.day): row.as_weekday for row in db.session.scalars(coming)}
