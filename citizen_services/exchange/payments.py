"""What any payment partner tells us, in our own words. All money is in fen; all times are aware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True)
class Paid:
    """Money arrived for the payment of that reference of ours; ``partner_ref`` is the partner's number of it."""

    our_ref: str
    partner_ref: str
    fen: int
    at: datetime


@dataclass(frozen=True)
class Unpaid:
    """Nothing was paid: ``open`` it still can be, ``busy`` somebody is paying now, ``closed``, or ``unknown`` there."""

    our_ref: str
    state: str


@dataclass(frozen=True)
class Returned:
    """Where a refund stands: ``processing``, ``done``, ``failed``, ``closed`` (not done; ask by another reference)."""

    our_ref: str
    partner_ref: str
    state: str
    fen: int
    at: datetime | None


@dataclass(frozen=True)
class BillLine:
    """One line of a day's bill: ``payment`` or ``refund``."""

    kind: str
    our_ref: str
    fen: int


class PaymentPartner(Protocol):
    """The port of payment: what the fee room asks of whoever carries the money.

    Each raises Refused, Unreachable or Uncertain (exchange/outcomes.py).
    """

    name: str

    def prepare(
        self, way: str, our_ref: str, *, description: str, fen: int, until: datetime, payer: str, client_ip: str
    ) -> str:
        """Let a payment stand there until a time, and give what the payer's phone needs; the same twice is one."""

    def bridge(self, prepay: str, at: datetime) -> dict[str, str]:
        """What the page inside the partner's own app hands to it, so that the person can pay; signed, calls nobody."""

    def look(self, our_ref: str) -> Paid | Unpaid:
        """What became of a payment."""

    def close(self, our_ref: str) -> None:
        """Let it be paid no more. Raises Refused ``paid`` where it was paid meanwhile."""

    def refund(self, our_ref: str, *, payment_ref: str, fen: int, total_fen: int, reason: str) -> Returned:
        """Give money back; the same reference twice is one refund."""

    def look_refund(self, our_ref: str) -> Returned | None:
        """Where a refund stands; None where the partner has none of that reference."""

    def bill(self, day: date) -> list[BillLine] | None:
        """Everything of a day; None while the partner has not made it."""

    def told(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Paid | Returned | None:
        """What a callback says; None where it is not the partner's, not fresh, or not for us."""
