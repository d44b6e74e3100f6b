"""WeChat and Aliyun played by a double: each call meets a fate, and what was accepted stands in a ledger."""

from __future__ import annotations

import itertools
from collections import Counter
from types import SimpleNamespace
from typing import Any

from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome, Unknown

#: What a call may come to: (whether the partner takes it, what we are told). ``crash``: our process ends in the call.
FATES = {
    "yes": (True, "accepted"),
    "lost answer": (True, "unknown"),
    "lost request": (False, "unknown"),
    "unreachable": (False, "now"),
    "limit": (False, "later"),
    "refused": (False, "never"),
    "killed after": (True, "crash"),
    "killed before": (False, "crash"),
    "raises after": (True, "raise"),
}
FIRED: Counter[str] = Counter()
_numbers = itertools.count(1)


class Killed(BaseException):
    """Our process ends here: nothing after it runs."""


class Double:
    """WeChat and Aliyun, as far as the outbox sees them."""

    def __init__(self) -> None:
        self.fates: list[str] = []
        #: Our reference of each message that was accepted.
        self.accepted: Counter[str] = Counter()
        #: What Aliyun answers when it is asked: ``shows`` (the truth), ``blind`` (not yet visible), ``away``.
        self.sight = "shows"

    def _fate(self, ref: str) -> Outcome:
        fate = self.fates.pop(0) if self.fates else "yes"
        FIRED[f"call: {fate}"] += 1
        takes, answer = FATES[fate]
        if takes:
            self.accepted[ref] += 1
        if answer == "crash":
            raise Killed
        if answer == "raise":
            raise RuntimeError("on purpose")
        if answer == "accepted":
            return Accepted(f"p{next(_numbers)}")
        if answer == "unknown":
            return Unknown(fate)
        kind: Any = answer
        return NotAccepted(kind, fate, after_s=60.0 if answer == "later" else None)

    def send_template(self, ref: str, *_: Any) -> Outcome:
        """WeChat's."""
        return self._fate(ref)

    def send(self, ref: str, *_: Any) -> Outcome:
        """Aliyun's."""
        return self._fate(ref)

    def confirm(self, ref: str, *_: Any) -> SimpleNamespace:
        """QuerySendDetails: final only as Aliyun makes it; a blind answer after three questions would be a lie."""
        if self.sight == "away":
            return SimpleNamespace(verdict="cannot_tell", delivered=None, err_code="")
        found = self.accepted[ref] > 0
        return SimpleNamespace(verdict="found" if found else "not_found", delivered=None, err_code="")
