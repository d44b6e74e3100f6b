"""The one clock. Business time may be moved forward outside production, for all processes at once.

Protocol time is the machine's.

Business time counts clocks of cases, ages, half years, calendars, drafts. Protocol time serves signatures, freshness,
nonces, leases, rate limits, codes, sessions, heartbeats: whatever another machine, or an attacker, measures as well.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

#: How long a process may go on with the shift that it read last, in seconds; who moves the clock waits as long.
SHIFT_LIFETIME_S = 1.0


def protocol_now() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


class Clock:
    """Business time = the machine's time + a fixed offset + the stored shift, read at most once in SHIFT_LIFETIME_S."""

    def __init__(self, offset_s: int = 0, read_shift: Callable[[], int] | None = None) -> None:
        self._offset_s = offset_s
        self._read_shift = read_shift
        self._shift_s = 0
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def shift_s(self) -> int:
        """The stored shift in seconds, not older than SHIFT_LIFETIME_S."""
        if self._read_shift is None:
            return 0
        with self._lock:
            if time.monotonic() - self._read_at >= SHIFT_LIFETIME_S:
                self._shift_s = self._read_shift()
                self._read_at = time.monotonic()
            return self._shift_s

    def now(self) -> datetime:
        """Business time, in UTC."""
        return protocol_now() + timedelta(seconds=self._offset_s + self.shift_s())

    def today(self) -> date:
        """Business time's date in Asia/Shanghai."""
        return self.now().astimezone(SHANGHAI).date()


_clock = Clock()


def use(clock: Clock) -> None:
    """Make this process's business clock the given one; called once by the composition root."""
    global _clock
    _clock = clock


def now() -> datetime:
    """Business time, in UTC."""
    return _clock.now()


def today() -> date:
    """Business time's date in Asia/Shanghai."""
    return _clock.today()


def shift_s() -> int:
    """The stored shift in seconds."""
    return _clock.shift_s()
