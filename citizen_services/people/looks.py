"""Who of the staff saw whose data, why and when: rows that are only ever added (a citizen may ask for them)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select, tuple_

from citizen_services.database import Change, db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.models import Look
from citizen_services.rules.keyset import Place

What = Literal["opened", "unmasked", "searched", "bound", "exported"]

#: The reason of whoever works on the case; every other reason is in the person's own words.
HANDLING = "handling"
#: How long one look covers the same person's further looks at the same case.
COVERS = timedelta(minutes=15)


def note(
    change: Change, actor: Actor, citizen_id: UUID, what: What, reason: str, *, role: str, case_id: UUID | None = None
) -> UUID:
    """Add a look to a change: this member of staff sees that citizen's data in this role, for this reason.

    Returns the look's id. The caller writes the change.
    """
    id = new_id()
    change.add(
        Look,
        id=id,
        at=change.at,
        staff_id=actor.id,
        office_code=actor.office,
        role=role,
        citizen_id=citizen_id,
        case_id=case_id,
        what=what,
        reason=reason,
    )
    return id


def reasons_for_opening(actor: Actor, citizen_id: UUID, case_id: UUID, now: datetime) -> frozenset[str]:
    """The reasons for which somebody opened a case within the last quarter of an hour (COVERS); empty if never.

    ``now`` is business time, as looks are.
    """
    rows = db.session.scalars(
        select(Look).where(
            Look.citizen_id == citizen_id,
            Look.staff_id == actor.id,
            Look.case_id == case_id,
            Look.what == "opened",
            Look.at > now - COVERS,
        )
    )
    return frozenset(row.reason for row in rows)


def looks_at(citizen_id: UUID, case_id: UUID | None = None, limit: int = 100) -> list[Look]:
    """The newest looks at a citizen's data, or at one case of theirs, newest first."""
    query = select(Look).where(Look.citizen_id == citizen_id)
    if case_id is not None:
        query = query.where(Look.case_id == case_id)
    return list(db.session.scalars(query.order_by(Look.at.desc(), Look.id.desc()).limit(limit)))


def page_of(citizen_id: UUID, after: Place | None, size: int) -> tuple[list[Look], Place | None]:
    """The looks at a citizen's data behind a place, newest first, and the place to go on from; None at the end."""
    query = select(Look).where(Look.citizen_id == citizen_id)
    if after is not None and after[0] is not None:
        query = query.where(tuple_(Look.at, Look.id) < after)
    rows = list(db.session.scalars(query.order_by(Look.at.desc(), Look.id.desc()).limit(size + 1)))
    return rows[:size], (rows[size - 1].at, rows[size - 1].id) if len(rows) > size else None
