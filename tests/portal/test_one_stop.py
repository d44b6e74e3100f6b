"""One stop: whoever comes knows before what is left to do, and nobody is sent anywhere for a register that is away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.people import limits
from citizen_services.people.limits import Limit
from tests.api.conftest import Program, program
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.people.browser import Browser
from tests.portal.conftest import Resident
from tests.portal.traffic import insured, new_plate, new_vin, owns, taxed

__all__ = ["program"]
Make = Callable[..., Resident]
REGISTER = "/h5/one-stop/counter-vehicle-register"
TRANSFER = "/h5/one-stop/counter-vehicle-transfer"


def states(page: str) -> dict[str, str]:
    """Each part's state as the page has it."""
    found = {}
    for piece in page.split('data-part="')[1:]:
        code, _, rest = piece.partition('"')
        found[code] = rest.partition('data-part-state="')[2].partition('"')[0]
    return found


@pytest.fixture(autouse=True)
def well(outside: House) -> None:
    """No partner is away but those that a test lets be."""
    for partner in ("vehicles", "insurance", "purchase_tax", "medical"):
        outside.control("PUT", f"faults/{partner}", {"mode": "none"})


def forget_answers(application: Flask) -> None:
    """Time has passed: what registers answered is asked for anew."""
    with application.app_context():
        db.session.execute(text("UPDATE register_answer SET fresh_until = now() - interval '1 s'"))
        commit()


def test_a_new_car_needs_tax_and_insurance_and_the_page_says_which_is_missing(
    resident: Make, outside: House, application: Flask
) -> None:
    with application.app_context():
        today = clock.today()
    person, vin = resident(), new_vin()
    browser = person.browser
    page = browser.open(REGISTER).get_data(as_text=True)
    assert states(page) == {"purchase_tax": "unnamed", "insurance": "unnamed", "ems": "hall"}

    page = browser.submit("look", vin=vin).get_data(as_text=True)
    assert states(page) == {"purchase_tax": "missing", "insurance": "missing", "ems": "hall"}
    assert "请先缴纳车辆购置税" in page
    assert "还有没办好的" in page

    taxed(outside, vin, today)
    forget_answers(application)
    page = browser.submit("look", vin=vin).get_data(as_text=True)
    assert states(page) == {"purchase_tax": "done", "insurance": "missing", "ems": "hall"}
    insured(outside, vin, today)
    forget_answers(application)
    page = browser.submit("look", vin=vin).get_data(as_text=True)
    assert states(page) == {"purchase_tax": "done", "insurance": "done", "ems": "hall"}
    assert "要先办的都办好了" in page
    assert vin not in browser.page.request.path

    outside.control("PUT", "faults/purchase_tax", {"mode": "http_500", "times": 1})
    forget_answers(application)
    page = browser.submit("look", vin=vin).get_data(as_text=True)
    assert states(page) == {"purchase_tax": "away", "insurance": "done", "ems": "hall"}
    assert "不用为它多跑" in page
    assert "请先缴纳车辆购置税" not in page


def test_whoever_is_unknown_reads_what_is_needed_and_what_is_typed_wrong_is_said(
    resident: Make, application: Flask, house: House
) -> None:
    stranger = Browser(application, house.web_url)
    page = stranger.open(REGISTER).get_data(as_text=True)
    assert "车辆购置税" in page
    assert "登录后替您查" in page
    browser = resident().browser
    browser.open(REGISTER)
    assert browser.submit("look", vin="123").status_code == 422
    assert "应为17位" in browser.page.get_data(as_text=True)
    assert browser.submit("look", vin="").status_code == 422
    assert browser.open("/h5/one-stop/counter-violations").status_code == 404, "it needs nothing of anybody"
    assert browser.open("/h5/one-stop/nothing").status_code == 404


