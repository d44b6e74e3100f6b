"""The faults that can be planted into a stand-in: what goes wrong outside, on demand."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

MODES = (
    "none",
    "slow",
    "http_500",
    "refuse",
    "accept_then_cut",
    "expired_token",
    "duplicate_receipts",
    "reorder_receipts",
)
RECEIPT_MODES = ("duplicate_receipts", "reorder_receipts")
DEFAULT_DELAY_S = 3.0


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    `times` counts the calls (or receipts) it still spoils, None = until it is taken away; `match_to` limits it to one
    addressee; `code` replaces the usual code of a refusal; `after` lets `http_500` take the call before it fails.
    """

    mode: str
    delay_s: float = DEFAULT_DELAY_S
    times: int | None = None
    match_to: str | None = None
    code: str | None = None
    after: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the shape that the control takes and shows."""
        return {
            "mode": self.mode,
            "delay_s": self.delay_s,
            "times": self.times,
            "match_to": self.match_to,
            "code": self.code,
            "after": self.after,
        }


NO_FAULT = Fault("none")


def parse_fault(body: dict[str, Any]) -> Fault:
    """Read a fault from the control's JSON; raises ValueError with the reason."""
    mode = body.get("mode", "none")
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    times = body.get("times")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 0):
        raise ValueError("times must be a whole number or null")
    delay_s = body.get("delay_s")
    delay_s = DEFAULT_DELAY_S if delay_s is None else delay_s
    if not isinstance(delay_s, int | float) or isinstance(delay_s, bool) or not 0 <= delay_s <= 600:
        raise ValueError("delay_s must be between 0 and 600")
    return Fault(
        mode=mode,
        delay_s=float(delay_s),
        times=times or None,
        match_to=body.get("match_to") or None,
        code=str(body["code"]) if body.get("code") else None,
        after=bool(body.get("after")),
    )


class Faults:
    """The planted faults by partner; each partner has at most one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_partner: dict[str, Fault] = {}

    def plant(self, partner: str, fault: Fault) -> None:
        """Set a partner's fault; mode `none` takes it away."""
        with self._lock:
            if fault.mode == "none":
                self._by_partner.pop(partner, None)
            else:
                self._by_partner[partner] = fault

    def shown(self) -> dict[str, Fault]:
        """Return the faults in force."""
        with self._lock:
            return dict(self._by_partner)

    def _take(self, partner: str, to: str, *, receipts: bool) -> Fault:
        with self._lock:
            fault = self._by_partner.get(partner, NO_FAULT)
            if fault is NO_FAULT or (fault.mode in RECEIPT_MODES) != receipts:
                return NO_FAULT
            if fault.match_to is not None and fault.match_to != to:
                return NO_FAULT
            if fault.times is not None:
                if fault.times <= 1:
                    del self._by_partner[partner]
                else:
                    self._by_partner[partner] = replace(fault, times=fault.times - 1)
            return fault

    def take_for_call(self, partner: str, to: str, *, for_token: bool = False) -> Fault:
        """Return the fault that spoils this call and count it.

        A call that only fetches a token is spoilt by lasting faults, never by counted ones: whoever plants one call's
        fault means the call that does something.
        """
        if for_token:
            fault = self.shown().get(partner, NO_FAULT)
            if fault.times is not None or fault.mode == "expired_token":
                return NO_FAULT
        return self._take(partner, to, receipts=False)

    def take_for_receipt(self, partner: str, to: str) -> Fault:
        """Return the fault that spoils this receipt and count it. `times` is the count before this receipt."""
        return self._take(partner, to, receipts=True)
