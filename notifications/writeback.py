"""Writing back: what the registers hold goes to the province's register of migrants, by our reference.

The row to be sent is added in the transaction of the fact. A person's writes go in the order of the facts, since each
registration there ends the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from citizen_services.database import Change, db
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.queries import current_registration
from notifications import rows
from notifications.errors import NotCurrent

CHANNEL = "registration"


def write_registration(registration_id: UUID, *, row: Mapping[str, Any], change: Change) -> None:
    """A residence was registered: the province is to know."""
    citizen = db.session.get_one(Citizen, row["citizen_id"])
    payload = _registration(ResidenceRegistration(**row), citizen)
    rows.add_delivery(change, CHANNEL, about=registration_id, person=citizen.id, payload=payload)


def write_permit(permit_id: UUID, *, permit: ResidencePermit, card_number: str, kind: str, change: Change) -> None:
    """A permit has its card: the province is to know its number."""
    citizen = db.session.get_one(Citizen, permit.citizen_id)
    payload = _permit(permit, citizen, card_number, kind)
    rows.add_delivery(change, CHANNEL, about=permit_id, person=citizen.id, payload=payload)


def write_endorsement(permit_id: UUID, *, permit: Mapping[str, Any], change: Change) -> None:
    """A permit was endorsed: the province is to know until when."""
    _write_again(permit_id, permit, "endorse", change)


def write_change(permit_id: UUID, *, permit: Mapping[str, Any], change: Change) -> None:
    """Another address or workplace stands on a permit: the province is to know."""
    _write_again(permit_id, permit, "change", change)


def _write_again(permit_id: UUID, permit: Mapping[str, Any], kind: str, change: Change) -> None:
    row = ResidencePermit(**permit)
    if row.card_number is None:
        raise LookupError(f"permit {permit_id} has no card and nothing to {kind}")
    write_permit(permit_id, permit=row, card_number=row.card_number, kind=kind, change=change)


def anew(about: UUID | None, before: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be written of a row as it is now, after a write of it was rejected.

    Raises NotCurrent where it is no longer what it was: the province would take the past for the present.
    """
    if before["what"] == "registration":
        registration = db.session.get(ResidenceRegistration, about, populate_existing=True)
        if registration is None or registration.until is not None:
            raise NotCurrent
        return _registration(registration, db.session.get_one(Citizen, registration.citizen_id, populate_existing=True))
    permit = db.session.get(ResidencePermit, about, populate_existing=True)
    if permit is None or permit.card_number is None or permit.state == "ended":
        raise NotCurrent
    citizen = db.session.get_one(Citizen, permit.citizen_id, populate_existing=True)
    return _permit(permit, citizen, permit.card_number, before["kind"])


def _registration(row: ResidenceRegistration, citizen: Citizen) -> dict[str, Any]:
    return {
        "what": "registration",
        "id_number": citizen.id_number,
        "name": citizen.name,
        "phone": citizen.phone,
        "hukou_code": citizen.hukou_code,
        "hukou_address": citizen.hukou_address,
        "district": row.district,
        "address": row.address,
        "address_code": row.address_code or None,
        "since": row.since.isoformat(),
        "employer": None,
    }


def _permit(permit: ResidencePermit, citizen: Citizen, card_number: str, kind: str) -> dict[str, Any]:
    home = current_registration(citizen.id)
    return {
        "what": "permit",
        "kind": kind,
        "id_number": citizen.id_number,
        "name": citizen.name,
        "number": card_number,
        "district": permit.district,
        "address": permit.address,
        "address_code": home.address_code or None if home is not None and home.address == permit.address else None,
        "issued": permit.issued_on.isoformat(),
        "endorsed_until": permit.endorsed_until.isoformat(),
        "employer": permit.workplace,
    }