def test_what_is_known_of_a_vehicle_is_told_to_its_owner_only(
    resident: Make, outside: House, application: Flask, program: Callable[[str | None], Program]
) -> None:
    with application.app_context():
        today = clock.today()
    owner, other, plate = resident("韦小花"), resident("龙阿强"), new_plate()
    owns(outside, owner.id_number, plate)
    insured(outside, f"02-{plate}", today)
    page = owner.browser.open(TRANSFER).get_data(as_text=True)
    assert plate in page, "one's own vehicles are there to choose from"
    page = owner.browser.submit("look", vehicle=f"02-{plate}").get_data(as_text=True)
    assert states(page)["insurance"] == "done"

    page = other.browser.open(TRANSFER).get_data(as_text=True)
    assert plate not in page
    page = other.browser.submit("look", plate_kind="02", plate=plate).get_data(as_text=True)
    assert states(page)["insurance"] == "not_yours"
    assert "某某财险" not in page

    named = {"service": "counter-vehicle-transfer", "vehicle": {"plate_kind": "02", "plate": plate}}
    told = program(owner.token).post("/one-stop", named)
    assert told.status_code == 200, told.text
    assert told.get_json()["ready"] is True
    assert {one["code"]: one["state"] for one in told.get_json()["parts"]} == {"insurance": "done", "ems": "hall"}
    theirs = program(other.token)
    assert theirs.post("/one-stop", named).get_json()["ready"] is None
    assert theirs.post("/one-stop", {"service": "counter-exam"}).get_json()["parts"][0]["state"] == "missing"
    assert theirs.post("/one-stop", {"service": "nothing"}).status_code == 404
    wrong = {"service": "counter-vehicle-transfer", "vehicle": {"plate_kind": "02", "plate": "X"}}
    refused = theirs.post("/one-stop", wrong)
    assert (refused.status_code, refused.get_json()["type"]) == (422, "invalid")
    assert program(None).post("/one-stop", named).status_code == 401


def test_an_items_guide_leads_to_its_parts_and_the_hospitals_result_is_seen_at_the_next_look(
    resident: Make, outside: House, application: Flask
) -> None:
    with application.app_context():
        today = clock.today()
    person = resident()
    browser = person.browser
    outside.control("PUT", f"medical/{person.id_number}", None)
    assert "/h5/one-stop/licence-medical" in browser.open("/h5/items/licence-medical").get_data(as_text=True)
    page = browser.open("/h5/one-stop/licence-medical").get_data(as_text=True)
    assert states(page) == {"medical": "missing"}
    assert "请先体检" in page
    outside.control("PUT", f"medical/{person.id_number}", {"examined_on": today.isoformat()})
    forget_answers(application)
    page = browser.open("/h5/one-stop/licence-medical").get_data(as_text=True)
    assert states(page) == {"medical": "done"}
    assert "宁波市奉化区人民医院" in page


def test_who_tries_out_many_vehicles_is_stopped(resident: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.LIMITS["name_vehicle"][0].times == 30
    monkeypatch.setitem(
        cast("dict[str, Any]", limits.LIMITS), "name_vehicle", (Limit("citizen", 2, timedelta(days=1)),)
    )
    browser = resident().browser
    browser.open(REGISTER)
    for _ in range(2):
        assert browser.submit("look", vin=new_vin()).status_code == 200
    assert browser.submit("look", vin=new_vin()).status_code == 422


def test_it_looks_right_on_a_phone(resident: Make, outside: House, application: Flask) -> None:
    with application.app_context():
        today = clock.today()
    person, vin, plate = resident(), new_vin(), new_plate()
    owns(outside, person.id_number, plate)
    taxed(outside, vin, today)
    with serving(application) as site, pages_browser() as chromium:
        page = chromium.phone(width=375, base_url=site)
        page.goto("/h5/one-stop/counter-vehicle-register")
        check_page(page, "one-stop-anonymous")
        page.goto("/h5/items/counter-vehicle-register")
        check_page(page, "counter-service-guide")
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.goto("/h5/one-stop/counter-vehicle-register")
        page.get_by_label("车辆识别代号").fill(vin)
        page.get_by_role("button", name="查这辆车").click()
        page.locator("[data-part-state=done]").wait_for()
        check_page(page, "one-stop-new-car")
        page.goto("/h5/one-stop/counter-vehicle-transfer")
        check_page(page, "one-stop-own-car")
        page.goto("/h5/watches")
        check_page(page, "watches-none")
        page.get_by_role("button", name="同意并提醒我").first.click()
        page.get_by_role("button", name="不再提醒").wait_for()
        check_page(page, "watches")
