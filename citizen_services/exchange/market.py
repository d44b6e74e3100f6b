"""Market entities: which business somebody runs, as proof of employment (docs/partners/market.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Answered, Fields, Register
from citizen_services.settings import Partner

#: What a market entity can be, and what a person can be in it.
KINDS = ("company", "sole_trader")
ROLES = ("operator", "legal_representative", "shareholder")


@dataclass(frozen=True)
class Business:
    """A market entity that somebody runs.

    ``kind`` is one of KINDS, ``role`` one of ROLES; ``established`` the day of its licence, ``ended`` the day on which
    it was struck off, None while it stands.
    """

    business: str
    credit_code: str
    kind: str
    role: str
    address: str
    established: date
    ended: date | None


class Market:
    """Client of the register of market entities. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def business(
        self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Business | None]:
        """The business that the person of a number runs, one that stands before one that ended; None for none."""
        return self._register.ask("business", {"id_number": id_number}, _business, ref=ref, patience=patience)

    def business_of(
        self, id_number: str, credit_code: str, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Business | None]:
        """The business of that code, where the person of the number is somebody in it; None where they aren't."""

        def read(data: Fields) -> Business | None:
            found = [_one(row) for row in data.parts("businesses")]
            return next((one for one in found if one.credit_code == credit_code), None)

        return self._register.ask("business", {"id_number": id_number}, read, ref=ref, patience=patience)


def _business(data: Fields) -> Business | None:
    found = [_one(row) for row in data.parts("businesses")]
    return max(found, key=lambda one: (one.ended is None, one.ended or one.established), default=None)


def _one(row: Fields) -> Business:
    return Business(
        business=row.text("name"),
        credit_code=row.text("credit_code"),
        kind=row.one_of("kind", *KINDS),
        role=row.one_of("role", *ROLES),
        address=row.text_or_empty("address"),
        established=row.day("since"),
        ended=row.day_or_none("until"),
    )
