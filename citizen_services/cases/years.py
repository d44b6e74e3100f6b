"""A year's calendar arrives: what was provisional for want of it gets its dates.

Apart from clocks.py, since corrections stand on that one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases import clocks
from citizen_services.cases.correction_dates import counted_from, time_to_answer
from citizen_services.cases.corrections import of_case
from citizen_services.cases.models import Case, CaseEvent, Correction
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.database.models import CalendarYear
from citizen_services.parts import parts
from citizen_services.rules.periods import deadline
from citizen_services.rules.working_days import parse_calendar_file


def load_year(document: str) -> dict[str, Any]:
    """Load a year's calendar from a file's text and recompute the dates that waited for it. The caller commits.

    Returns ``{year, days_off, workdays, recomputed}``, the last one in cases; raises RuleError with what is wrong with
    the file.
    """
    table = parse_calendar_file(document)
    row = {"year": table.year, "content": table.to_document(), "loaded_at": clock.now()}
    statement = insert(CalendarYear).values(row)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["year"], set_={k: row[k] for k in ("content", "loaded_at")})
    )
    clocks.forget_calendar()
    days = table.days()
    return {
        "year": table.year,
        "days_off": sum(1 for works in days.values() if not works),
        "workdays": sum(1 for works in days.values() if works),
        "recomputed": len(_recompute_cases() | _recompute_corrections()),
    }


def _recompute_cases() -> set[UUID]:
    """Give every open case whose dates were provisional its dates by the calendar as it is now."""
    waiting = db.session.scalars(
        select(Case).where(Case.due_provisional, Case.ended_at.is_(None)).order_by(Case.id).with_for_update()
    ).all()
    for case in waiting:
        item = parts().catalogue.item(case.item, case.item_version)
        periods, known = item.clocks, clocks.calendar()
        first = deadline(_answer_owed_since(item, case), periods.first_answer, known)
        case.first_answer_due, case.due_provisional = first.at, first.provisional
        if case.accepted_at:
            promised = deadline(case.accepted_at, periods.promised, known)
            statutory = deadline(case.accepted_at, periods.statutory, known) if periods.statutory else None
            case.promised_due, case.statutory_due = promised.at, statutory.at if statutory else None
            case.due_provisional = promised.provisional or bool(statutory and statutory.provisional)
        case.next_due = clocks.next_due(item.state(case.state), clocks.dates_of(case))
    db.session.flush()
    return {case.id for case in waiting}


def _answer_owed_since(item: ServiceItem, case: Case) -> datetime:
    """When the office last came to owe a first answer: when the case was sent, or a correction of it answered."""

    def owed(state: str | None) -> bool:
        return state is not None and item.state(state).clock == "first_answer"

    newest_first = (
        select(CaseEvent.from_state, CaseEvent.to_state, CaseEvent.at)
        .where(CaseEvent.case_id == case.id)
        .order_by(CaseEvent.seq.desc())
    )
    for event in db.session.execute(newest_first):
        if owed(event.to_state) and not owed(event.from_state):
            return event.at
    return case.submitted_at


def _recompute_corrections() -> set[UUID]:
    """Give open corrections their last day; never an earlier one than the person was told."""
    waiting = db.session.scalars(
        select(Correction)
        .where(Correction.state == "open", Correction.due_provisional)
        .order_by(Correction.id)
        .with_for_update()
    ).all()
    for correction in waiting:
        due = deadline(counted_from(of_case(correction.case_id)), time_to_answer(), clocks.calendar())
        correction.due, correction.due_provisional = max(correction.due, due.at), due.provisional
    db.session.flush()
    return {correction.case_id for correction in waiting}
