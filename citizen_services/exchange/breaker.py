"""A circuit breaker: a partner that keeps failing is left alone for a while, so that nobody waits for it in vain."""

from __future__ import annotations

import threading
import time


class Breaker:
    """Opens after ``threshold`` failures in a row; after ``rest_s`` seconds one call may try, and decides."""

    def __init__(self, threshold: int = 5, rest_s: float = 10.0) -> None:
        self._threshold = threshold
        self._rest_s = rest_s
        self._failures = 0
        self._closed_again_at = 0.0
        self._lock = threading.Lock()

    @property
    def failing(self) -> bool:
        """Whether it has failed so often that it is left alone, but for whoever tries from time to time."""
        with self._lock:
            return self._failures >= self._threshold

    @property
    def open(self) -> bool:
        """Whether nobody is let through now; asking lets nobody through."""
        with self._lock:
            return self._failures >= self._threshold and time.monotonic() < self._closed_again_at

    def may_call(self) -> bool:
        """Whether to call now. While it is open one caller in ``rest_s`` is let through, to try."""
        with self._lock:
            if self._failures < self._threshold:
                return True
            now = time.monotonic()
            if now < self._closed_again_at:
                return False
            # Whoever tries and never reports back holds the others up for one rest only.
            self._closed_again_at = now + self._rest_s
            return True

    def succeeded(self) -> None:
        """The partner answered, be it with a refusal."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """The partner did not answer, or said that it is broken."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._threshold:
                self._closed_again_at = time.monotonic() + self._rest_s
