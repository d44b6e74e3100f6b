"""Permits as the tests need them: through the doors, or of a given age."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import update

from citizen_services.database import commit, db
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import window_opens
from citizen_services.rules import permit_years
from tests.console.applications import move
from tests.portal.conftest import Resident


def carded(person: Resident) -> UUID:
    """Have the person apply, and everybody do their part until the card is made; the case's id."""
    case_id = person.apply()
    with person.app.app_context():
        for action in ("accept", "approve", "make"):
            move(case_id, action)
    return case_id


def issued(person: Resident, day: date) -> None:
    """Let the person's permit be one that was issued on that day, and never endorsed since. Committed."""
    until = permit_years.first_until(day, day)
    with person.app.app_context():
        db.session.execute(
            update(ResidencePermit)
            .where(ResidencePermit.citizen_id == person.id)
            .values(issued_on=day, counted_from=day, endorsed_until=until, remind_on=window_opens(until))
        )
        commit()
