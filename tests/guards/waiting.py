"""Waiting for something that another process does, with a bound and a sentence for when it doesn't."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], otherwise: str, seconds: float = 30.0) -> None:
    """Return as soon as it holds; fail with the sentence after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)
