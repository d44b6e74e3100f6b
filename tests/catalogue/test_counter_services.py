"""What is done at a window without a case: declared whole, shown to everybody, and refused where something is amiss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

import workflows
from citizen_services.catalogue import Catalogue, Facts, InvalidDeclaration, Part, UnknownItem
from citizen_services.catalogue.counter import CounterService
from citizen_services.rules.periods import packaged_calendar
from workflows.counter_services import DEREGISTER, EXAM, REGISTER, TRANSFER
from workflows.one_stop import INSURANCE, MEDICAL, PURCHASE_TAX, VEHICLE, VEHICLE_TAX

CODES = ["vehicle-register", "vehicle-transfer", "vehicle-deregister", "vehicle-certificate", "violations", "exam"]
TODAY = date(2026, 7, 1)


def facts(born: date = date(1990, 1, 1), **vehicle: Any) -> Facts:
    answers = {VEHICLE.key: vehicle} if vehicle else {}
    return Facts(today=TODAY, birth_date=born, hukou_code="330213", district="330213", answers=answers)


def test_whoever_looks_for_a_window_finds_what_to_bring(client: FlaskClient) -> None:
    front = client.get("/h5/").get_data(as_text=True)
    listed = {one["code"]: one for one in client.get("/api/v1/items").get_json()["items"]}
    assert [one.code.removeprefix("counter-") for one in workflows.declared_at_counter()] == CODES
    for service in workflows.declared_at_counter():
        assert service.name in front
        guide = client.get(f"/h5/items/{service.code}").get_data(as_text=True)
        assert all(thing in guide for thing in (*service.bring, service.fee, service.why, f"约 {service.minutes} 分钟"))
        assert ("必须本人来" in guide) == (service.in_person is not None)
        assert listed[service.code]["visits"] == {"counter": 1}
        whole = client.get(f"/api/v1/items/{service.code}").get_json()
        assert whole["case"] is False
        assert whole["bring"] == list(service.bring)


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("begins with counter-", {"code": "vehicle-register"}),
        ("0 minutes", {"minutes": 0}),
        ("what to bring is empty", {"bring": ()}),
        ("to be brought twice", {"bring": ("身份证", "身份证")}),
        ("named by colour", {"vehicle_by": "colour"}),
        ("booked about house", {"subject": "house"}),
        ("sentence of its guide is empty", {"why": " "}),
        ("desk bank is no partner's", {"desks": ("bank",)}),
        ("two parts have one code", {"parts": (INSURANCE, INSURANCE)}),
        ("must be read", {"parts": (replace(INSURANCE, done=None),)}),
        ("nobody does it", {"parts": (Part("x", "x", REGISTER.legal_basis[0], "办"),)}),
        ("told what to do", {"parts": (replace(INSURANCE, todo=""),)}),
    ],
)
def test_a_window_that_would_mislead_people_is_refused(fault: str, changes: dict[str, Any]) -> None:
    planted = replace(REGISTER, **changes)
    with pytest.raises(InvalidDeclaration, match=fault):
        Catalogue([], packaged_calendar(), counter_services=[planted])


def test_two_windows_of_one_code_are_refused_and_an_unknown_one_is_not_found() -> None:
    with pytest.raises(InvalidDeclaration, match="declared twice"):
        Catalogue([], packaged_calendar(), counter_services=[REGISTER, REGISTER])
    offered = Catalogue(workflows.declared(), packaged_calendar(), counter_services=workflows.declared_at_counter())
    assert offered.service("counter-exam") is EXAM
    with pytest.raises(UnknownItem):
        offered.service("counter-nothing")


def _verdict(service: CounterService, known: Facts) -> tuple[bool, bool]:
    verdict = service.pre_checks[0].test(known)
    return verdict.met, verdict.certain


def test_nobody_sets_out_in_vain_and_a_register_that_is_away_stops_nobody() -> None:
    def vehicle(status: str) -> Facts:
        return facts(outcome="found", content={"status": status})

    assert _verdict(TRANSFER, vehicle("A")) == (True, True)
    assert _verdict(TRANSFER, vehicle("G")) == (False, True), "open violations"
    assert _verdict(TRANSFER, vehicle("QK")) == (False, True), "sealed up by a court"
    assert _verdict(TRANSFER, vehicle("AZ")) == (True, False), "an officer looks at a letter that nobody knows"
    assert _verdict(DEREGISTER, facts(outcome="none", content=None)) == (False, True)
    assert _verdict(TRANSFER, facts(outcome="none", content=None)) == (True, False), "a buyer isn't told of it"
    assert _verdict(TRANSFER, facts(outcome="unavailable", content=None)) == (True, False)
    assert _verdict(TRANSFER, facts()) == (True, False), "nobody was asked yet"
    assert _verdict(REGISTER, vehicle("A")) == (False, True), "it has its plates"
    assert _verdict(REGISTER, facts(outcome="none", content=None)) == (True, True)
    assert _verdict(EXAM, facts(born=date(2008, 7, 1))) == (True, True), "of age today"
    assert _verdict(EXAM, facts(born=date(2008, 7, 2))) == (False, True)
    assert EXAM.pre_checks[0].test(facts(born=date(2008, 7, 2))).from_day == date(2026, 7, 2)


def test_a_part_is_done_on_its_last_day_and_not_on_the_next() -> None:
    def done(part: Part, day: date, **content: Any) -> bool:
        assert part.done is not None
        return part.done(content, day)

    policy = {"since": "2025-07-02", "until": "2026-07-01", "insurer": "x"}
    assert done(INSURANCE, TODAY, **policy)
    assert not done(INSURANCE, date(2026, 7, 2), **policy)
    assert not done(INSURANCE, date(2025, 7, 1), **policy), "not yet in force"
    assert done(MEDICAL, TODAY, examined_on="2026-01-01", fit=True), "six months and not a day more"
    assert not done(MEDICAL, TODAY, examined_on="2025-12-31", fit=True)
    assert not done(MEDICAL, TODAY, examined_on="2026-06-30", fit=False)
    assert done(VEHICLE_TAX, TODAY, year=2026, exempt=False)
    assert not done(VEHICLE_TAX, TODAY, year=2025, exempt=False)
    assert done(VEHICLE_TAX, TODAY, year=2020, exempt=True)
    assert done(PURCHASE_TAX, TODAY, paid_on="2026-07-01", exempt=False)
    assert not done(PURCHASE_TAX, TODAY, paid_on="2026-07-02", exempt=False)
