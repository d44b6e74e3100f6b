"""The province's register of migrants: what it knows of a person, and what we write.

See docs/partners/migrants.md. A write is identified by its reference alone: the same reference with the same
content may be sent however often, and is taken once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from citizen_services.exchange.http import PAGE, WORK, Caller, Patience
from citizen_services.exchange.outcomes import Outcome, settle
from citizen_services.exchange.signing import Answered, Fields, Register
from citizen_services.settings import Partner

PERMIT_KINDS = ("first", "renew", "replace", "endorse", "change")


@dataclass(frozen=True)
class Registration:
    """A residence registration (居住登记) anywhere in the province; ``until`` None while it is current."""

    register_number: str
    written_ref: str | None
    address: str
    address_code: str | None
    district: str
    since: date
    until: date | None


@dataclass(frozen=True)
class Permit:
    """A residence permit (居住证); ``state`` is ``valid``, ``replaced`` or ``cancelled``."""

    register_number: str
    written_ref: str | None
    number: str
    district: str
    issued: date
    endorsed_until: date
    state: str


@dataclass(frozen=True)
class History:
    """What the province knows of a person, each list oldest first."""

    registrations: tuple[Registration, ...]
    permits: tuple[Permit, ...]


@dataclass(frozen=True)
class RegistrationToWrite:
    """A residence registration of ours, as the province wants it; ``district`` and ``hukou_code`` are six digits."""

    id_number: str
    name: str
    phone: str
    hukou_code: str
    hukou_address: str
    district: str
    address: str
    address_code: str | None
    since: date
    employer: str | None


@dataclass(frozen=True)
class PermitToWrite:
    """A residence permit of ours; ``kind`` is one of PERMIT_KINDS, ``number`` 6–32 of 0-9 and A-Z."""

    kind: str
    id_number: str
    name: str
    number: str
    district: str
    address: str
    address_code: str | None
    issued: date
    endorsed_until: date
    #: The workplace (服务处所) that a change put onto it.
    employer: str | None = None


@dataclass(frozen=True)
class Written:
    """An earlier write of ours as the register has it; ``kind`` is ``registration`` or ``permit``."""

    kind: str
    register_number: str


class Migrants:
    """Client of the province's register of migrants."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def history(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[History]:
        """A person's registrations and permits; both may be empty. Raises OutsideError."""
        return self._register.ask("person", {"id_number": id_number}, _history, ref=ref, patience=patience)

    def write_registration(self, ref: str, registration: RegistrationToWrite) -> Outcome:
        """Write a registration under our reference. Accepted gives the register's number; after Unknown repeat it."""
        return self._write("registrations", ref, asdict(registration))

    def write_permit(self, ref: str, permit: PermitToWrite) -> Outcome:
        """Write a permit under our reference; as write_registration."""
        return self._write("permits", ref, asdict(permit))

    def by_reference(self, written_ref: str) -> Written | None:
        """What became of an earlier write; None (final 10 s after it was sent): not taken. Raises OutsideError."""
        return self._register.ask("refs", {"written_ref": written_ref}, _written, patience=WORK).value

    def _write(self, operation: str, ref: str, fields: dict[str, Any]) -> Outcome:
        sent = {name: value.isoformat() if isinstance(value, date) else value for name, value in fields.items()}

        def call() -> str:
            return self._register.ask(
                operation, sent, lambda data: data.text("register_number"), ref=ref, patience=WORK
            ).value

        return settle(call)


def _history(data: Fields) -> History:
    return History(
        registrations=tuple(
            Registration(
                register_number=row.text("register_number"),
                written_ref=row.text_or_none("written_ref"),
                address=row.text("address"),
                address_code=row.text_or_none("address_code"),
                district=row.text("district"),
                since=row.day("since"),
                until=row.day_or_none("until"),
            )
            for row in data.parts("registrations")
        ),
        permits=tuple(
            Permit(
                register_number=row.text("register_number"),
                written_ref=row.text_or_none("written_ref"),
                number=row.text("number"),
                district=row.text("district"),
                issued=row.day("issued"),
                endorsed_until=row.day("endorsed_until"),
                state=row.one_of("state", "valid", "replaced", "cancelled"),
            )
            for row in data.parts("permits")
        ),
    )


def _written(data: Fields) -> Written | None:
    if not data.flag("found"):
        return None
    return Written(data.one_of("kind", "registration", "permit"), data.text("register_number"))
