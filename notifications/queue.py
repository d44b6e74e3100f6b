"""Wake-ups through RQ. A job says only "there may be something to do"; what is to be done stands in the database.

So a job that is lost, doubled or refused as a duplicate changes nothing: the sweep finds what is due.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from uuid import UUID

import redis
from flask import Flask
from rq import Queue, SimpleWorker
from rq.exceptions import DuplicateJobError, NoSuchJobError, StopRequested
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.worker import DequeueStrategy, WorkerStatus

from citizen_services.parts import parts
from citizen_services.redis import breaker, exchange, worker_client
from notifications import heartbeats

log = logging.getLogger(__name__)

RECEIPTS = "receipts"
TRACKING = "tracking"
EXPORTS = "exports"
SENDING = (
    "send-wechat", "send-sms", "send-ems", "send-registration", "send-wechat_tag", "send-one_window", "send-platform",
)  # fmt: skip
#: Every queue, all of them served by each worker in turn.
QUEUES = (*SENDING, RECEIPTS, TRACKING, EXPORTS)

#: A wake-up costs about a millisecond: one a channel and this time is enough.
THROTTLE_S = 0.1
#: A job that runs for longer than any task lasts, or waits though it is in no list, belonged to a dead worker.
DEAD_AFTER = timedelta(seconds=75)
LOST_AFTER = timedelta(seconds=10)

_last: dict[str, float] = {}
_last_lock = threading.Lock()


def sending_queue(channel: str) -> str:
    """The queue of a channel."""
    return f"send-{channel}"


def wake(queue: str, *, overdue: bool = False) -> bool:
    """Wake whoever serves a queue; False where Redis is away. ``overdue``: clear away the job of a worker that died."""
    function, arguments = _work_of(queue)
    return _enqueue(queue, queue, function, arguments, overdue=overdue)


def wake_tracking(parcel_id: UUID) -> bool:
    """Have the courier asked about a parcel."""
    return _enqueue(TRACKING, f"track-{parcel_id}", "notifications.tasks.track", (str(parcel_id),))


def _work_of(queue: str) -> tuple[str, tuple[str, ...]]:
    if queue == RECEIPTS:
        return "notifications.tasks.settle", ()
    if queue == EXPORTS:
        return "notifications.tasks.export", ()
    return "notifications.tasks.send", (queue.removeprefix("send-"),)


def _enqueue(queue: str, job_id: str, function: str, arguments: tuple[str, ...], *, overdue: bool = False) -> bool:
    with _last_lock:
        now = time.monotonic()
        if now - _last.get(job_id, float("-inf")) < THROTTLE_S:
            return breaker.closed
        if len(_last) > 1000:
            _last.clear()
        _last[job_id] = now
    connection = parts().redis

    def put() -> bool:
        if overdue:
            _clear_dead(job_id, connection)
        if exchange(connection, (b"EXISTS", Job.key_for(job_id).encode())) == [1]:
            # It would be refused as a duplicate, which RQ finds out at forty times the price.
            return True
        with contextlib.suppress(DuplicateJobError):
            Queue(queue, connection=connection, serializer=JSONSerializer).enqueue(
                function,
                args=arguments,
                job_id=job_id,
                unique=True,
                # A job that is kept after its end would block its own name.
                result_ttl=0,
                failure_ttl=0,
                # Tasks bound themselves; a signal in the midst of a call would leave its fate unknown.
                job_timeout=-1,
            )
        return True

    return breaker.ask(put, False)


def _clear_dead(job_id: str, connection: redis.Redis) -> None:
    """Delete the job of that name if nobody can be working on it: its worker was killed, or Redis lost its list."""
    try:
        job = Job.fetch(job_id, connection=connection, serializer=JSONSerializer)
    except NoSuchJobError:
        return
    now = datetime.now(UTC)
    status = job.get_status(refresh=False)
    if status == JobStatus.STARTED:
        started = job.started_at.astimezone(UTC) if job.started_at else now - DEAD_AFTER
        worker = (job.worker_name or "").rpartition(":")[0]
        dead = now - started >= DEAD_AFTER or (now - started >= LOST_AFTER and not heartbeats.lives(f"{worker}:worker"))
    else:
        enqueued = job.enqueued_at.astimezone(UTC) if job.enqueued_at else now - LOST_AFTER
        queue = Queue(job.origin, connection=connection, serializer=JSONSerializer)
        dead = now - enqueued >= LOST_AFTER and job_id not in queue.get_job_ids()
    if dead:
        log.warning("job %s belonged to a worker that ended; it is cleared away", job_id)
        job.delete()


#: Wake-ups to be asked for after a commit: one object a queue, so that many wishes of one transaction are one wake-up.
_after_commit: dict[str, Callable[[], None]] = {}


def _wake_quietly(queue: str) -> None:
    wake(queue)


def waking(queue: str) -> Callable[[], None]:
    """What to do after the commit of a transaction that gave work to a queue."""
    return _after_commit.setdefault(queue, functools.partial(_wake_quietly, queue))


# --- the worker --------------------------------------------------------------------------------------------------


#: Set when this process was asked to end: tasks give back what they have not begun.
stopping = threading.Event()


class _Worker(SimpleWorker):
    """Works in its own process: a fork a job would open a database connection a job."""

    max_connection_wait_time = 2.0

    def _install_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.request_stop)
            signal.signal(signal.SIGTERM, self.request_stop)
        # Asked to end before these stood: the loop finds it at its first turn.
        self._stop_requested = self._stop_requested or stopping.is_set()

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the batch under way; asked twice, the same: a call cut off would leave its fate unknown."""
        stopping.set()
        if self.get_state() == WorkerStatus.BUSY:
            self._stop_requested = True
        else:
            raise StopRequested


def worker_main(app: Flask) -> None:
    """Serve every queue until SIGTERM or SIGINT. Redis away only makes it wait."""
    redis_url = app.extensions["citizen_services"].settings.redis_url
    _await_end()
    with app.app_context(), heartbeats.beating(app, "worker"):
        while not stopping.is_set():
            with contextlib.suppress(StopRequested):
                _work(redis_url)
            _await_end()
            stopping.wait(1.0)


def _await_end() -> None:
    """Between two lives of the RQ worker a signal is only noted."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())


def _work(redis_url: str) -> None:
    """One life of an RQ worker, until it is asked to end or loses Redis."""
    connection = worker_client(redis_url)
    try:
        worker = _Worker(
            list(QUEUES),
            name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            connection=connection,
            serializer=JSONSerializer,
            log_job_description=False,
        )
        worker.work(logging_level="WARNING", dequeue_strategy=DequeueStrategy.ROUND_ROBIN)
    except redis.RedisError as fault:
        log.warning("Redis is away (%s); the worker waits for it", type(fault).__name__)
    finally:
        connection.close()
