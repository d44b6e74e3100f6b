"""What goes wrong by a seed, and when: kills, freezes, restarts, an emptied Redis, partners at fault."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis
import requests

from citizen_services.sandbox.config import PARTNERS
from tests.faults.installation import Installation


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong: when (seconds from the start), what, to whom, for how long."""

    at: float
    what: str
    whom: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:6.1f} s  {self.what} {self.whom}{lasting}"


def schedule(seed: int, seconds: float) -> list[Trouble]:
    """What goes wrong by this seed, in order of time; every second to fourth second something."""
    rng = random.Random(seed)
    troubles: list[Trouble] = []
    at = rng.uniform(1, 3)
    while at < seconds:
        kind = rng.choices(("kill", "freeze", "empty", "partner"), (6, 2, 1, 6))[0]
        if kind == "kill":
            whom = rng.choice(("web", "web child", "worker", "worker", "scheduler", "postgres", "redis"))
            what = "restart" if whom == "postgres" and rng.random() < 0.5 else "kill"
            troubles.append(Trouble(at, what, whom))
        elif kind == "freeze":
            troubles.append(Trouble(at, "freeze", rng.choice(("redis", "postgres")), rng.uniform(1, 3)))
        elif kind == "empty":
            troubles.append(Trouble(at, "empty", "redis"))
        else:
            mode = rng.choice(("slow", "http_500", "refuse", "accept_then_cut", "expired_token", "duplicate_receipts"))
            troubles.append(Trouble(at, mode, rng.choice(PARTNERS), rng.uniform(3, 9)))
        at += rng.uniform(2, 4)
    return troubles


class Troublemaker(threading.Thread):
    """Lets the schedule happen to an installation; ``done`` is what did."""

    def __init__(self, installation: Installation, troubles: Sequence[Trouble]) -> None:
        super().__init__(name="trouble")
        self._installation = installation
        self._troubles = troubles
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.done: list[Trouble] = []
        self.missed: list[str] = []

    def run(self) -> None:
        """Everything at its time, then all that still lasts is ended."""
        began = time.monotonic()
        for trouble in self._troubles:
            self._until(began + trouble.at)
            self._try(trouble)
        for _, end in sorted(self._later, key=lambda pair: pair[0]):
            end()

    def _until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            due = [pair for pair in self._later if pair[0] <= time.monotonic()]
            for pair in due:
                self._later.remove(pair)
                pair[1]()
            time.sleep(min(left, 0.1))

    def _try(self, trouble: Trouble) -> None:
        try:
            self._happen(trouble)
        except (OSError, redis.RedisError, requests.RequestException) as fault:
            # Redis that is away can't be emptied.
            self.missed.append(f"{trouble}: {type(fault).__name__}")
        else:
            self.done.append(trouble)

    def _happen(self, trouble: Trouble) -> None:
        one, until = self._installation, time.monotonic() + trouble.seconds
        match trouble.what, trouble.whom:
            case "kill", "web":
                one.kill_web()
            case "kill", "web child":
                one.send(one.web_children()[:1], signal.SIGKILL)
            case "kill", "worker":
                one.send(one.pids("workers")[:1], signal.SIGKILL)
            case "kill", whom:
                one.send(one.pids(whom)[:1], signal.SIGKILL)
            case "restart", whom:
                one.send(one.pids(whom)[:1], signal.SIGINT)
            case "freeze", whom:
                pids = one.with_children(whom)
                one.send(pids, signal.SIGSTOP)
                self._later.append((until, lambda: one.send(pids, signal.SIGCONT)))
            case "empty", _:
                one.redis().flushall()
            case mode, partner:
                one.plant(partner, mode, delay_s=6)
                self._later.append((until, lambda: one.plant(partner, "none")))
