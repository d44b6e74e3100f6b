"""``ladder``: notices that got no receipt in WeChat climb to the SMS and are sent there, against the bare SMS alone."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from benchmarks.ground import BenchFailed, Ground
from benchmarks.notices import Gateway, floor_run, must_be_once
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.database import commit, db, new_id
from notifications.channels import channel
from notifications.models import Delivery, Notice
from notifications.scheduler import Scheduler

_PHONE, _TEMPLATE, _VALUES = "13800138000", "refused", {"item": "居住证首次申领", "number": "JZ20261109-000001"}


def _fill(count: int) -> list[UUID]:
    """Notices that must be known, taken by WeChat an hour ago and heard of no more; their ids."""
    now, before = clock.protocol_now(), timedelta(hours=1)
    notices: list[dict[str, Any]] = []
    tries: list[dict[str, Any]] = []
    for _ in range(count):
        notice = new_id()
        notices.append(
            {
                "id": notice, "kind": "refused", "citizen_id": None, "case_id": None, "text": "您的申请不予签发。",
                "values": {"sms": {"template": _TEMPLATE, "values": _VALUES}, "phone": _PHONE}, "state": "sent",
                "at": clock.now() - before, "expires_at": None,
            }
        )  # fmt: skip
        tries.append(
            {
                "id": new_id(), "notice_id": notice, "channel": "wechat", "payload": {"openid": "o", "fields": {}},
                "state": "sent", "must_be_known": True, "made_at": now - before, "sent_at": now - before,
                "pass_on_at": clock.now() - before, "attempts": 1, "checks": 0,
            }
        )  # fmt: skip
    for start in range(0, count, 500):
        db.session.execute(insert(Notice), notices[start : start + 500])
        db.session.execute(insert(Delivery), tries[start : start + 500])
    commit()
    return [line["id"] for line in notices]


def _ours(ground: Ground, gateway: Gateway, count: int) -> float:
    """From the scheduler's first sweep until each notice's SMS says that it was sent."""
    ids = _fill(count)
    scheduler = Scheduler(ground.app)
    gateway.forget()
    began = time.monotonic()
    until = began + ground.size.seconds
    left = count
    while left:
        if time.monotonic() > until:
            raise BenchFailed(f"{left} of {count} notices have not climbed:\n{ground.log('worker')}")
        scheduler.sweep()
        time.sleep(0.02)
        climbed = select(func.count()).where(
            Delivery.notice_id.in_(ids), Delivery.channel == "sms", Delivery.state == "sent"
        )
        left = count - (db.session.scalar(climbed) or 0)
        db.session.rollback()
    lasted = time.monotonic() - began
    must_be_once(gateway, count)
    return count / lasted


def ladder(ground: Ground) -> Row:
    """Notices a second that climb a rung and are sent there; BenchFailed where one did not, or was sent twice."""
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
        "ladder",
        "notices/s",
        runs,
        floor_is="one RQ job a notice that makes the SMS call alone, SimpleWorker, no ladder, no record kept",
        floor_file="benchmarks/floors/one_job_a_notice.py",
        command="the scheduler's sweep beside app.py worker (RQ SimpleWorker)",
        processes=2,
        threads=channel("sms").hands,
    )
