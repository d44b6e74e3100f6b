"""Who of the staff saw whose data, why and when: rows that are only ever added (a citizen may ask for them)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select

from citizen_services.database import Change, db, new_id
from citizen_services.people.actors import Actor
from citizen_services.people.models import Look

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
