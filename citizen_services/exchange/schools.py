"""School rolls: who studies where, as proof of continuous study (docs/partners/schools.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Answered, Fields, Register
from citizen_services.settings import Partner


@dataclass(frozen=True)
class Enrolment:
    """A person on a school's roll since ``since``; ``until`` None while they study there."""

    school: str
    grade: str
    since: date
    until: date | None


class Schools:
    """Client of the school rolls. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def enrolment(
        self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Enrolment | None]:
        """Where the person of a number is enrolled, or was last; None for somebody who stands on no roll."""
        return self._register.ask("enrolment", {"id_number": id_number}, _enrolment, ref=ref, patience=patience)


def _enrolment(data: Fields) -> Enrolment | None:
    if not data.flag("found"):
        return None
    row = data.part("enrolment")
    return Enrolment(
        school=row.text("school"),
        grade=row.text_or_empty("grade"),
        since=row.day("since"),
        until=row.day_or_none("until"),
    )
