"""The scheduler: a loop that finds what is due and wakes workers. Running it twice changes nothing.

The loop itself only sweeps; whatever else is to be done from time to time is done by threads beside it, so that nothing
that lasts holds up what is due. With Redis away it says so and does the sending itself, more slowly: the rows are the
truth, not the jobs.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from types import FrameType
from uuid import UUID

from flask import Flask
from sqlalchemy import func, or_, select, text

from citizen_services import clock
from citizen_services.cases import exports
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from notifications import courses, daytime, heartbeats, ladder, parcels, queue, tasks
from notifications.models import (
    EVENT_UNCLEAR,
    PARCEL_AWAITED,
    PARCEL_UNTOLD,
    ChannelHold,
    Delivery,
    Parcel,
    ParcelEvent,
    Receipt,
)

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.5
#: Hundreds of notices that climb in one sweep: many may be overdue at once, where a channel was away.
MOST_CLIMBS = 5
PARCELS_EVERY_S = 15.0
#: What is due for longer than this, though workers were woken, may wait behind the job of a worker that died.
OVERDUE_AFTER = timedelta(seconds=10)
#: A sub-code that is missing is asked for every half minute in the hour after its event, then every hour; a parcel from
#: which nothing is heard, after six.
ASK_SUBCODE_AFTER = timedelta(seconds=30)
ASK_LATE_SUBCODE_AFTER = timedelta(hours=1)
ASK_SILENT_AFTER = timedelta(hours=6)
#: Things done from time to time that may last at once; each needs two connections to the database.
BESIDE = 4


@dataclass
class _Hook:
    seconds: float
    function: Callable[[], None]
    name: str
    next_at: float = field(default=0.0)
    running: Future[None] | None = field(default=None)

    def is_due(self) -> bool:
        """Whether its time has come; never while it still runs."""
        return time.monotonic() >= self.next_at and (self.running is None or self.running.done())


_hooks: list[_Hook] = []


def every(seconds: float, function: Callable[[], None], name: str | None = None) -> None:
    """Have a function run every so many seconds, in an application context, by one scheduler at a time.

    It may last: it runs in a thread of its own, and is not begun again before it ended. It commits for itself; what it
    leaves open is undone. Registered by the composition root before the loop starts; the same name again replaces the
    earlier one.
    """
    known = name or f"{function.__module__}.{function.__qualname__}"
    _hooks[:] = [hook for hook in _hooks if hook.name != known]
    _hooks.append(_Hook(seconds, function, known))


class Scheduler:
    """One scheduler; ``turn()`` does everything that is due now."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._redis_was_there = True
        self._own = ThreadPoolExecutor(max_workers=len(queue.QUEUES), thread_name_prefix="without-redis")
        self._beside = ThreadPoolExecutor(max_workers=BESIDE, thread_name_prefix="from-time-to-time")
        self._running: dict[str, Future[None]] = {}
        self._sweep = _Hook(SWEEP_EVERY_S, self.sweep, "sweep")
        self._hooks = [
            _Hook(PARCELS_EVERY_S, self.parcels, "parcels"),
            *(_Hook(hook.seconds, hook.function, hook.name) for hook in _hooks),
        ]

    def turn(self) -> float:
        """Sweep if it is time, and begin what else is due; returns the seconds until something is due again."""
        for hook in self._hooks:
            if hook.is_due():
                hook.next_at = time.monotonic() + hook.seconds
                hook.running = self._beside.submit(self._run, hook)
        if self._sweep.is_due():
            self._run(self._sweep)
            self._sweep.next_at = time.monotonic() + self._sweep.seconds
        # What runs for longer than its interval is begun again by the turn after its end.
        now = time.monotonic()
        return max(0.05, min(hook.next_at for hook in (self._sweep, *self._hooks) if hook.next_at > now) - now)

    def _run(self, hook: _Hook) -> None:
        with self._app.app_context():
            try:
                # The lock belongs to a transaction of its own, since the function ends others.
                with db.engine.connect() as connection, connection.begin():
                    number = int.from_bytes(blake2b(hook.name.encode(), digest_size=8).digest(), "big", signed=True)
                    mine = connection.execute(text("SELECT pg_try_advisory_xact_lock(:n)"), {"n": number}).scalar_one()
                    if mine:
                        # Longer than a connection may idle in a transaction elsewhere: a slow function keeps its lock.
                        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                        hook.function()
            except Exception as fault:
                log.error("%s failed: %s", hook.name, type(fault).__name__, exc_info=self._app.debug)
            finally:
                rollback()

    def sweep(self) -> None:
        """Pass on what waited too long; wake a worker for every queue that has something due."""
        for _ in range(MOST_CLIMBS):
            got = ladder.pass_on_overdue()
            commit()
            if not got:
                break
            log.info("notices were passed on to %s", ", ".join(sorted(got)))
        now = db.session.execute(select(func.now())).scalar_one()
        due = {queue.sending_queue(channel): since for channel, since in due_channels().items()}
        receipts = db.session.execute(
            select(func.min(Receipt.due_at)).where(Receipt.settled_at.is_(None), Receipt.due_at <= func.now())
        ).scalar_one()
        if receipts is not None:
            due[queue.RECEIPTS] = receipts
        waiting = exports.due_since()
        if waiting is not None:
            due[queue.EXPORTS] = waiting
        commit()
        for name, since in due.items():
            self._wake(name, overdue=now - since > OVERDUE_AFTER)

    def _wake(self, name: str, *, overdue: bool) -> None:
        there = queue.wake(name, overdue=overdue)
        commit()
        if there != self._redis_was_there:
            log.warning("Redis is back" if there else "Redis is away: the scheduler sends what is due itself")
            self._redis_was_there = there
        running = self._running.get(name)
        if not there and (running is None or running.done()):
            self._running[name] = self._own.submit(self._work, name)

    def _work(self, name: str) -> None:
        with self._app.app_context():
            if name == queue.RECEIPTS:
                tasks.settle()
            elif name == queue.EXPORTS:
                tasks.export()
            else:
                tasks.send(name.removeprefix("send-"))

    def parcels(self) -> None:
        """What parcels need, asking the courier here where no worker could be woken for it."""
        alone = sweep_parcels()
        running = self._running.get(queue.TRACKING)
        if alone and (running is None or running.done()):
            self._running[queue.TRACKING] = self._own.submit(self._track, alone)

    def _track(self, parcel_ids: list[UUID]) -> None:
        with self._app.app_context():
            for parcel_id in parcel_ids:
                tasks.track(str(parcel_id))

    def close(self) -> None:
        """Wait for what is under way; what was not begun is not begun any more."""
        self._beside.shutdown(wait=True, cancel_futures=True)
        self._own.shutdown(wait=True)


