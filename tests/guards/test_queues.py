"""Queues: every one named is served by the worker, and a job carries a channel or an id, never what it is about."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from flask import Flask
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer

from citizen_services.database import commit, new_id
from notifications import queue
from notifications.channels import channels
from notifications.scheduler import sweep_parcels
from tests import factories as make
from tests.guards.stories import through
from tests.guards.test_docstrings import sources
from tests.guards.waiting import until
from tests.house import House

#: Whole words that a job's arguments may be: a channel's name, or an id.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_QUEUING = "notifications/queue.py"


@dataclass(frozen=True)
class Enqueued:
    """One job as it was given to RQ."""

    queue: str
    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    job_id: str


def job_faults(jobs: list[Enqueued]) -> list[str]:
    """Jobs on a queue that nobody serves, of a function that isn't there, or that say more than an id."""
    faults = []
    for job in jobs:
        if job.queue not in queue.QUEUES:
            faults.append(f"{job.queue} is served by nobody")
        module, _, name = job.function.rpartition(".")
        if module != "notifications.tasks" or not callable(getattr(importlib.import_module(module), name, None)):
            faults.append(f"{job.function} is no task")
        for value in (*job.args, *job.kwargs.values()):
            if not (isinstance(value, str) and (value in channels() or _ID.fullmatch(value))):
                faults.append(f"{job.function} carries {type(value).__name__}")
        words = job.job_id.removeprefix("track-")
        if words not in queue.QUEUES and not _ID.fullmatch(words):
            faults.append(f"a job of {job.queue} is named otherwise")
    return faults


def enqueues(modules: Mapping[str, str]) -> Iterator[str]:
    """Calls that make a queue of RQ's or a job."""
    for name, source in modules.items():
        # Others have queues too: the standard library, the web server.
        if not re.search(r"^\s*(?:import|from) rq\b|\brq\.\w|notifications\.queue", source, re.MULTILINE):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                if called.startswith("enqueue") or called == "Queue":
                    yield f"{name}:{node.lineno} {called}"


def unserved(named: set[str], served: list[set[str]]) -> set[str]:
    """Queues that some worker does not serve; all of them where there is none."""
    return named if not served else {name for one in served for name in named - one}


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[Enqueued]:
    """Every job that is given to RQ from here on."""
    seen: list[Enqueued] = []

    class Recording(Queue):
        """Writes down what it is given."""

        def enqueue(self, f: Any, *args: Any, **given: Any) -> Job:
            seen.append(Enqueued(self.name, f, tuple(given["args"]), given.get("kwargs") or {}, given["job_id"]))
            return super().enqueue(f, *args, **given)

    monkeypatch.setattr(queue, "Queue", Recording)
    monkeypatch.setattr(queue, "THROTTLE_S", 0.0)
    # What waits from before, or what a running scheduler enqueued just now, would keep a job from being given again.
    monkeypatch.setattr(queue, "exchange", lambda *_: [0])
    return seen


def test_jobs_are_made_in_one_place() -> None:
    assert {line.partition(":")[0] for line in enqueues(sources())} == {_QUEUING}
    assert list(enqueues({"x.py": "q = rq.Queue('mine')\nq.enqueue_in(1, f)"})) == ["x.py:1 Queue", "x.py:2 enqueue_in"]


def test_every_channel_has_a_queue_of_its_own_and_every_queue_its_work() -> None:
    assert {queue.sending_queue(channel) for channel in channels()} == set(queue.SENDING)
    for name in (*queue.SENDING, queue.RECEIPTS, queue.EXPORTS):
        function, arguments = queue._work_of(name)
        assert not job_faults([Enqueued(name, function, arguments, {}, name)])


def test_a_whole_application_enqueues_ids_and_channels_only(app: Flask, enqueued: list[Enqueued]) -> None:
    case_id = make.submitted_permit()
    through(case_id)
    for name in (*queue.SENDING, queue.RECEIPTS, queue.EXPORTS):
        assert queue.wake(name)
    assert queue.wake_tracking(new_id())
    sweep_parcels()
    commit()
    assert {job.queue for job in enqueued} == set(queue.QUEUES)
    assert not job_faults(enqueued)


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        (Enqueued("letters", "notifications.tasks.settle", (), {}, "receipts"), "letters is served by nobody"),
        (Enqueued("send-sms", "notifications.tasks.gone", (), {}, "send-sms"), "notifications.tasks.gone is no task"),
        (Enqueued("send-sms", "os.system", (), {}, "send-sms"), "os.system is no task"),
        (Enqueued("send-sms", "notifications.tasks.send", ("13800138000",), {}, "send-sms"), "carries str"),
        (Enqueued("send-sms", "notifications.tasks.send", ({"a": 1},), {}, "send-sms"), "carries dict"),
        (Enqueued("send-sms", "notifications.tasks.send", (), {"channel": "韦小花"}, "send-sms"), "carries str"),
        (Enqueued("send-sms", "notifications.tasks.send", ("sms",), {}, "13800138000"), "is named otherwise"),
    ],
)
def test_a_planted_job_is_reported(planted: Enqueued, words: str) -> None:
    assert any(words in fault for fault in job_faults([planted]))


def test_the_running_worker_serves_every_queue(live: House) -> None:
    connection = redis.Redis.from_url(live.environ["REDIS_URL"])

    def served() -> list[set[str]]:
        workers = Worker.all(connection=connection, serializer=JSONSerializer)
        return [set(worker.queue_names()) for worker in workers]

    until(lambda: bool(served()), "no worker is registered")
    assert unserved(set(queue.QUEUES), served()) == set()
    waiting = [Queue(name, connection=connection, serializer=JSONSerializer) for name in queue.QUEUES]
    for one in waiting:
        # An unknown parcel and an unknown channel's emptiness: work that ends at once.
        work = (
            ("notifications.tasks.track", (str(new_id()),)) if one.name == queue.TRACKING else queue._work_of(one.name)
        )
        one.enqueue(work[0], args=work[1], result_ttl=0, failure_ttl=0, job_timeout=-1)
    until(lambda: not any(one.count for one in waiting), "a queue is left unserved")
    connection.close()


def test_a_planted_unserved_queue_is_seen() -> None:
    assert unserved({"a", "b"}, [{"a", "b"}, {"a"}]) == {"b"}
    assert unserved({"a", "b"}, []) == {"a", "b"}
