"""What a page says of whether one may apply: its heading, its sentences and its button agree, for every verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services.cases.eligibility import refusal_of
from citizen_services.catalogue.vocabulary import Verdict
from citizen_services.database import commit, db
from tests.house import House
from tests.portal.conftest import Resident
from tests.portal.test_traffic_items import ELSEWHERE, day
from tests.portal.traffic import drives
from workflows import licences, vehicles

Make = Callable[..., Resident]
NOT_YET = "现在还不能申请"
#: Every heading under which something is refused.
HEADINGS = (
    NOT_YET, "先到车管所，不能在网上办", "不用换证", "不能再换证", "请到窗口办理", "不用转入", "不能在本市办延期",
    "不能再延期",
)  # fmt: skip
#: What the registers know, in days from today on; ``None``: they answer that there is nothing.
WORLDS: dict[str, dict[str, Any] | None] = {
    "well": {"until": 30, "examined": -20},
    "no licence": None,
    "early": {"until": 400, "examined": -20},
    "long over": {"until": -500, "examined": -20},
    "for ever, never examined, one violation": {"until": None, "open": True},
    "not examined": {"until": 30},
    "a violation": {"until": 30, "examined": -20, "open": True},
    "seized": {"until": 30, "examined": -20, "status": "D"},
    "revoked": {"until": 30, "examined": -20, "status": "G"},
    "elsewhere": {"until": 30, "examined": -20, **ELSEWHERE},
    "elsewhere, a violation": {"until": 30, "examined": -20, "open": True, **ELSEWHERE},
}
#: Which heading each item of the licence has in each world; no entry: one may begin.
SAID: dict[str, dict[str, str]] = {
    "licence-renew": {
        "no licence": NOT_YET, "early": NOT_YET, "long over": "不能再换证", "not examined": NOT_YET,
        "for ever, never examined, one violation": "不用换证", "a violation": NOT_YET,
        "elsewhere, a violation": NOT_YET,
    },
    "licence-transfer-in": {
        "no licence": NOT_YET, "elsewhere, a violation": NOT_YET,
        **dict.fromkeys(("well", "early", "long over", "not examined", "a violation"), "不用转入"),
        "for ever, never examined, one violation": "不用转入",
    },
    "licence-medical": {
        "no licence": NOT_YET, "not examined": NOT_YET, "for ever, never examined, one violation": NOT_YET,
    },
    "licence-postpone": {
        "no licence": NOT_YET, "long over": "不能再延期", "elsewhere": "不能在本市办延期",
        "elsewhere, a violation": "不能在本市办延期",
    },
    **{
        item: {"no licence": NOT_YET, "elsewhere, a violation": NOT_YET}
        for item in ("licence-replace-damaged", "licence-replace-lost", "licence-change")
    },
}  # fmt: skip
GONE = {"seized": "先到车管所，不能在网上办", "revoked": "先到车管所，不能在网上办"}


@pytest.fixture(autouse=True)
def well(outside: House, application: Flask) -> None:
    """No partner is away."""
    for partner in ("vehicles", "licences", "violations", "medical", "population"):
        outside.control("PUT", f"faults/{partner}", {"mode": "none"})
    with application.app_context():
        db.session.execute(text("UPDATE channel_hold SET until = now() - interval '1 s'"))
        commit()


def lives(outside: House, person: Resident, world: dict[str, Any] | None, today: date) -> None:
    """The registers know of somebody what a world says."""
    if world is None:
        return
    known = dict(world)
    until, examined, is_open = known.pop("until"), known.pop("examined", None), known.pop("open", False)
    drives(outside, person.id_number, today + timedelta(days=until or 0), name="韦小花", **known)
    if until is None:
        drives(outside, person.id_number, today, name="韦小花", **known, valid_until=None)
    outside.control("PUT", f"violations/{person.id_number}", {"violations": [], "accidents": int(is_open)})
    if examined is not None:
        outside.control(
            "PUT", f"medical/{person.id_number}", {"examined_on": (today + timedelta(examined)).isoformat()}
        )


@pytest.mark.parametrize("world", WORLDS)
def test_every_item_of_the_licence_says_one_thing(resident: Make, outside: House, world: str) -> None:
    person = resident("韦小花")
    lives(outside, person, WORLDS[world], day(person.app))
    for item in licences.ITEMS:
        person.browser.open(f"/h5/items/{item.code}")
        words = person.browser.words
        expected = GONE.get(world) or SAID[item.code].get(world)
        said = [heading for heading in HEADINGS if f"{heading} " in words]
        assert said == ([expected] if expected else []), (item.code, words)
        begins = "start" in person.browser.actions
        assert begins == (expected is None), item.code
        if expected:
            assert "可以先申请" not in words, item.code


def test_a_register_that_is_away_keeps_nobody_and_no_page_refuses(resident: Make, outside: House) -> None:
    for partner in ("licences", "violations", "medical"):
        outside.control("PUT", f"faults/{partner}", {"mode": "http_500"})
    person = resident("韦小花")
    for item in (*licences.ITEMS, *vehicles.ITEMS):
        person.browser.open(f"/h5/items/{item.code}")
        assert not [heading for heading in HEADINGS if f"{heading} " in person.browser.words], item.code
        assert "start" in person.browser.actions
    person.browser.open("/h5/items/licence-renew")
    assert "登记信息暂时查不到，您可以先申请，由工作人员核实。" in person.browser.words


def test_whoever_needs_nothing_is_not_sent_to_the_doctor_for_it() -> None:
    ill, time = Verdict(False, "没有体检。", "请先体检。"), Verdict(False, "还早。", from_day=date(2026, 12, 1))
    never = Verdict(False, "长期有效。", instead="不用换证")
    assert refusal_of([ill, never, time]).verdicts == [never]
    assert refusal_of([ill, never]).heading == "不用换证"
    assert refusal_of([time]).from_day == date(2026, 12, 1)
    assert (refusal_of([ill, time]).heading, refusal_of([ill, time]).from_day) == (NOT_YET, None)
