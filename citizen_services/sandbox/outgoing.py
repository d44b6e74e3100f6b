"""What the stand-ins send to us: receipts and events, with the outside's repeats, and with planted disorder.

Waiting deliveries are kept in the state, so that a restart of the sandbox sends them still.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from citizen_services.sandbox.faults import Faults
from citizen_services.sandbox.store import State

TABLE = "outgoing"
Accepted = Callable[[requests.Response], bool]
Prepare = Callable[[dict[str, Any]], tuple[bytes, dict[str, str]]]


class Channel:
    """How one partner sends receipts: where to, what counts as taken, when it tries again.

    `prepare` turns a payload into body and headers anew at each try; `pauses_s` are the waits between tries; `name` may
    differ from `partner` where a partner has several kinds of receipts.
    """

    def __init__(
        self,
        *,
        partner: str,
        url: str,
        prepare: Prepare,
        accepted: Accepted,
        pauses_s: tuple[float, ...],
        timeout_s: float,
    ) -> None:
        self.partner = partner
        self.url = url
        self.prepare = prepare
        self.accepted = accepted
        self.pauses_s = pauses_s
        self.timeout_s = timeout_s


class Outgoing:
    """A schedule of receipts and the threads that deliver them. Nothing is sent before `start`."""

    def __init__(self, state: State, faults: Faults, wall: Callable[[], float] = time.time) -> None:
        self._state = state
        self._faults = faults
        self._wall = wall
        self._channels: dict[str, Channel] = {}
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._stopping = False
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="receipts")
        self._thread = threading.Thread(target=self._run, name="receipts-schedule", daemon=True)

    def register(self, channel: Channel) -> None:
        """Make a partner's channel known; the schedule refers to it by the partner's name."""
        self._channels[channel.partner] = channel

    def start(self) -> None:
        """Begin to deliver, with what an earlier process left waiting."""
        for key, item in self._state.rows(TABLE).items():
            self._push(item["due"], key)
        self._thread.start()

    def stop(self) -> None:
        """End after the deliveries that are on their way; what waits stays in the state."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True)

    def schedule(self, partner: str, to: str, payload: dict[str, Any], delay_s: float = 0.0) -> None:
        """Send a payload to us in `delay_s`; planted receipt faults double or delay it.

        With `reorder_receipts` the receipts that the fault covers arrive in reverse order: the earlier, the longer
        held.
        """
        fault = self._faults.take_for_receipt(partner, to)
        if fault.mode == "reorder_receipts":
            held = (fault.times - 1) if fault.times is not None else self._state.next_number("reordered") % 2
            delay_s += fault.delay_s * held
        copies = 2 if fault.mode == "duplicate_receipts" else 1
        for _ in range(copies):
            key = uuid.uuid4().hex
            due = self._wall() + delay_s
            self._state.put(TABLE, key, {"partner": partner, "payload": payload, "due": due, "tries": 0})
            self._push(due, key)

    def waiting(self) -> int:
        """Return how many deliveries are not settled."""
        return self._state.count(TABLE)

    def _session(self) -> requests.Session:
        """This thread's connections to us, which no proxy of the environment may divert."""
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False
        session: requests.Session = self._own.session
        return session

    def _push(self, due: float, key: str) -> None:
        with self._wake:
            heapq.heappush(self._due, (due, next(self._order), key))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                if not self._due:
                    self._wake.wait()
                    continue
                pause = self._due[0][0] - self._wall()
                if pause > 0:
                    self._wake.wait(pause)
                    continue
                _, _, key = heapq.heappop(self._due)
            self._pool.submit(self._deliver, key)

    def _deliver(self, key: str) -> None:
        item = self._state.get(TABLE, key)
        if item is None:
            return
        channel = self._channels[item["partner"]]
        if self._try(channel, item["payload"]):
            self._state.delete(TABLE, key)
            return
        tries = item["tries"] + 1
        if tries > len(channel.pauses_s):
            # The outside gives up as well; whoever missed it must ask.
            self._state.delete(TABLE, key)
            return
        due = self._wall() + channel.pauses_s[tries - 1]
        self._state.put(TABLE, key, {**item, "tries": tries, "due": due})
        self._push(due, key)

    def _try(self, channel: Channel, payload: dict[str, Any]) -> bool:
        body, headers = channel.prepare(payload)
        url = channel.url + payload.get("query", "")
        try:
            answer = self._session().post(
                url, data=body, headers=headers, timeout=channel.timeout_s, allow_redirects=False
            )
            return channel.accepted(answer)
        except requests.RequestException:
            return False
