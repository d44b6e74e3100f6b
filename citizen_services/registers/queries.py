"""What the registers hold of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, literal, null, select, union_all

from citizen_services.database import db
from citizen_services.database.direct import Direct
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration


class Home(NamedTuple):
    """Where a person was registered as living: what conditions and guards look at."""

    since: date
    until: date | None
    district: str
    address: str
    office_code: str


_HOMES = Direct(
    select(
        ResidenceRegistration.since,
        ResidenceRegistration.until,
        ResidenceRegistration.district,
        ResidenceRegistration.address,
        ResidenceRegistration.office_code,
    )
    .where(ResidenceRegistration.citizen_id == bindparam("citizen_id"))
    .order_by(ResidenceRegistration.since.desc(), ResidenceRegistration.at.desc(), ResidenceRegistration.id.desc())
)


def homes_of(citizen_id: UUID) -> list[Home]:
    """A person's registrations with us, newest first, in the few words that a decision needs."""
    return [Home(*row) for row in _HOMES.rows(citizen_id=citizen_id)]


class Permit(NamedTuple):
    """A residence permit of ours in a few words."""

    issued: date
    district: str
    state: str
    endorsed_until: date


_PERMITS = Direct(
    select(ResidencePermit.issued_on, ResidencePermit.district, ResidencePermit.state, ResidencePermit.endorsed_until)
    .where(ResidencePermit.citizen_id == bindparam("citizen_id"))
    .order_by(ResidencePermit.at.desc(), ResidencePermit.id.desc())
)


def permits_in_short(citizen_id: UUID) -> list[Permit]:
    """A person's residence permits with us, newest first, in the few words that a decision needs."""
    return [Permit(*row) for row in _PERMITS.rows(citizen_id=citizen_id)]


class Held(NamedTuple):
    """A person's registrations and permits with us, each newest first."""

    homes: list[Home]
    permits: list[Permit]


#: Registrations and permits of a person (``citizen_id``) one below the other, so that both are one question: ``begun``
#: and ``ends`` are a registration's ``since`` and ``until``, a permit's ``issued_on`` and ``endorsed_until``.
HELD = union_all(
    select(
        # First, since its columns give the types: a permit has no address here.
        literal("home").label("what"),
        ResidenceRegistration.since.label("begun"),
        ResidenceRegistration.until.label("ends"),
        ResidenceRegistration.district,
        ResidenceRegistration.address,
        ResidenceRegistration.office_code,
        null().label("state"),
        ResidenceRegistration.at,
    ).where(ResidenceRegistration.citizen_id == bindparam("citizen_id")),
    select(
        literal("permit"),
        ResidencePermit.issued_on,
        ResidencePermit.endorsed_until,
        ResidencePermit.district,
        null(),
        null(),
        ResidencePermit.state,
        ResidencePermit.at,
    ).where(ResidencePermit.citizen_id == bindparam("citizen_id")),
).subquery("held")


def held_in(rows: Sequence[Sequence[Any]]) -> Held:
    """What is held, of rows of the columns of ``HELD`` in their order."""
    homes = [(begun, at, Home(begun, ends, *place)) for what, begun, ends, *place, _, at in rows if what == "home"]
    permits = [(row[7], Permit(row[1], row[3], row[6], row[2])) for row in rows if row[0] == "permit"]
    homes.sort(key=lambda one: one[:2], reverse=True)
    permits.sort(key=lambda one: one[0], reverse=True)
    return Held([one[2] for one in homes], [one[1] for one in permits])


def registrations_of(citizen_id: UUID) -> Sequence[ResidenceRegistration]:
    """A person's residence registrations with us, newest first."""
    query = select(ResidenceRegistration).where(ResidenceRegistration.citizen_id == citizen_id)
    return db.session.scalars(
        query.order_by(
            ResidenceRegistration.since.desc(), ResidenceRegistration.at.desc(), ResidenceRegistration.id.desc()
        )
    ).all()


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
    return db.session.scalars(query.order_by(ResidencePermit.at.desc(), ResidencePermit.id.desc())).all()


def permit_of_case(case_id: UUID) -> ResidencePermit | None:
    """The permit that a case resulted in."""
    query = select(ResidencePermit).where(ResidencePermit.case_id == case_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def current_permit(citizen_id: UUID) -> ResidencePermit | None:
    """The permit that a person has with us and that has not ended, suspended or not; None where there is none."""
    query = select(ResidencePermit).where(ResidencePermit.citizen_id == citizen_id, ResidencePermit.state != "ended")
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def permit_in_force(citizen_id: UUID) -> ResidencePermit | None:
    """The person's permit that has not ended, its card made or not, locked until the transaction ends."""
    query = select(ResidencePermit).where(ResidencePermit.citizen_id == citizen_id, ResidencePermit.state != "ended")
    return db.session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()


def permit(permit_id: UUID) -> ResidencePermit | None:
    """The permit of an id."""
    return db.session.get(ResidencePermit, permit_id)
