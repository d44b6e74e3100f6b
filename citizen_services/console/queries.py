"""What the console alone reads of cases."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select, tuple_

from citizen_services.cases.models import Case
from citizen_services.database import db


def to_look_for(office_code: str, places: Collection[tuple[str, str]], limit: int) -> Sequence[Case]:
    """The cases on an office's desk in one of some (item, state), the one whose clock runs out first on top."""
    query = select(Case).where(Case.desk_code == office_code, tuple_(Case.item, Case.state).in_(places))
    return db.session.scalars(query.order_by(Case.next_due, Case.id).limit(limit)).all()
