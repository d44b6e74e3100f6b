"""What cases write into the registers, each as rows of the act's own change."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from citizen_services.database import Change, new_id
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.queries import current_registration, permit_of_case, registration_of_case
from citizen_services.registers.signals import permit_carded, residence_registered
from citizen_services.rules import permit_years
from citizen_services.security import keyring


def register_residence(
    change: Change,
    *,
    number: str,
    citizen_id: UUID,
    case_id: UUID,
    address_code: str,
    address: str,
    kind: str,
    office_code: str,
    district: str,
    since: date,
    confirmed_by: str = "register",
) -> None:
    """Register where a person lives from ``since`` on; the address before it ends that day.

    ``confirmed_by`` ``open``: nobody has confirmed the address yet. The registration counts all the same; others hear
    of it (``residence_registered``) once ``settle_address`` says that it is there.
    """
    before = current_registration(citizen_id)
    if before is not None:
        change.guard(
            update(ResidenceRegistration)
            .where(ResidenceRegistration.id == before.id, ResidenceRegistration.until.is_(None))
            .values(until=since)
        )
    row: dict[str, Any] = {
        "id": new_id(),
        "number": number,
        "citizen_id": citizen_id,
        "case_id": case_id,
        "address_code": address_code,
        "address": address,
        "kind": kind,
        "confirmed_by": confirmed_by,
        "office_code": office_code,
        "district": district,
        "since": since,
        "until": None,
        "province_number": None,
        "at": change.at,
    }
    change.add(ResidenceRegistration, **row)
    if confirmed_by != "open":
        residence_registered.send(row["id"], row=row, change=change)


def settle_address(
    change: Change,
    case_id: UUID,
    *,
    confirmed_by: str,
    address: str | None = None,
    address_code: str | None = None,
    office_code: str | None = None,
) -> None:
    """Say who confirmed the address of a case's registration; a better one takes its place.

    Its day stays: a registration counts from when it was declared. One that another address has ended since is mended
    too, but the others are not told of the past.
    """
    row = registration_of_case(case_id)
    if row is None:
        raise LookupError(f"case {case_id} has no registration")
    given = {"address": address, "address_code": address_code, "office_code": office_code}
    new = {"confirmed_by": confirmed_by} | {name: value for name, value in given.items() if value is not None}
    change.guard(
        update(ResidenceRegistration)
        .where(ResidenceRegistration.id == row.id, ResidenceRegistration.confirmed_by == row.confirmed_by)
        .values(**new)
        .execution_options(synchronize_session=False)
    )
    if confirmed_by in ("register", "officer") and row.until is None:
        columns = {column.key: getattr(row, column.key) for column in ResidenceRegistration.__table__.columns}
        residence_registered.send(row.id, row=columns | new, change=change)


def grant_permit(
    change: Change,
    *,
    citizen_id: UUID,
    case_id: UUID,
    issued_on: date,
    issued_by: str,
    district: str,
    ground: str,
    address: str,
    counted_from: date | None = None,
) -> None:
    """A residence permit was approved; its card is still to be made.

    Its years are counted from ``counted_from``, else from the day of issue.
    """
    counted_from = counted_from or issued_on
    until = permit_years.first_until(counted_from, issued_on)
    change.add(
        ResidencePermit,
        id=new_id(),
        citizen_id=citizen_id,
        case_id=case_id,
        card_number=None,
        card_lookup=None,
        issued_on=issued_on,
        counted_from=counted_from,
        endorsed_until=until,
        issued_by=issued_by,
        district=district,
        ground=ground,
        address=address,
        state="approved",
        ended_reason=None,
        ended_on=None,
        at=change.at,
    )


def give_card(change: Change, case_id: UUID, card_number: str, *, replaces: bool = False) -> None:
    """The permit's card was made: it bears this number from now on. ``replaces``: instead of one that was lost."""
    change.guard(
        update(ResidencePermit)
        .where(ResidencePermit.case_id == case_id, ResidencePermit.state == "approved")
        .values(card_number=card_number, card_lookup=keyring().lookup("permit_card", card_number), state="current")
    )
    permit = permit_of_case(case_id)
    if permit is not None and permit.state == "approved":
        kind = "replace" if replaces else "first"
        permit_carded.send(permit.id, permit=permit, card_number=card_number, kind=kind, change=change)


def void_card(change: Change, case_id: UUID) -> None:
    """The card was lost before its person had it: the permit waits for another one, and the lost number is no key."""
    change.guard(
        update(ResidencePermit)
        .where(ResidencePermit.case_id == case_id, ResidencePermit.state == "current")
        .values(card_number=None, card_lookup=None, state="approved")
    )
