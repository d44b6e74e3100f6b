"""The registers around vehicles and drivers, and the national platform, against their stand-ins."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import random
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask

from citizen_services import clock
from citizen_services.catalogue import Supplier
from citizen_services.database import commit, db, new_id
from citizen_services.exchange import of_vehicles, operations
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Refused, Unknown
from citizen_services.exchange.platform import BadPush, Platform, Subject
from citizen_services.exchange.traffic import (
    Certificate,
    Insurance,
    Licences,
    Medical,
    Policy,
    PurchasePaid,
    PurchaseTax,
    VehicleName,
    Vehicles,
    VehicleTax,
    Violations,
    YearPaid,
)
from citizen_services.people.models import Citizen
from citizen_services.rules.identity import invent
from tests.house import House

RNG = random.Random(20261125)
#: Each person and each vehicle is another one: the stand-ins keep what earlier tests told them.
COUNT = itertools.count()
VIN = "1M8GDM9AXKP042788"
BOUGHT = "LSVAA4184E2000001"
CAR = VehicleName("02", "浙B12345")


def somebody() -> str:
    return invent(RNG, "330213", date(1988, 3, 9) + timedelta(days=next(COUNT)), male=True)


@pytest.fixture
def person(app: Flask) -> tuple[UUID, str]:
    """Somebody whom we know: id and identity number."""
    number = somebody()
    row = Citizen(
        id=new_id(),
        name="李雷",
        name_lookup=b"n",
        id_number=number,
        id_lookup=number.encode(),
        phone="13800138000",
        phone_lookup=b"p",
        hukou_code="330213",
        hukou_address="宁波市奉化区",
        gender="male",
        birth_date=date(1988, 3, 9),
        proved_by="face",
        proved_at=clock.now(),
    )
    db.session.add(row)
    commit()
    return row.id, number


def drives(outside: House, number: str, **more: object) -> None:
    body = {"classes": "C1", "first_issued": "2010-06-01", "valid_from": "2020-06-01", "valid_until": "2030-06-01"}
    outside.control("PUT", f"licences/{number}", body | more)


def owns(outside: House, number: str, key: str, **more: object) -> None:
    vin = f"LSVAA4184E3{next(COUNT):06d}"
    body = {"owner": {"id_number": number, "name": "李雷"}, "vin": vin, "inspection_until": "2027-01-31"}
    outside.control("PUT", f"vehicles/{key}", body | {"status": "A", "phone": "13800138000"} | more)


def application(number: str, **more: object) -> dict[str, object]:
    body = {"item": "licence-renew", "case_number": "QZ20261125-000001", "id_number": number, "name": "李雷"}
    return body | {"phone": "13800138000", "agent": None, "vehicle": None, "fields": {"光": 1}} | more


def test_a_vehicle_is_told_to_its_owner_only_by_plate_and_by_vin(outside: House) -> None:
    vehicles = Vehicles(outside.settings.partner("vehicles"))
    owner, other = somebody(), somebody()
    owns(outside, owner, CAR.key, status="HQ", vin=VIN)
    found = vehicles.vehicle(owner, CAR).value
    assert found is not None
    assert (found.vin, found.status, found.inspection_until) == (VIN, "HQ", date(2027, 1, 31))
    assert vehicles.vehicle(owner, VehicleName(vin=VIN)).value == found
    assert vehicles.vehicle(other, CAR).value is None
    assert [one.plate for one in vehicles.owned(owner).value.vehicles] == ["浙B12345"]
    assert vehicles.owned(other).value.vehicles == ()
    with pytest.raises(Refused, match="bad_request"):
        vehicles.vehicle(owner, VehicleName("02", "12345"))


def test_each_register_tells_what_it_knows_and_nothing_of_those_it_does_not_know(outside: House) -> None:
    partner = outside.settings.partner
    number = somebody()
    licences, open_matters = Licences(partner("licences")), Violations(partner("violations"))
    medical, insurance = Medical(partner("medical")), Insurance(partner("insurance"))
    tax, bought = VehicleTax(partner("vehicle_tax")), PurchaseTax(partner("purchase_tax"))
    assert licences.licence(number).value is None
    assert open_matters.open(number).value.violations == ()
    assert medical.certificate(number).value is None
    free, new = VehicleName("52", "浙BD12345"), VehicleName(vin=BOUGHT)
    assert (insurance.compulsory(free).value, tax.paid(free).value) == (None, None)

    drives(outside, number, status="HM", valid_until=None, points=9)
    licence = licences.licence(number).value
    assert licence is not None
    assert (licence.classes, licence.valid_until, licence.status, licence.points) == ("C1", None, "HM", 9)
    seen = {"code": "1208", "at": "2026-09-01T08:00:00", "place": "大成路", "fine_fen": 10000, "points": 3}
    outside.control("PUT", f"violations/{number}", {"violations": [seen], "accidents": 1})
    matters = open_matters.open(number).value
    assert matters.accidents == 1
    assert (matters.violations[0].code, matters.violations[0].at.isoformat()) == ("1208", "2026-09-01T08:00:00+08:00")
    outside.control("PUT", f"medical/{number}", {"examined_on": "2026-08-01", "hospital": "奉化区人民医院"})
    assert medical.certificate(number).value == Certificate(date(2026, 8, 1), "奉化区人民医院", False, True)
    policy = {"insurer": "某财险", "policy_number": "P1", "since": "2026-02-01", "until": "2027-01-31", "vin": BOUGHT}
    outside.control("PUT", "insurance/51-浙B12345D", policy)
    told = Policy("某财险", "P1", date(2026, 2, 1), date(2027, 1, 31))
    assert insurance.compulsory(VehicleName("51", "浙B12345D")).value == insurance.compulsory(new).value == told
    outside.control("PUT", "vehicle_tax/51-浙B12345D", {"year": 2026, "paid_on": "2026-02-01"})
    assert tax.paid(VehicleName("51", "浙B12345D")).value == YearPaid(2026, date(2026, 2, 1), False)
    assert bought.paid(new).value is None
    outside.control("PUT", f"purchase_tax/{BOUGHT}", {"exempt": True})
    assert bought.paid(new).value == PurchasePaid(None, True)


def test_an_application_is_handed_over_once_and_its_answers_come_in_the_order_they_were_given(outside: House) -> None:
    platform = Platform(outside.settings.partner("platform"))
    number, ref = somebody(), uuid4().hex
    taken = platform.hand_over(ref, application(number))
    assert isinstance(taken, Accepted)
    assert platform.hand_over(ref, application(number)) == taken, "the same serial number for the same reference"
    assert platform.by_reference(ref) == taken.partner_ref
    other = platform.hand_over(ref, application(number, name="韩梅梅"))
    assert isinstance(other, NotAccepted)
    assert (other.kind, other.code) == ("never", "ref_conflict")
    assert platform.by_reference(uuid4().hex) is None
    no_vehicle = platform.hand_over(uuid4().hex, application(number, item="vehicle-contact"))
    assert isinstance(no_vehicle, NotAccepted)
    assert no_vehicle.code == "bad_request"

    (none,) = platform.answers([ref, uuid4().hex])
    assert (none.answer, none.number) == (None, 0)
    outside.control("PUT", f"platform/{ref}", {"answer": "on_site", "reason": "请到窗口拍照", "push": False})
    (first,) = platform.answers([ref])
    outside.control("PUT", f"platform/{ref}", {"answer": "accepted", "officer": {"name": "王磊"}, "push": False})
    (second,) = platform.answers([ref])
    assert (first.answer, first.reason, first.officer_name) == ("on_site", "请到窗口拍照", "陈国平")
    assert (second.answer, second.officer_name, second.serial_number) == ("accepted", "王磊", taken.partner_ref)
    assert second.number > first.number
    late = platform.withdraw(uuid4().hex, ref)
    assert isinstance(late, NotAccepted), "an answered application can't be taken back"


def test_an_application_that_nobody_answered_is_taken_back_once(outside: House) -> None:
    platform = Platform(outside.settings.partner("platform"))
    ref, back = uuid4().hex, uuid4().hex
    platform.hand_over(ref, application(somebody()))
    assert platform.withdraw(back, ref) == platform.withdraw(back, ref)
    assert isinstance(platform.withdraw(back, ref), Accepted)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"mode": "accept_then_cut", "times": 1}, Unknown),
        ({"mode": "http_500", "times": 1}, Unknown),
        ({"mode": "http_500", "after": True, "times": 1}, Unknown),
        ({"mode": "refuse", "times": 1}, NotAccepted),
    ],
)
def test_after_a_lost_answer_the_platform_tells_whether_it_took_the_application(
    outside: House, fault: dict[str, object], outcome: type
) -> None:
    platform = Platform(outside.settings.partner("platform"))
    number, ref = somebody(), uuid4().hex
    outside.control("PUT", "faults/platform", {**fault, "match_to": number})
    assert isinstance(platform.hand_over(ref, application(number)), outcome)
    taken = fault["mode"] == "accept_then_cut" or bool(fault.get("after"))
    assert (platform.by_reference(ref) is not None) == taken
    again = platform.hand_over(ref, application(number))
    assert isinstance(again, Accepted)
    assert platform.by_reference(ref) == again.partner_ref


def test_what_runs_out_is_told_of_many_at_once(outside: House) -> None:
    platform = Platform(outside.settings.partner("platform"))
    number, other = somebody(), somebody()
    drives(outside, number, medical_until="2026-12-30")
    owns(outside, number, "02-浙B54321")
    asked = [
        Subject("licence", number),
        Subject("medical", number),
        Subject("inspection", number, "02", "浙B54321"),
        Subject("inspection", other, "02", "浙B54321"),
        Subject("licence", other),
    ]
    assert platform.expiries(asked) == (date(2030, 6, 1), date(2026, 12, 30), date(2027, 1, 31), None, None)
    with pytest.raises(ValueError, match="100"):
        platform.expiries(asked * 21)


def test_a_push_counts_only_with_our_key_and_as_it_is_described(outside: House) -> None:
    partner = outside.settings.partner("platform")
    platform = Platform(partner)

    def sign(body: bytes) -> str:
        return hmac.new(partner["app_key"].encode(), body, hashlib.sha256).hexdigest()

    told = {"our_ref": "r1", "serial_number": "s1", "answer": "refused", "reason": "照片不清", "number": 4}
    told |= {"officer": {"name": "王磊", "number": "330213"}, "at": "2026-11-25T10:00:00+08:00"}
    body = json.dumps(told).encode()
    push = platform.parse_push(body, sign(body))
    assert (push.our_ref, push.answer, push.reason, push.number) == ("r1", "refused", "照片不清", 4)
    assert push.at == datetime.fromisoformat("2026-11-25T10:00:00+08:00")
    for wrong in (sign(b"x"), "", "x" * 64):
        with pytest.raises(BadPush, match="signature"):
            platform.parse_push(body, wrong)
    for changed in ({"answer": None}, {"answer": "perhaps"}, {"officer": None}, {"at": "gestern"}, {"number": "4"}):
        bad = json.dumps(told | changed).encode()
        with pytest.raises(BadPush, match="no answer"):
            platform.parse_push(bad, sign(bad))
    for junk in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(BadPush):
            platform.parse_push(junk, sign(junk))


# --- What is kept of it --------------------------------------------------------------------------------------------


NEEDS = ("vehicles.vehicle", "insurance.compulsory", "vehicle_tax.paid", "purchase_tax.paid")


def test_what_was_told_of_one_vehicle_never_serves_another(outside: House, person: tuple[UUID, str]) -> None:
    citizen_id, number = person
    owns(outside, number, "02-浙B11111")
    outside.control("PUT", "vehicle_tax/02-浙B11111", {"year": 2026, "paid_on": "2026-02-01"})
    one, two = VehicleName("02", "浙B11111"), VehicleName("02", "浙B22222")

    first = of_vehicles.answers_of_vehicle(citizen_id, number, one, NEEDS)
    db.session.commit()
    assert {key: answer["outcome"] for key, answer in first.items()} == {
        "vehicles.vehicle": "found",
        "insurance.compulsory": "none",
        "vehicle_tax.paid": "found",
    }
    assert first["vehicles.vehicle"]["content"]["plate"] == "浙B11111"
    before = len(outside.ledger("vehicle_tax"))
    assert of_vehicles.answers_of_vehicle(citizen_id, number, one, NEEDS) == first, "kept while it is fresh"
    assert len(outside.ledger("vehicle_tax")) == before
    other = of_vehicles.answers_of_vehicle(citizen_id, number, two, NEEDS)
    db.session.commit()
    assert {answer["outcome"] for answer in other.values()} == {"none"}
    again = of_vehicles.answers_of_vehicle(citizen_id, number, one, NEEDS)
    assert again["vehicle_tax.paid"]["outcome"] == "found"


def test_a_register_that_is_away_is_said_to_be_away(outside: House, person: tuple[UUID, str]) -> None:
    citizen_id, number = person
    outside.control("PUT", "faults/insurance", {"mode": "http_500", "times": 1})
    name = VehicleName("02", "浙B33333")
    answers = of_vehicles.answers_of_vehicle(citizen_id, number, name, ("insurance.compulsory",))
    assert answers["insurance.compulsory"]["outcome"] == "unavailable"
    db.session.commit()
    again = of_vehicles.answers_of_vehicle(citizen_id, number, name, ("insurance.compulsory",))
    assert again["insurance.compulsory"]["outcome"] == "none", "asked again at the next look"


def test_what_is_known_of_a_driver_is_gathered_like_anything_else(outside: House, person: tuple[UUID, str]) -> None:
    citizen_id, number = person
    drives(outside, number)
    needs = [Supplier(*key.split(".")) for key in ("licences.licence", "violations.open", "medical.certificate")]
    answers = operations.gather(citizen_id, number, "李雷", [*needs, Supplier("vehicles", "vehicle")])
    assert {key: one["outcome"] for key, one in answers.items()} == {
        "licences.licence": "found",
        "violations.open": "none",
        "medical.certificate": "none",
    }
    assert answers["licences.licence"]["content"]["valid_until"] == "2030-06-01"
