"""How a call to an outside system can end, and what its caller may conclude from it.

Refused: the partner decided. Unreachable: it surely has not got the request. Uncertain: it may have got it. None of
them carries an address, a body or a credential: libraries' exceptions contain whole addresses and are never chained.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

log = logging.getLogger(__name__)

#: ``now``: again within seconds. ``later``: once a window is over. ``never``: this message can't succeed unchanged.
#: ``operator``: credentials, permission, balance, configuration; the whole channel waits for a person of ours.
Kind = Literal["now", "later", "never", "operator"]


class OutsideError(Exception):
    """A call to a partner did not give what was asked. ``str()`` is fit for logs."""

    def __init__(self, partner: str, operation: str, why: str) -> None:
        # Not super(): a partner's library has exceptions of its own that a refusal of ours may also be.
        Exception.__init__(self, f"{partner} {operation}: {why}")
        self.partner = partner
        self.operation = operation
        self.why = why


class Refused(OutsideError):
    """The partner said no.

    ``words`` are the partner's own (may name a person: never logged); ``after_s`` is how long to wait, where known.
    """

    def __init__(
        self, partner: str, operation: str, code: str, kind: Kind, words: str = "", after_s: float | None = None
    ) -> None:
        super().__init__(partner, operation, f"refused {code} ({kind})")
        self.code = code
        self.kind = kind
        self.words = words
        self.after_s = after_s


class Unreachable(OutsideError):
    """The partner surely has not got the request: no connection came about, or none was tried."""


class Uncertain(OutsideError):
    """The partner may have got the request: the answer was lost, late, unreadable, or an error of its own (5xx)."""


@dataclass(frozen=True)
class Accepted:
    """The partner took it; ``partner_ref`` is its name for it: BizId, msgid, waybill number, register number."""

    partner_ref: str


@dataclass(frozen=True)
class NotAccepted:
    """The partner surely did not take it."""

    kind: Kind
    code: str
    words: str = ""
    after_s: float | None = None


@dataclass(frozen=True)
class Unknown:
    """Nobody can tell whether the partner took it; it must not simply be sent again."""

    why: str


Outcome = Accepted | NotAccepted | Unknown


def settle(call: Callable[[], str]) -> Outcome:
    """Make a call that gives the partner's reference, and say how it ended instead of raising."""
    try:
        return Accepted(call())
    except Refused as refused:
        if refused.kind == "operator":
            log.error("%s", refused)
        return NotAccepted(refused.kind, refused.code, refused.words, refused.after_s)
    except Unreachable as unreachable:
        return NotAccepted("now", "unreachable", unreachable.why)
    except Uncertain as uncertain:
        return Unknown(uncertain.why)
