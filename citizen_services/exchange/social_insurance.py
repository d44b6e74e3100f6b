"""Social insurance: who pays for somebody, as proof of employment (docs/partners/social_insurance.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Answered, Fields, Register
from citizen_services.settings import Partner


@dataclass(frozen=True)
class Employment:
    """The employing unit that pays without a break since ``since``; ``until`` None while it still pays."""

    employer: str
    credit_code: str
    since: date
    until: date | None


class SocialInsurance:
    """Client of the social insurance's records. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def employment(
        self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Employment | None]:
        """Who pays for the person of a number, None where nobody does."""
        return self._register.ask("employment", {"id_number": id_number}, _employment, ref=ref, patience=patience)


def _employment(data: Fields) -> Employment | None:
    if not data.flag("found"):
        return None
    row = data.part("employment")
    return Employment(
        employer=row.text("employer"),
        credit_code=row.text("credit_code"),
        since=row.day("since"),
        until=row.day_or_none("until"),
    )
