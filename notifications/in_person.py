"""Documents that no letter reached: whose turn it is to bring them, and how that was done.

The office that decided brings it, leaves it at home before witnesses, or announces it; the day on which it counts as
served is written down by whoever did it.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select, text, true

from citizen_services.cases import serving
from citizen_services.cases.models import Case, Document
from citizen_services.cases.serving_models import Serving
from citizen_services.database import db
from notifications import ladder, letters
from notifications.models import Letter, Parcel

PAGE = 50
Found = Row[Serving, Document, Case]
#: In the words of the index.
_WAITS = text("in_person_since IS NOT NULL AND served_at IS NULL")


def _found(within: ColumnElement[bool]) -> Select[Serving, Document, Case]:
    return (
        select(Serving, Document, Case)
        .join(Document, Document.id == Serving.document_id)
        .join(Case, Case.id == Serving.case_id)
        .where(_WAITS, within)
    )


def waiting(within: ColumnElement[bool], after: UUID | None = None) -> tuple[list[Found], UUID | None]:
    """What is to be brought, the oldest document first, a page behind ``after``; and the place to go on from."""
    behind = true() if after is None else Serving.document_id > after
    found = list(db.session.execute(_found(within).where(behind).order_by(Serving.document_id).limit(PAGE + 1)).all())
    return found[:PAGE], found[PAGE - 1][0].document_id if len(found) > PAGE else None


def one(document_id: UUID, within: ColumnElement[bool]) -> Found | None:
    """A document that is to be brought; None where it was, or is none of these cases."""
    return db.session.execute(_found(within).where(Serving.document_id == document_id)).first()


def count(within: ColumnElement[bool]) -> int:
    """How many are to be brought."""
    query = select(func.count()).select_from(Serving).join(Case, Case.id == Serving.case_id).where(_WAITS, within)
    return db.session.execute(query).scalar_one()


def tried(document_id: UUID) -> list[tuple[Letter, Parcel]]:
    """The letters that were in vain, in order."""
    query = select(Letter, Parcel).join(Parcel, Parcel.id == Letter.parcel_id).where(Letter.document_id == document_id)
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(Letter.nth))]


def note(document_id: UUID, way: str, day: date, how: str, by: UUID) -> None:
    """Write down that it was served; whoever got it in hand was told by it as well. The caller commits.

    Raises NotToBeBrought, WrongDay.
    """
    serving.served_by_hand(document_id, way, day, how, by)
    notice_id = letters.notice_of(document_id)
    if way == "direct" and notice_id is not None:
        ladder.told_in_person(notice_id)
