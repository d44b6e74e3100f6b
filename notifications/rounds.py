"""Rounds: what came of some calls and the beginning of others are one commit; other hands make the calls meanwhile.

Each call's own beginning is committed before it is made, and none is made before a hand is free for it: where the
process is killed, in doubt is only what was under way. One thread alone talks to the database, so that a commit and its
statements are shared by all calls that ended while the one before lasted.
"""

from __future__ import annotations

import logging
import queue as queues
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flask import Flask

from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import Accepted, Outcome, Unknown
from notifications import outbox, results
from notifications.channels import channel
from notifications.channels.base import Answer, CannotTell, Channel, Order, Routed, TakenOver
from notifications.claimed import Claimed, place
from notifications.results import Done

log = logging.getLogger(__name__)

#: Calls under way until the partner took one: where it refuses the account, only these were in vain.
AT_FIRST = 4


@dataclass(frozen=True)
class Work:
    """A row that was begun, or is to be asked about, and what the call needs."""

    row: Claimed
    channel: Channel
    order: Order
    ready: Any
    asks: bool

    def do(self) -> Done:
        """Make the call, outside any transaction. Never raises."""
        return Done(self.row, self.channel, self.order, self._ask() if self.asks else self._send())

    def _send(self) -> Outcome | TakenOver:
        try:
            return self.channel.send(self.order, self.ready)
        except Exception as fault:
            # The call may have been made before it crashed.
            log.error("delivery %s crashed its channel %s: %s", self.row.id, self.row.channel, place(fault))
            return Unknown(f"crashed: {place(fault)}")

    def _ask(self) -> Answer:
        try:
            return self.channel.ask(self.order, self.ready)
        except Exception as fault:
            log.error("asking about delivery %s crashed: %s", self.row.id, place(fault))
            return CannotTell(f"crashed: {place(fault)}")


class Hands(Protocol):
    """Who makes the calls."""

    #: How many calls are under way, and how many may be.
    busy: int
    most: int

    def give(self, work: Work) -> None:
        """Have a call made; ``busy`` counts it until it is handed out by ``finished``."""

    def finished(self) -> list[Done]:
        """The calls that ended; waits for the first where none has, and is only asked while some are under way."""


class Threads:
    """Hands that are threads of this process. To be closed."""

    def __init__(self, app: Flask, most: int, name: str) -> None:
        self.busy = 0
        self.most = most
        self._app = app
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._done: queues.SimpleQueue[Done] = queues.SimpleQueue()

    def give(self, work: Work) -> None:
        """Have a thread make the call."""
        self.busy += 1
        self._pool.submit(self._do, work)

    def _do(self, work: Work) -> None:
        with self._app.app_context():
            self._done.put(work.do())

    def finished(self) -> list[Done]:
        """All that ended meanwhile."""
        done = [self._done.get()]
        while not self._done.empty():
            done.append(self._done.get())
        self.busy -= len(done)
        return done

    def close(self) -> None:
        """Wait for the calls under way; what came of them and was not fetched leases lead to be settled."""
        self._pool.shutdown(wait=True)


def work_through(take: Callable[[], Claimed | None], hands: Hands, refill: Callable[[bool], bool]) -> bool:
    """Send rows of one channel, or ask about them, until there is none; False where the channel must rest.

    ``take`` gives the next row and touches no database. ``refill`` sees to it that it can: asked while calls are under
    way, and (``idle``) when none is; False where there is no more. It may end transactions.
    """
    done: list[Done] = []
    may_be_busy, goes_on = min(AT_FIRST, hands.most), True
    while True:
        may_be_busy = min(hands.most, may_be_busy + sum(isinstance(one.said, Accepted) for one in done))
        going_on, begun = _round(done, take if goes_on else lambda: None, may_be_busy - hands.busy)
        goes_on = goes_on and going_on
        for work in begun:
            hands.give(work)
        if hands.busy:
            if goes_on:
                refill(False)
            done = hands.finished()
        elif goes_on and refill(True):
            done = []
        else:
            return goes_on


def _round(done: list[Done], take: Callable[[], Claimed | None], most: int) -> tuple[bool, list[Work]]:
    """Write down what came of some rows, begin at most so many others, commit both; False where the channel rests."""
    if len(done) > 1 and not done[0].channel.together:
        if not _note_each(done):
            return False, []
        done = []
    rows: list[Claimed] = []
    try:
        if not results.note(done):
            commit()
            return False, []
        while len(rows) < most and (row := take()) is not None:
            rows.append(row)
        begun = _begin(rows)
        commit()
        return True, begun
    except Exception as fault:
        rollback()
        log.error("a round of %d results and %d beginnings: %s", len(done), len(rows), place(fault))
    # Whatever one row did, the others' results are not lost with it.
    if not _note_each(done):
        outbox.release(rows)
        return False, []
    return True, [work for row in rows for work in _begin_alone(row)]


def _note_each(done: Sequence[Done]) -> bool:
    """False where the channel must rest. A row whose result can't be written is led on by its lease."""
    goes_on = True
    for one in done:
        try:
            goes_on = results.note([one]) and goes_on
            commit()
        except Exception as fault:
            rollback()
            log.error("what came of delivery %s can't be noted: %s; its lease ends", one.row.id, place(fault))
    return goes_on


def _begin_alone(row: Claimed) -> list[Work]:
    try:
        begun = _begin([row])
        commit()
        return begun
    except Exception as fault:
        rollback()
        log.error("delivery %s can't be begun: %s; its lease ends", row.id, place(fault))
        return []


def _begin(rows: Sequence[Claimed]) -> list[Work]:
    """Make rows ready and note their beginning; the caller commits. What only asks is not begun."""
    ready: list[tuple[Claimed, Channel, Order, Any]] = []
    for row in rows:
        ch = channel(row.channel)
        try:
            order = row.open()
            ready.append((row, ch, order, ch.prepare(order)))
        except Exception as fault:
            results.crashed(row, fault)
    gateways = {row.id: needs.gateway for row, _, _, needs in ready if isinstance(needs, Routed)}
    begun = outbox.begin([row for row, ch, _, _ in ready if not _asks(row, ch)], gateways)
    works: list[Work] = []
    for row, ch, order, needs in ready:
        if _asks(row, ch):
            works.append(Work(row, ch, order, needs, asks=True))
        elif row.id in begun:
            works.append(Work(row, ch, replace(order, **vars(begun[row.id])), needs, asks=False))
    return works


def _asks(row: Claimed, ch: Channel) -> bool:
    """Whether the partner is asked what became of a row; otherwise it is sent, or repeated under its reference."""
    return row.state != "pending" and not (row.state == "uncertain" and ch.repeat_after_s)
