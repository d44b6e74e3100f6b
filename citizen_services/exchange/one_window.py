"""The province's one-window platform (一窗受理): each step, result and rating of a case is reported to it,
and what came of a rating that was contested.

See docs/partners/one_window.md. A report is identified by its reference alone, as a write to a register.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from citizen_services.exchange.http import WORK, Caller
from citizen_services.exchange.outcomes import Outcome, settle
from citizen_services.exchange.signing import Fields, Register
from citizen_services.settings import Partner

#: What is reported, each an operation of the platform's.
KINDS = ("steps", "ratings", "contests")


class OneWindow:
    """Client of the province's one-window platform."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def report(self, ref: str, kind: str, fields: Mapping[str, Any]) -> Outcome:
        """Report under our reference; accepted gives the platform's number. ValueError for none of KINDS."""
        if kind not in KINDS:
            raise ValueError(f"nothing is reported as {kind}")
        return settle(
            lambda: (
                self._register.ask(
                    kind, fields, lambda data: data.text("register_number"), ref=ref, patience=WORK
                ).value
            )
        )

    def by_reference(self, reported_ref: str) -> str | None:
        """The platform's number of an earlier report; None (final 10 s after it was sent): not taken.

        Raises OutsideError.
        """
        return self._register.ask("refs", {"written_ref": reported_ref}, _number, patience=WORK).value


def _number(data: Fields) -> str | None:
    return data.text("register_number") if data.flag("found") else None
