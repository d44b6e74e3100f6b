"""What cases write into the registers, each as rows of the act's own change."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import update

from citizen_services.database import Change, new_id
from citizen_services.parts import parts
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.queries import current_registration, permit_of_case, registration_of_case
from citizen_services.registers.signals import (
    permit_carded,
    permit_changed,
    permit_ended,
    permit_endorsed,
    residence_registered,
)
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
        checked_on=issued_on,
        remind_on=window_opens(until),
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


def report_card_lost(change: Change, permit: ResidencePermit, day: date) -> None:
    """The card was lost: void from that day on, whatever becomes of the application for another one."""
    if permit.card_lost_on is not None:
        return
    change.guard(
        update(ResidencePermit)
        .where(ResidencePermit.id == permit.id, ResidencePermit.state == "current")
        .values(card_lost_on=day)
        .execution_options(synchronize_session=False)
    )


def replace_card(change: Change, permit: ResidencePermit, card_number: str, *, kind: str = "replace") -> None:
    """Another card was made instead of the lost or damaged one: the permit, its years and its day of issue stay.

    ``kind`` is what the province is told: ``replace`` (补领) or ``renew`` (换领). The card before is void from now on.
    """
    change.guard(
        update(ResidencePermit)
        .where(
            ResidencePermit.id == permit.id,
            ResidencePermit.state == "current",
            ResidencePermit.card_lookup == permit.card_lookup,
        )
        .values(
            card_number=card_number,
            card_lookup=keyring().lookup("permit_card", card_number),
            card_lost_on=None,
        )
        .execution_options(synchronize_session=False)
    )
    permit_carded.send(permit.id, permit=permit, card_number=card_number, kind=kind, change=change)


def change_permit(
    change: Change,
    permit: ResidencePermit,
    *,
    address: str | None = None,
    ground: str | None = None,
    workplace: str | None = None,
) -> None:
    """Another address, ground or workplace stands on a permit from now on; what is None stays, as card and years do."""
    given = {"address": address, "ground": ground, "workplace": workplace}
    new = {name: value for name, value in given.items() if value is not None}
    change.guard(
        update(ResidencePermit)
        .where(
            ResidencePermit.id == permit.id,
            ResidencePermit.state == "current",
            ResidencePermit.card_lookup == permit.card_lookup,
        )
        .values(**new)
        .execution_options(synchronize_session=False)
    )
    permit_changed.send(permit.id, permit=_columns(permit) | new, change=change)


def window_opens(endorsed_until: date) -> date:
    """The first day on which the year after that one may be endorsed, as configured here."""
    return permit_years.window_opens(endorsed_until, parts().settings.endorsement_window_months)


def endorse_permit(change: Change, permit: ResidencePermit, *, applied_on: date) -> date:
    """Endorse a permit for its next year; the last day of it.

    Applied for in time it goes on from the day that it ended on; late, its use is restored and its years are counted
    anew from the application (居住证暂行条例 art 10: 自补办签注之日起连续计算).
    """
    new = _next_year(permit.counted_from, permit.endorsed_until, applied_on)
    change.guard(
        update(ResidencePermit)
        .where(
            ResidencePermit.id == permit.id,
            ResidencePermit.state == "current",
            ResidencePermit.endorsed_until == permit.endorsed_until,
        )
        .values(**new)
        .execution_options(synchronize_session=False)
    )
    permit_endorsed.send(permit.id, permit=_columns(permit) | new, change=change)
    return new["endorsed_until"]


def take_over_permit(
    change: Change,
    *,
    citizen_id: UUID,
    case_id: UUID,
    number: str,
    issued_on: date,
    issued_by: str,
    district: str,
    endorsed_until: date,
    applied_on: date,
    ground: str,
    address: str,
) -> date:
    """Endorse a permit that another district of the urban area issued, and look after it from now on; its last day."""
    permit = ResidencePermit(
        id=new_id(),
        citizen_id=citizen_id,
        case_id=case_id,
        card_number=number,
        card_lookup=keyring().lookup("permit_card", number),
        issued_on=issued_on,
        counted_from=permit_years.counted_from_of(issued_on, endorsed_until),
        endorsed_until=endorsed_until,
        checked_on=applied_on,
        issued_by=issued_by,
        district=district,
        ground=ground,
        address=address,
        state="current",
        at=change.at,
    )
    row = _columns(permit) | _next_year(permit.counted_from, endorsed_until, applied_on)
    change.add(ResidencePermit, **row)
    permit_endorsed.send(permit.id, permit=row, change=change)
    return row["endorsed_until"]


def end_permit(change: Change, permit: ResidencePermit, *, reason: str, day: date, told: bool = False) -> None:
    """A permit ended by a fact: ``hukou_moved``, ``death`` or ``new_permit``, on that day, and for good.

    The province is not written to: it is where the fact was read. ``told``: its person hears of it otherwise.
    """
    new = {"state": "ended", "ended_reason": reason, "ended_on": day, "remind_on": None}
    change.guard(
        update(ResidencePermit)
        .where(ResidencePermit.id == permit.id, ResidencePermit.state == permit.state)
        .values(**new)
        .execution_options(synchronize_session=False)
    )
    permit_ended.send(permit.id, permit=_columns(permit) | new, told=told, change=change)


def _next_year(counted_from: date, endorsed_until: date, applied_on: date) -> dict[str, date]:
    if applied_on > endorsed_until:
        counted_from, until = applied_on, permit_years.first_until(applied_on, applied_on)
    else:
        until = permit_years.next_until(counted_from, endorsed_until)
    return {"counted_from": counted_from, "endorsed_until": until, "remind_on": window_opens(until)}


def _columns(permit: ResidencePermit) -> dict[str, Any]:
    return {column.key: getattr(permit, column.key) for column in ResidencePermit.__table__.columns}
