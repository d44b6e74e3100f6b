"""An application about a vehicle rests on what registers say of that one, whatever else its person looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

import workflows
from citizen_services import clock
from citizen_services.cases import asking
from citizen_services.cases.queries import register_answers
from citizen_services.catalogue import Catalogue, Group, Material, ServiceItem
from citizen_services.catalogue.vehicles import VehicleSchema
from citizen_services.database import commit, db
from citizen_services.parts import EXTENSION
from citizen_services.rules.periods import packaged_calendar
from tests.house import House
from tests.portal.conftest import Resident
from tests.portal.traffic import insured, new_plate, owns
from workflows.one_stop import INSURANCE_POLICY, VEHICLE
from workflows.one_stop import insured as in_force
from workflows.sources import vehicle_rules

CODE = "vehicle-trial"
Make = Callable[..., Resident]


def _item() -> ServiceItem:
    """The first permit's way with another form: a vehicle, and what its registers say of it."""
    permit = max((i for i in workflows.declared() if i.code == "residence-permit-first"), key=lambda item: item.version)
    law = vehicle_rules("第五十七条")
    plates = (("号牌号码", "plate"), ("车辆识别代号", "vin"))
    materials = (
        Material("vehicle", "机动车信息", law, suppliers=(VEHICLE,), shown_as=plates),
        Material(
            "policy", "交强险", law, suppliers=(INSURANCE_POLICY,), shown_as=(("保险公司", "insurer"),), proves=in_force
        ),
    )
    groups = (Group("vehicle", "哪辆车", VehicleSchema()), permit.group("delivery"))
    return replace(
        permit, code=CODE, name="车辆试办", version=1, continues=(), number_prefix="CS", pre_checks=(), groups=groups,
        materials=materials, route=lambda situation: "330213001000", household=None,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def offered(_application: Flask, resident: Make, outside: House) -> Iterator[None]:
    """The item is among those that the application offers; no register is away."""
    now = _application.extensions[EXTENSION]
    catalogue = Catalogue(workflows.declared(), packaged_calendar())
    catalogue._versions[CODE] = {1: _item()}
    _application.extensions[EXTENSION] = replace(now, catalogue=catalogue)
    outside.control("PUT", "faults/insurance", {"mode": "none"})
    yield
    _application.extensions[EXTENSION] = now


def told(app: Flask, ids: dict[str, str]) -> dict[str, Any]:
    """What the registers said in those answers: outcome, and of which vehicle."""
    with app.app_context():
        return {key: (one["outcome"], one["content"]["vehicle"]) for key, one in register_answers(ids).items()}


def answers_grow_old(app: Flask) -> None:
    """Time has passed: what registers answered is asked for anew."""
    with app.app_context():
        db.session.execute(text("UPDATE register_answer SET fresh_until = now() - interval '1 s'"))
        commit()


def test_a_vehicle_that_is_not_ones_own_is_refused_and_what_was_typed_is_put_right(
    resident: Make, outside: House, application: Flask
) -> None:
    person, other, plate, theirs = resident("韦小花"), resident("龙阿强"), new_plate(), new_plate()
    owns(outside, person.id_number, plate)
    owns(outside, other.id_number, theirs)
    person.begin(CODE)
    browser = person.browser
    browser.submit("save", plate_kind="02", plate=theirs)
    assert browser.errors == {"plate"}
    assert "没有查到您名下的这辆车" in browser.page.get_data(as_text=True)
    browser.submit("save", plate_kind="02", plate="浙B1")
    assert browser.errors == {"plate"}
    assert "号牌号码与所选的号牌种类" in browser.page.get_data(as_text=True)
    browser.submit("save", plate_kind="02", plate=f"{plate[:2]}·{plate[2:].lower()}")
    draft = person.draft()
    assert draft.data["vehicle"] == {"plate_kind": "02", "plate": plate}
    assert told(application, draft.answers) == {
        "vehicles.vehicle": ("found", f"02-{plate}"),
        "insurance.compulsory": ("none", f"02-{plate}"),
    }


def test_a_case_rests_on_its_own_vehicle_whatever_its_person_looked_at_since(
    resident: Make, outside: House, application: Flask
) -> None:
    with application.app_context():
        today = clock.today()
    person, plate, second = resident(), new_plate(), new_plate()
    for one in (plate, second):
        owns(outside, person.id_number, one)
    insured(outside, f"02-{plate}", today)
    person.begin(CODE)
    browser = person.browser
    browser.submit("save", plate_kind="02", plate=second)
    browser.open(f"{person.path}?step=vehicle")
    browser.submit("save", plate_kind="02", plate=plate)
    browser.submit("save")
    answers_grow_old(application)
    browser.open("/h5/one-stop/counter-vehicle-transfer")
    browser.open(person.path)
    browser.submit("submit", commitment="yes")
    (case,) = person.cases()
    assert case.data["vehicle"]["plate"] == plate
    assert told(application, case.answers) == {
        "vehicles.vehicle": ("found", f"02-{plate}"),
        "insurance.compulsory": ("found", f"02-{plate}"),
    }


def test_a_register_that_was_away_is_asked_about_that_vehicle_later(
    resident: Make, outside: House, application: Flask
) -> None:
    with application.app_context():
        today = clock.today()
    person, plate = resident(), new_plate()
    owns(outside, person.id_number, plate)
    insured(outside, f"02-{plate}", today)
    outside.control("PUT", "faults/insurance", {"mode": "http_500", "times": 1})
    person.begin(CODE)
    browser = person.browser
    browser.submit("save", plate_kind="02", plate=plate)
    assert told(application, person.draft().answers)["insurance.compulsory"] == ("unavailable", f"02-{plate}")
    browser.submit("save")
    browser.submit("submit", commitment="yes")
    (case,) = person.cases()
    with application.app_context():
        assert asking.later_answers(case) == {}
        db.session.execute(text("UPDATE register_answer SET at = at - interval '1 hour'"))
        commit()
        assert asking.ask_away_registers() == 1
        later = asking.later_answers(case)
        assert later["insurance.compulsory"]["content"]["insurer"] == "某某财险"
