"""``notices``: rows of the outbox sent by one worker process, against one RQ job a notice in one worker process."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from typing import Any
from uuid import UUID

from redis import Redis
from rq import Queue
from sqlalchemy import func, insert, select

from benchmarks.floors import one_job_a_notice as floor
from benchmarks.ground import BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.database import commit, db, new_id
from notifications import queue
from notifications.channels import channel
from notifications.models import Delivery, Notice

_PHONE, _TEMPLATE, _VALUES = "13800138000", "accepted", {"number": "JZ20261109-000001", "date": "11月30日"}
_QUEUE = "send-sms"


class Gateway:
    """What the gateway took."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def _ask(self, path: str) -> dict[str, Any]:
        with self._open(f"{self._url}/{path}", timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def forget(self) -> None:
        """Count from nothing."""
        self._ask("forget")

    def taken(self) -> dict[str, Any]:
        """``{calls, distinct, first, last}``."""
        return self._ask("taken")


def _fill(count: int) -> list[UUID]:
    """Notices that are due by SMS, as a fact leaves them."""
    now = clock.protocol_now()
    notices: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for _ in range(count):
        notice = new_id()
        sms = {"template": _TEMPLATE, "values": _VALUES}
        notices.append(
            {
                "id": notice, "kind": "accepted", "citizen_id": None, "case_id": None, "text": "您的申请已受理。",
                "values": {"sms": sms, "phone": _PHONE}, "state": "pending", "at": now, "expires_at": None,
            }
        )  # fmt: skip
        deliveries.append(
            {
                "id": new_id(), "notice_id": notice, "channel": "sms", "payload": {"phone": _PHONE, **sms},
                "state": "pending", "must_be_known": True, "made_at": now, "due_at": now, "attempts": 0, "checks": 0,
            }
        )  # fmt: skip
    for start in range(0, count, 500):
        db.session.execute(insert(Notice), notices[start : start + 500])
        db.session.execute(insert(Delivery), deliveries[start : start + 500])
    commit()
    return [line["id"] for line in deliveries]


def _ours(ground: Ground, gateway: Gateway, count: int) -> float:
    """From the wake-up until every row says that its notice was sent."""
    ids = _fill(count)
    gateway.forget()
    began = time.monotonic()
    until = began + ground.size.seconds
    left = count
    while left:
        if time.monotonic() > until:
            raise BenchFailed(f"{left} of {count} notices still wait:\n{ground.log('worker')}")
        # One that meets a job about to end is refused; the scheduler's sweep, which does not run here, repeats it too.
        queue.wake(_QUEUE)
        time.sleep(0.02)
        if gateway.taken()["calls"] >= count:
            waiting = select(func.count()).where(Delivery.id.in_(ids), Delivery.state != "sent")
            left = db.session.scalar(waiting) or 0
            db.session.rollback()
    lasted = time.monotonic() - began
    must_be_once(gateway, count)
    return count / lasted


def floor_run(ground: Ground, gateway: Gateway, count: int) -> float:
    """From the first call until the last; the jobs were put into the queue before, which isn't counted."""
    redis_url = ground.environ["FLOOR_REDIS_URL"]
    orders = [(str(new_id()), _PHONE, _TEMPLATE, _VALUES) for _ in range(count)]
    gateway.forget()
    with Redis.from_url(redis_url) as connection:
        floor.enqueue(redis_url, orders)
        with ground.process("floor-worker", _floor_worker(redis_url), RQ_WORKER="floor"):
            until = time.monotonic() + ground.size.seconds + 30
            while gateway.taken()["calls"] < count:
                if time.monotonic() > until:
                    raise BenchFailed(f"the floor's worker is too slow:\n{ground.log('floor-worker')}")
                time.sleep(0.02)
        Queue(floor.QUEUE, connection=connection).empty()
    must_be_once(gateway, count)
    told = gateway.taken()
    return float((count - 1) / (told["last"] - told["first"]))


def _floor_worker(redis_url: str) -> list[str]:
    words = ["--worker-class", "rq.SimpleWorker", "--logging_level", "WARNING", "--url", redis_url, floor.QUEUE]
    return ["-m", "rq.cli", "worker", *words]


def must_be_once(gateway: Gateway, count: int) -> None:
    """BenchFailed where the gateway took another number of calls, or a reference twice."""
    told = gateway.taken()
    if (told["calls"], told["distinct"]) != (count, count):
        raise BenchFailed(f"{count} notices were {told['calls']} calls of {told['distinct']} references")


def notices(ground: Ground) -> Row:
    """Notices delivered a second by one worker process; BenchFailed where one was not sent, or twice."""
    size = ground.size
    gateway = Gateway(ground.gateway_port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ground.process("worker", ["app.py", "worker"]))
        _ours(ground, gateway, max(20, size.notices // 10))
        runs = in_turn(
            size.runs,
            lambda _: _ours(ground, gateway, size.notices),
            lambda _: floor_run(ground, gateway, size.notices // 2),
        )
    return row(
        "notices",
        "notices/s",
        runs,
        floor_is="one RQ job a notice that makes the same call, SimpleWorker, no record kept",
        floor_file="benchmarks/floors/one_job_a_notice.py",
        command="app.py worker (RQ SimpleWorker)",
        processes=1,
        threads=channel("sms").hands,
    )
