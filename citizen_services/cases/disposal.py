"""Removing what case files contain, once the years that an administrator set are over (parameter ``case_file_years``).

档案法实施条例 art 20: archives of a county's organs go to the archive ten years after they were made, so that fewer
can't be set; without a value nothing is removed. What is left is that the case was: number, service, office, states,
times.
A file on which something rests stays, however old (``needed``); rooms above add what they need with ``keep_while``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, literal, or_, select, update

from citizen_services import clock
from citizen_services.cases.charging import duty_of
from citizen_services.cases.contest_models import RatingContest
from citizen_services.cases.disposal_models import CaseDisposal
from citizen_services.cases.household_models import HouseholdMember
from citizen_services.cases.models import Case, CaseEvent, Correction, Document, Rating, Rectification, Recusal
from citizen_services.cases.serving_models import Serving
from citizen_services.cases.signals import case_files_removed
from citizen_services.database import db
from citizen_services.fees.models import FeeOrder
from citizen_services.materials.models import Material
from citizen_services.people import parameters
from citizen_services.people.data_models import DataRequest
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.rules.dates import add_months, start_of_day
from citizen_services.rules.retention import KEPT, Kept
from citizen_services.security import equal, keyring

BATCH = 50
YEARS = "case_file_years"
#: What stands in the place of a document's text.
TEXT_REMOVED = "这份文书的正文已过保存期限，按档案规定销毁。"
_START = b"case-disposal\0"
_Condition = Callable[[], ColumnElement[bool]]
_needed_above: list[_Condition] = []


def keep_while(condition: _Condition) -> None:
    """A room above needs files of cases for which a condition on ``Case`` holds. Said twice is said once."""
    if condition not in _needed_above:
        _needed_above.append(condition)


def needed() -> ColumnElement[bool]:
    """Whether something open rests on a case's file, as a condition on ``Case``."""
    other = Case.__table__.alias("other_case")
    return or_(
        Case.ended_at.is_(None),
        # Their papers prove what the register says, as long as it says so.
        exists().where(ResidencePermit.case_id == Case.id, ResidencePermit.state != "ended"),
        exists().where(ResidenceRegistration.case_id == Case.id, ResidenceRegistration.until.is_(None)),
        exists().where(Rectification.case_id == Case.id, Rectification.state.in_(("open", "contested"))),
        exists().where(RatingContest.case_id == Case.id, RatingContest.state == "open"),
        exists().where(Serving.case_id == Case.id, Serving.served_at.is_(None)),
        exists().where(DataRequest.citizen_id == Case.citizen_id, DataRequest.answered_at.is_(None)),
        exists().where(
            FeeOrder.duty == func.concat(literal(_duty_prefix()), Case.id),
            FeeOrder.state.in_(("due", "ordered", "refunding", "disputed")),
        ),
        # Whoever decides the next one may have to look at the one before.
        exists().where(other.c.citizen_id == Case.citizen_id, other.c.ended_at.is_(None)),
        *(condition() for condition in _needed_above),
    )


def _duty_prefix() -> str:
    nobody = UUID(int=0)
    return duty_of(nobody).removesuffix(str(nobody))


def kept_here() -> tuple[Kept, ...]:
    """What is kept and for how long, with the years that this installation's administrators set for case files."""
    years = parameters.number(YEARS)
    if not years:
        return KEPT
    source = parameters.declared()[YEARS].source
    words = f"办结后{years}年（{source}）；证件、登记、送达、整改、缴费还用得着的，留到用完为止"
    return tuple(replace(kept, how_long=words) if kept.code == "cases" else kept for kept in KEPT)


def remove_case_files() -> Iterator[int]:
    """Remove what files contain whose time is over, some at a time; the caller commits after each."""
    years = parameters.number(YEARS)
    if not years:
        return
    before = start_of_day(add_months(clock.today(), -12 * years))
    gone = exists().where(CaseDisposal.case_id == Case.id)
    over = select(Case).where(Case.ended_at < before, ~gone, ~needed()).order_by(Case.ended_at, Case.id).limit(BATCH)
    while found := db.session.scalars(over.with_for_update(skip_locked=True)).all():
        _remove(found, years, parameters.declared()[YEARS].source)
        yield len(found)


def _remove(cases: Sequence[Case], years: int, source: str) -> None:
    ids, now = [case.id for case in cases], clock.now()
    for case in cases:
        said = CaseDisposal(case_id=case.id, at=now, years=years, source=source, head=bytes(case.head))
        said.mark = _mark(said)
        db.session.add(said)
    emptied: tuple[tuple[Any, dict[str, Any]], ...] = (
        (CaseEvent, {"data": {}}),
        (Document, {"content": {"paragraphs": [TEXT_REMOVED]}}),
        (Correction, {"items": [], "typed": None, "new_because": None}),
        (Rating, {"words": None}),
        (Rectification, {"call_note": None, "measures": None}),
        (RatingContest, {"reason": "", "decision": None}),
        (Recusal, {"reason": ""}),
        (Serving, {"how": None}),
        (HouseholdMember, {"name": "", "id_number": "", "trouble": None}),
    )
    _run(update(Case).where(Case.id.in_(ids)).values(data={}, answers={}, results={}))
    for table, values in emptied:
        _run(update(table).where(table.case_id.in_(ids)).values(**values))
    # Their photos are swept, once nothing uses them.
    _run(delete(Material).where(Material.case_id.in_(ids)))
    case_files_removed.send("retention", case_ids=ids)
    db.session.flush()


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))


def _mark(said: CaseDisposal) -> bytes:
    moment = said.at.astimezone(UTC).isoformat(timespec="microseconds")
    told = [str(said.case_id), moment, said.years, said.source, bytes(said.head).hex()]
    return keyring().audit_mark(_START, told)


def disposal_of(case_id: UUID) -> CaseDisposal | None:
    """That a case's file was removed by rule; None where it was not, or where nobody of ours says so."""
    found = db.session.get(CaseDisposal, case_id)
    return found if found is not None and equal(_mark(found), bytes(found.mark)) else None
