"""Workers that are killed, Redis that goes away: the rows are the truth, and nobody is told twice or forgotten."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, text, update

from citizen_services.clock import protocol_now
from citizen_services.database import commit, db
from citizen_services.database.models import Heartbeat
from citizen_services.parts import EXTENSION, parts
from citizen_services.redis import Breaker, web_client
from deploy.embedded import Valkey, start_valkey
from notifications import heartbeats, queue, scheduler, tasks
from notifications.models import Delivery
from notifications.scheduler import Scheduler
from tests.house import House, Process, running
from tests.notifications.conftest import (
    Outside,
    act,
    case_now,
    due_now,
    lease_ends,
    made_permit,
    parcel_now,
    row,
    somebody,
    state_of,
    tell,
    tries,
)
from tests.notifications.test_parcels import ordered_permit, push, stamp


def until(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something that other processes bring about; fails where it does not come."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)


class _Redis:
    """A Redis of the test's own, which can be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server: Valkey = start_valkey(folder)
        self.url = self.server.url

    def start(self) -> None:
        self.server = start_valkey(self._folder, port=self.server.port)


@pytest.fixture
def own_redis(app: Flask, partners: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Redis]:
    redis = _Redis(tmp_path / "valkey")
    before = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(
        before, redis=web_client(redis.url), settings=replace(before.settings, redis_url=redis.url)
    )
    # What others' tests did to the process's breaker is not this test's.
    monkeypatch.setattr(queue, "breaker", Breaker())
    monkeypatch.setattr(queue, "_last", {})
    yield redis
    parts().redis.close()
    app.extensions[EXTENSION] = before
    redis.server.stop()


def worker(house: House, redis: _Redis, number: int = 1) -> Process:
    """A worker process on that Redis."""
    return house.run(f"worker-{number}-{time.monotonic_ns()}", "worker", REDIS_URL=redis.url)


