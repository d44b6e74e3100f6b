"""The bench of faults itself: its schedule follows from the seed, and what it looks for it finds."""

from __future__ import annotations

from typing import Any

from citizen_services.sandbox.config import PARTNERS
from tests.faults.checks import taken_twice
from tests.faults.trouble import schedule


def test_the_same_seed_makes_the_same_trouble_and_some_seed_makes_each() -> None:
    assert schedule(7, 60) == schedule(7, 60) != schedule(8, 60)
    long = schedule(7, 3600)
    assert all(0 < one.at < 3600 for one in long)
    assert {one.whom for one in long} >= {*PARTNERS, "web", "web child", "worker", "scheduler", "postgres", "redis"}
    assert {one.what for one in long} >= {"kill", "restart", "freeze", "empty", "slow", "http_500", "accept_then_cut"}


def _entry(partner: str, operation: str, **more: Any) -> dict[str, Any]:
    known = {"our_ref": "a", "to": "13800000000", "text": "您的申请已受理", "outcome": "accepted"}
    return {"partner": partner, "operation": operation, **known, **more}


def test_planted_messages_and_orders_that_were_taken_twice_are_seen() -> None:
    once = [_entry("sms_aliyun", "SendSms"), _entry("ems", "020003"), _entry("population", "person")]
    assert taken_twice(once) == []
    refused = _entry("sms_aliyun", "SendSms", outcome="isv.BUSINESS_LIMIT_CONTROL")
    repeated = _entry("ems", "020003", outcome="repeated")
    assert taken_twice([*once, refused, repeated, _entry("population", "person")]) == []
    assert taken_twice([*once, _entry("ems", "020003")]) == ["ems took a 2 times"]
    assert taken_twice([*once, _entry("sms_aliyun", "SendSms", our_ref="b")]) == ["sms_aliyun told the same 2 times"]
