"""What the registers hold of a person."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from citizen_services.database import db
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration


def registrations_of(citizen_id: UUID) -> Sequence[ResidenceRegistration]:
    """A person's residence registrations with us, newest first."""
    query = select(ResidenceRegistration).where(ResidenceRegistration.citizen_id == citizen_id)
    return db.session.scalars(query.order_by(ResidenceRegistration.since.desc(), ResidenceRegistration.at.desc())).all()


def current_registration(citizen_id: UUID) -> ResidenceRegistration | None:
    """Where the person is registered as living now."""
    query = select(ResidenceRegistration).where(
        ResidenceRegistration.citizen_id == citizen_id, ResidenceRegistration.until.is_(None)
    )
    return db.session.scalars(query).one_or_none()


def registration_of_case(case_id: UUID) -> ResidenceRegistration | None:
    """The registration that a case resulted in."""
    query = select(ResidenceRegistration).where(ResidenceRegistration.case_id == case_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def permits_of(citizen_id: UUID) -> Sequence[ResidencePermit]:
    """A person's residence permits with us, newest first."""
    query = select(ResidencePermit).where(ResidencePermit.citizen_id == citizen_id)
    return db.session.scalars(query.order_by(ResidencePermit.at.desc())).all()


def permit_of_case(case_id: UUID) -> ResidencePermit | None:
    """The permit that a case resulted in."""
    query = select(ResidencePermit).where(ResidencePermit.case_id == case_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
