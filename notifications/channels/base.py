"""A channel as the outbox sees it: how its rows are made ready, sent, and asked about when their fate is unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from citizen_services.exchange.outcomes import NotAccepted, Outcome


@dataclass(frozen=True)
class Order:
    """One outbox row under a lease, as a channel sees it. ``ref`` is our reference at the partner."""

    id: UUID
    notice_id: UUID | None
    parcel_id: UUID | None
    payload: Mapping[str, Any]
    #: Machine times of the wish, and of the last try (None before the first).
    made_at: datetime
    sent_at: datetime | None
    attempts: int
    checks: int
    #: The register row that is written back.
    about: UUID | None = None
    #: ``pending`` before it is sent; anything else where it is asked about, or repeated.
    state: str = "pending"
    #: Of channels with several gateways: where the last try went, and which one refused the message itself.
    gateway: str | None = None
    refused_by: str | None = None
    #: The partner's name for it, once it was taken.
    partner_ref: str | None = None

    @property
    def ref(self) -> str:
        """The row's id as text."""
        return str(self.id)


@dataclass(frozen=True)
class Routed:
    """What ``prepare`` gives where a channel has several gateways: the one that this try goes to, noted before."""

    gateway: str


@dataclass(frozen=True)
class TakenOver:
    """This gateway surely did not take it, and another one of the channel is to try at once.

    ``of_message``: the message itself was refused there, and never goes there again; else the account.
    """

    refusal: NotAccepted
    gateway: str
    of_message: bool
    #: What the refusal teaches, kept in the transaction that notes it.
    learn: Callable[[], None] | None = None


@dataclass(frozen=True)
class Found:
    """The partner knows our reference. ``state`` is ``sent`` (no report yet), ``delivered`` or ``failed``.

    ``partner_ref`` where its answer also tells the partner's name for it.
    """

    state: str
    code: str | None = None
    partner_ref: str | None = None


@dataclass(frozen=True)
class NotFound:
    """The partner answered, and does not know our reference (yet)."""


@dataclass(frozen=True)
class CannotTell:
    """The partner could not be asked."""

    why: str


Answer = Found | NotFound | CannotTell


@dataclass(frozen=True)
class Patience:
    """How long a channel's rows are tried; None = until they go."""

    #: Waits after ``now`` double from two seconds up to this.
    longest_wait_s: float = 900.0
    #: After so long in vain a row has failed; the same where the partner named a window.
    give_up_after: timedelta | None = timedelta(hours=24)
    give_up_later_after: timedelta | None = timedelta(days=3)
    #: Until when a partner that can't be asked just now is asked again.
    ask_until: timedelta | None = timedelta(hours=24)
    #: Tries after which a row is set aside that the partner never has.
    most_tries: int | None = 4


class Channel(Protocol):
    """One way to a person, or to a partner that carries something to them. Safe for threads."""

    #: The value of ``delivery.channel``.
    name: str
    #: After how many seconds since the try to ask about it, in order; empty where the partner can't be asked.
    ask_after_s: tuple[float, ...]
    #: After how many seconds to repeat it under the same reference, for partners that know a repetition; else empty.
    repeat_after_s: tuple[float, ...]
    #: After how many seconds to ask about one that was taken and never reported on; None = never.
    silent_after_s: float | None
    #: Codes of the kind ``operator`` that concern one template, not the whole channel.
    template_codes: frozenset[str]
    #: What a row is that the partner took: ``sent`` where a report follows, ``delivered`` where nothing does.
    accepted_state: str
    #: Whether the rows of one person go one after another, oldest first.
    in_order: bool
    #: How many calls are under way at once, at most: each of them is in doubt where the process is killed.
    hands: int
    #: Whether several results are noted in one transaction; not where a yes moves a case, which may be refused.
    together: bool
    patience: Patience

    def prepare(self, order: Order) -> Any:
        """What ``send`` needs, made without any call: whatever is wrong with the row itself shows here."""

    def send(self, order: Order, ready: Any) -> Outcome | TakenOver:
        """Make the call, once, outside any transaction."""

    def ask(self, order: Order, ready: Any) -> Answer:
        """Ask the partner about our reference."""

    def accepted(self, order: Order, partner_ref: str) -> None:
        """What follows from the partner's yes, in the transaction that notes it."""
