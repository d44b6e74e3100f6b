"""Who is next: a pure decision on what waits, so that it can be tested as a rule.

Booked people whose time has come go by their slot, then by check-in; walk-ins are interleaved in the ratio of the two
capacities, and none waits longer than configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Turns:
    """How it stands in a group: places a slot by each channel, and how many of each were called today."""

    booked_places: int
    walk_in_places: int
    booked_called: int
    walk_in_called: int


def next_channel(
    booked_due: bool, walk_in_since: datetime | None, now: datetime, turns: Turns, longest_wait: timedelta
) -> str | None:
    """``booked`` or ``walk_in``: from which row the next one comes; None where both are empty.

    ``booked_due``: a checked-in booking's time has come; ``walk_in_since``: since when the first walk-in waits.
    """
    if walk_in_since is None:
        return "booked" if booked_due else None
    if not booked_due or now - walk_in_since >= longest_wait:
        return "walk_in"
    if turns.walk_in_places == 0:
        return "booked"
    # As many booked people as there are places for them to one place of those who walk in, then one of these.
    behind = (turns.walk_in_called + 1) * turns.booked_places <= turns.booked_called * turns.walk_in_places
    return "walk_in" if behind else "booked"


def estimate_minutes(ahead: int, minutes_each: float, counters: int) -> int:
    """An honest estimate of a wait in whole steps of five minutes, never less than five where anybody is ahead."""
    if ahead <= 0:
        return 0
    exact = ahead * minutes_each / max(1, counters)
    return max(5, int(-(-exact // 5) * 5))