def sweeping(app: Flask, true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Let a scheduler work until something is so."""
    swept = Scheduler(app)

    def turn() -> object:
        swept.turn()
        return true()

    try:
        until(turn, what, seconds)
    finally:
        swept.close()


def test_a_worker_killed_between_acceptance_and_note_tells_nobody_twice(
    app: Flask, partners: Outside, own_redis: _Redis
) -> None:
    notice = tell(somebody())
    partners.fault("sms_aliyun", "slow", delay_s=8, times=1)
    first = worker(partners.house, own_redis)
    with running(first):
        queue.wake("send-sms")
        until(lambda: partners.arrived("sms_aliyun", "SendSms", "accepted"), "the message at Aliyun")
        assert tries(notice)["sms"].state == "sending"
        first.kill()
    assert tries(notice)["sms"].state == "sending"
    lease_ends()
    with running(worker(partners.house, own_redis)):
        # The dead worker's job stands in the way of its own name until it is seen to be dead.
        sweeping(app, lambda: tries(notice)["sms"].state == "uncertain", "the lost lease to be noticed", 45)
        due_now("sms")
        sweeping(app, lambda: tries(notice)["sms"].state in ("sent", "delivered"), "Aliyun to be asked")
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 1
    assert tries(notice)["sms"].attempts == 1
    assert state_of(notice) in ("sent", "delivered")


def test_a_worker_killed_between_acceptance_and_note_orders_no_second_parcel(
    app: Flask, partners: Outside, own_redis: _Redis
) -> None:
    case_id = made_permit()
    order = select(Delivery.id).where(Delivery.channel == "ems")
    id_ = db.session.scalars(order).one()
    partners.fault("ems", "slow", delay_s=8, times=1)
    first = worker(partners.house, own_redis)
    with running(first):
        queue.wake("send-ems")
        until(lambda: partners.arrived("ems", "020003", "accepted"), "the order at China Post")
        assert row(id_).state == "sending"
        first.kill()
    assert (row(id_).state, parcel_now(case_id).tracking) == ("sending", None)
    lease_ends()
    with running(worker(partners.house, own_redis)):
        # The dead worker's job stands in the way first; then the order's ten seconds have long passed.
        sweeping(app, lambda: parcel_now(case_id).tracking, "the order to be repeated under its reference", 60)
    orders = partners.arrived("ems", "020003")
    assert {entry["our_ref"] for entry in orders} == {str(id_)}
    assert len(partners.arrived("ems", "020003", "accepted")) == 1
    (number,) = {entry["detail"]["waybillNo"] for entry in orders}
    assert (parcel_now(case_id).tracking, row(id_).state) == (number, "sent")
    assert case_now(case_id).results["tracking"] == number


def test_two_worker_processes_send_each_message_once_and_end_when_asked(
    app: Flask, partners: Outside, own_redis: _Redis
) -> None:
    person = somebody()
    for _ in range(45):
        tell(person)
    workers = [worker(partners.house, own_redis, number) for number in (1, 2)]
    with running(*workers):
        sweeping(app, lambda: _states() == {"sent": 45}, "all to be sent")
        until(lambda: _kinds().get("worker") == 2, "both workers' heartbeats")
    assert {process.popen.returncode for process in workers} == {0}
    accepted = partners.arrived("sms_aliyun", "SendSms", "accepted")
    assert len(accepted) == len({entry["our_ref"] for entry in accepted}) == 45
    assert "worker" not in _kinds(), "an orderly end takes the heartbeat away"


def _states() -> dict[str, int]:
    db.session.rollback()
    rows = db.session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
    return {state: number for state, number in rows}  # noqa: C416 - rows aren't pairs to the type checker


def _kinds() -> dict[str, int]:
    db.session.rollback()
    rows = db.session.execute(select(Heartbeat.kind, func.count()).group_by(Heartbeat.kind))
    return {kind: number for kind, number in rows}  # noqa: C416 - as above


def test_with_redis_away_nothing_is_lost_and_everything_goes_all_the_same(
    app: Flask, partners: Outside, own_redis: _Redis, caplog: pytest.LogCaptureFixture
) -> None:
    process = worker(partners.house, own_redis)
    with running(process):
        first = tell(somebody())
        until(lambda: tries(first)["sms"].state == "sent", "the wake-up after the commit")
        own_redis.server.stop()
        began = time.monotonic()
        second = tell(somebody())
        assert time.monotonic() - began < 10, "telling does not wait for Redis"
        assert queue.wake("send-sms") is False
        sweeping(app, lambda: tries(second)["sms"].state == "sent", "the scheduler to send it itself")
        assert "Redis is away: the scheduler sends what is due itself" in caplog.text
        own_redis.start()
        until(lambda: queue.wake("send-ems"), "Redis to be back")
        third = tell(somebody())
        sweeping(app, lambda: tries(third)["sms"].state == "sent", "the worker to find Redis again")
        assert process.popen.poll() is None, "the worker lived through it"
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 3


def test_a_wiped_redis_loses_wake_ups_only(app: Flask, partners: Outside, own_redis: _Redis) -> None:
    notice = tell(somebody())
    parts().redis.flushall()
    with running(worker(partners.house, own_redis)):
        sweeping(app, lambda: tries(notice)["sms"].state == "sent", "the sweep to find it")
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 1


def test_a_job_is_a_wake_up_once_a_channel_and_carries_no_data(app: Flask, own_redis: _Redis) -> None:
    queue._last.clear()
    for _ in range(3):
        assert queue.wake("send-sms")
        queue._last.clear()
    waiting = Queue("send-sms", connection=parts().redis, serializer=JSONSerializer)
    assert waiting.get_job_ids() == ["send-sms"]
    (job,) = waiting.get_jobs()
    assert (job.func_name, list(job.args), job.result_ttl, job.failure_ttl) == (
        "notifications.tasks.send",
        ["sms"],
        0,
        0,
    )
    assert job.data.startswith(b"["), "JSON, never pickle"


def test_the_job_of_a_dead_worker_is_cleared_away_and_a_living_ones_is_not(app: Flask, own_redis: _Redis) -> None:
    def job_of(worker_name: str, seconds: int) -> None:
        queue._last.clear()
        parts().redis.flushall()
        queue.wake("send-sms")
        job = Job.fetch("send-sms", connection=parts().redis, serializer=JSONSerializer)
        job.set_status(JobStatus.STARTED)
        job.worker_name = worker_name
        job.started_at = protocol_now() - timedelta(seconds=seconds)
        job.save()
        parts().redis.delete("rq:queue:send-sms")
        queue._last.clear()
        queue.wake("send-sms", overdue=True)

    def waits() -> bool:
        return bool(parts().redis.llen("rq:queue:send-sms"))

    job_of("gone:1:abcd", 20)
    assert waits()
    with heartbeats.beating(app, "worker"):
        mine = heartbeats.process_name("worker").removesuffix(":worker")
        job_of(f"{mine}:abcd", 20)
        assert not waits(), "its worker lives"
        job_of(f"{mine}:abcd", 100)
        assert waits(), "no task lasts so long"
    job_of("gone:1:abcd", 2)
    assert not waits(), "a worker that was just started may not have beaten yet"


def test_what_others_register_runs_in_one_scheduler_at_a_time_and_its_failure_stops_nothing(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_hooks", [])
    ran: list[str] = []

    def fails() -> None:
        ran.append("fails")
        raise ValueError("on purpose")

    def works() -> None:
        ran.append("works")
        # A second scheduler that comes at the same moment finds the name taken.
        if len(ran) < 4:
            one_turn(app)

    scheduler.every(60, fails)
    scheduler.every(60, works, "works")
    one_turn(app)
    assert ran.count("works") == 1
    one_turn(app)
    assert ran.count("works") == 2


def one_turn(app: Flask) -> None:
    """A scheduler that lives for one turn, and for what it began in that."""
    turning = Scheduler(app)
    turning.turn()
    # What still waits for a thread is not begun at an end; here all of it is to be.
    turning._beside.shutdown(wait=True)
    turning.close()


def test_what_lasts_holds_up_neither_what_is_due_nor_the_other_things_and_is_not_begun_twice(
    app: Flask, partners: Outside, own_redis: _Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_hooks", [])
    monkeypatch.setattr(scheduler, "SWEEP_EVERY_S", 0.1)
    release, begun = threading.Event(), threading.Semaphore(0)
    lasting: list[str] = []
    short: list[str] = []

    def lasts() -> None:
        lasting.append("begun")
        begun.release()
        assert release.wait(60)

    scheduler.every(0.05, lasts, "lasts")
    scheduler.every(0.05, lambda: short.append("short"), "short")
    own_redis.server.stop()
    schedulers = [Scheduler(app), Scheduler(app)]

    def both_turn(true: Callable[[], object]) -> Callable[[], object]:
        def turn() -> object:
            for one in schedulers:
                one.turn()
            return true()

        return turn

    try:
        until(both_turn(lambda: begun.acquire(blocking=False)), "the thing that lasts to begin")
        notice = tell(somebody())
        # With Redis away the sweep itself has it sent, so that nobody else could have done it.
        until(both_turn(lambda: tries(notice)["sms"].state == "sent"), "what is due to go all the same")
        ran = len(short)
        until(both_turn(lambda: len(short) > ran + 2), "the other things to go on")
        assert lasting == ["begun"], "neither scheduler begins it again"
    finally:
        release.set()
        for one in schedulers:
            one.close()


def test_a_heartbeat_is_a_row_by_machine_time_that_ages_when_the_process_is_gone(app: Flask) -> None:
    name = heartbeats.process_name("scheduler")
    with heartbeats.beating(app, "scheduler"):
        at = db.session.execute(select(Heartbeat.at).where(Heartbeat.process == name)).scalar_one()
        assert abs(protocol_now() - at) < timedelta(seconds=2)
        assert heartbeats.lives(name)
        db.session.execute(update(Heartbeat).values(at=protocol_now() - timedelta(seconds=11)))
        commit()
        assert not heartbeats.lives(name)
    db.session.rollback()
    assert not db.session.execute(text("SELECT 1 FROM heartbeat")).all()


def test_with_redis_away_the_scheduler_itself_asks_who_signed(
    app: Flask, client: FlaskClient, partners: Outside, own_redis: _Redis
) -> None:
    case_id, tracking = ordered_permit(partners)
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    own_redis.server.stop()
    signed = {"opCode": "704", "opTime": stamp(3), "deliverCode": "10", "push": False}
    partners.house.control("POST", f"parcels/{tracking}", signed)
    assert push(client, tracking, "704", 3) == 200
    tasks.settle()
    assert case_now(case_id).state == "posted", "the push does not say who signed"
    alone = Scheduler(app)
    alone.parcels()
    alone.close()
    assert case_now(case_id).state == "completed"