def due_channels() -> dict[str, datetime]:
    """The channels that have something to do now, and since when; one that is held only when it may try again."""
    held = select(ChannelHold.channel).where(ChannelHold.until > func.now())
    rows = db.session.execute(
        select(Delivery.channel, func.min(Delivery.due_at))
        .where(
            or_(
                Delivery.state.in_(("pending", "uncertain", "sent"))
                & (Delivery.due_at <= func.now())
                & daytime.may_go()
                & (Delivery.leased_until.is_(None) | (Delivery.leased_until <= func.now())),
                (Delivery.state == "sending") & (Delivery.leased_until <= func.now()),
            ),
            Delivery.due_at.is_not(None),
            Delivery.channel.not_in(held),
        )
        .group_by(Delivery.channel)
    )
    return {channel: since for channel, since in rows if since is not None}


def sweep_parcels() -> list[UUID]:
    """Have the courier asked where a sub-code is missing or nothing was heard.

    Tell cases what they could not take before.

    Returns the parcels for which no worker could be woken, since Redis is away.
    """
    alone = [parcel_id for parcel_id in parcels_to_track() if not queue.wake_tracking(parcel_id)]
    for parcel_id in _to_tell():
        parcel = parcels.lock(parcel_id)
        parcels.tell_case_of_order(parcel)
        courses.follow(parcel)
        commit()
    return alone


def parcels_to_track() -> list[UUID]:
    """The parcels about which the courier is to be asked now, fifty at most."""
    unknown = select(ParcelEvent.parcel_id).where(text(f"({EVENT_UNCLEAR})"))
    asked = Parcel.asked_at
    ids = db.session.scalars(
        select(Parcel.id)
        .where(
            text(PARCEL_AWAITED),
            or_(
                Parcel.id.in_(unknown) & (asked.is_(None) | (asked < func.now() - ASK_LATE_SUBCODE_AFTER)),
                Parcel.id.in_(unknown.where(ParcelEvent.received_at > func.now() - ASK_LATE_SUBCODE_AFTER))
                & (asked < func.now() - ASK_SUBCODE_AFTER),
                # One that was just ordered has nothing to tell yet.
                asked < func.now() - ASK_SILENT_AFTER,
                asked.is_(None) & (Parcel.at < clock.now() - ASK_SILENT_AFTER),
            ),
        )
        .order_by(asked.nulls_first())
        .limit(50)
    ).all()
    return list(ids)


def _to_tell() -> list[UUID]:
    ids = db.session.scalars(
        select(Parcel.id)
        .join(Case, Case.id == Parcel.case_id)
        .where(
            text(PARCEL_UNTOLD),
            Case.ended_at.is_(None),
        )
        # Whatever can't be told for long must not stand in the way of others.
        .order_by(func.random())
        .limit(50)
    ).all()
    commit()
    return list(ids)


def scheduler_main(app: Flask) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        queue.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    scheduler = Scheduler(app)
    with heartbeats.beating(app, "scheduler"):
        while not stop.is_set():
            stop.wait(scheduler.turn())
        scheduler.close()
