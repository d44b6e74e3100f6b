"""What every SMS gateway gives: what became of a message that it was asked about, and the reports that it pushes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from citizen_services.clock import SHANGHAI
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.outcomes import Outcome
from citizen_services.exchange.pushed import load_pushed

#: How long a gateway is left alone whose account was refused, before one message may try.
ACCOUNT_REST_S = 60.0


@dataclass(frozen=True)
class Confirmation:
    """What asking for a reference gave; ``delivered`` is None while the carrier has not reported.

    ``partner_ref`` is the gateway's name for the message, where asking tells it.
    """

    verdict: Literal["accepted", "not_found", "cannot_tell"]
    delivered: bool | None = None
    err_code: str = ""
    partner_ref: str = ""


@dataclass(frozen=True)
class SmsReport:
    """One entry of a pushed report; ``out_id`` is our reference, ``biz_id`` the gateway's."""

    out_id: str
    biz_id: str
    phone: str
    delivered: bool
    err_code: str
    reported_at: datetime | None


class BadReport(ValueError):
    """A pushed body is no report; the text never contains any of it."""


class SmsGateway(Protocol):
    """One gateway's client. Safe for threads."""

    #: Open for a while once its account was refused: left alone, but for one message that tries.
    account: Breaker
    #: While it is failing: lets one message through from time to time.
    trials: Breaker

    @property
    def failing(self) -> bool:
        """Whether it failed again and again, and has not answered since."""

    @property
    def left_alone(self) -> bool:
        """Whether it is not called for a while, since it kept failing."""

    def send(self, ref: str, phone: str, template: str, values: Mapping[str, str]) -> Outcome:
        """Send one message; ``values`` in the order in which they stand in the template's text."""

    def confirm(self, ref: str, phone: str, sent_at: datetime, taken_as: str | None = None) -> Confirmation:
        """What became of a message; ``taken_as`` is the gateway's name for it, where it answered."""


def trials() -> Breaker:
    """Lets one through, then nobody for a while, whatever comes of it."""
    return Breaker(threshold=0)


def entries_of(body: bytes) -> list[dict[str, Any]]:
    """The entries of a pushed JSON array; raises BadReport."""
    try:
        entries = load_pushed(body)
    except ValueError:
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadReport("not a JSON array of objects")
    return entries


def moment(text: Any) -> datetime | None:
    """A time of the clock in China as gateways write it; None where it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    except (TypeError, ValueError):
        return None
