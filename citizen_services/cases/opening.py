"""Opening hours of offices: kept by week and by date, told with holidays and days that are worked instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.database import db
from citizen_services.people.actors import Actor
from citizen_services.people.administration_models import OfficeDay, OfficeHours
from citizen_services.people.administration_record import changed, record
from citizen_services.people.models import Office
from citizen_services.people.queries import offices
from citizen_services.rules.dates import chinese_day
from citizen_services.rules.opening import WEEKDAYS, Spans, spans_on, week_words, words_of

#: Days ahead for which it is told what differs from the week.
AHEAD = 14


@dataclass(frozen=True)
class Hours:
    """An office's hours: by weekday (Monday is 0), and of single days with the reason."""

    office: Office
    week: Mapping[int, Spans]
    days: Mapping[date, tuple[Spans, str]]

    def on(self, day: date) -> Spans:
        """When it is open on a day; empty: closed."""
        return spans_on(self.week, {one: spans for one, (spans, _) in self.days.items()}, day, calendar())

    @property
    def lines(self) -> list[str]:
        """The week, as citizens read it; none where the office opens by single days only (its published plan)."""
        return week_words(self.week) if any(self.week.values()) else []

    @property
    def otherwise(self) -> list[str]:
        """Which of the next days differ from the week, and why."""
        lines = []
        for ahead in range(AHEAD):
            day = clock.today() + timedelta(days=ahead)
            spans = self.on(day)
            if list(spans) != list(self.week.get(day.weekday(), ())):
                why = self.days[day][1] if day in self.days else calendar().holiday_name(day) or "调休上班"
                lines.append(f"{chinese_day(day)} {words_of(spans)}（{why}）")
        return lines


def hours_of(codes: Sequence[str] | None = None) -> list[Hours]:
    """The hours of offices, in order of their codes; those of which nobody wrote any down are left out."""
    wanted = sorted(offices() if codes is None else codes)
    weeks: dict[str, dict[int, Spans]] = defaultdict(dict)
    days: dict[str, dict[date, tuple[Spans, str]]] = defaultdict(dict)
    for row in db.session.scalars(select(OfficeHours).where(OfficeHours.office_code.in_(wanted))):
        weeks[row.office_code][row.weekday] = row.spans
    coming = select(OfficeDay).where(OfficeDay.office_code.in_(wanted), OfficeDay.day >= clock.today())
    for one in db.session.scalars(coming.order_by(OfficeDay.day)):
        days[one.office_code][one.day] = (one.spans, one.words)
    return [Hours(offices()[code], weeks[code], days[code]) for code in wanted if weeks[code] or days[code]]


def _week_of(code: str) -> dict[str, str]:
    found = hours_of([code])
    week = found[0].week if found else {}
    return {WEEKDAYS[day]: words_of(week.get(day, ())) for day in range(7)}


def save_week(actor: Actor, code: str, week: Mapping[int, Spans]) -> None:
    """Write down an office's week anew; the caller commits."""
    before = _week_of(code)
    db.session.execute(delete(OfficeHours).where(OfficeHours.office_code == code))
    db.session.add_all(
        OfficeHours(office_code=code, weekday=day, spans=list(spans)) for day, spans in week.items() if spans
    )
    db.session.flush()
    record(actor, "hours_changed", code, *changed(before, _week_of(code)))


def save_day(actor: Actor | None, code: str, day: date, spans: Spans, words: str) -> None:
    """Write down that one date is otherwise; ``actor`` is None for the command line. The caller commits."""
    values = {"spans": list(spans), "words": words}
    write = insert(OfficeDay).values(office_code=code, day=day, **values)
    db.session.execute(write.on_conflict_do_update(index_elements=["office_code", "day"], set_=values))
    record(actor, "hours_changed", code, {}, {day.isoformat(): f"{words_of(spans)}（{words}）"})


def remove_day(actor: Actor, code: str, day: date) -> None:
    """Let a date be as the week and the calendar say; the caller commits."""
    db.session.execute(delete(OfficeDay).where(OfficeDay.office_code == code, OfficeDay.day == day))
    record(actor, "hours_changed", code, {day.isoformat(): "另有安排"}, {day.isoformat(): "按平时"})
