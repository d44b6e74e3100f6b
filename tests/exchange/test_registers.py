"""The registers' clients against their stand-ins: every operation, and what a lost answer leaves behind."""

from __future__ import annotations

import base64
import io
import random
from datetime import date
from uuid import uuid4

import pytest
from PIL import Image

from citizen_services.exchange.addresses import Address, Addresses
from citizen_services.exchange.market import Business, Market
from citizen_services.exchange.migrants import Migrants, PermitToWrite, RegistrationToWrite, Written
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Refused, Unknown
from citizen_services.exchange.population import Population
from citizen_services.exchange.schools import Enrolment, Schools
from citizen_services.exchange.social_insurance import Employment, SocialInsurance
from citizen_services.rules.identity import invent
from tests.house import House

RNG = random.Random(20261109)


def somebody() -> str:
    return invent(RNG, "522601", date(1994, 5, 23), male=True)


def portrait() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (358, 441), "white").save(out, "JPEG")
    return out.getvalue()


def known(outside: House, number: str, **more: object) -> None:
    body = {"name": "李雷", "phone": "13800138000", "hukou_code": "522601", "hukou_address": "贵州省凯里市"}
    outside.control("PUT", f"people/{number}", body | more)


def test_the_population_register_knows_people_their_portraits_and_their_faces(outside: House) -> None:
    population = Population(outside.settings.partner("population"))
    number, image = somebody(), portrait()
    assert population.person(number).value is None
    assert population.portrait(number).value is None
    assert population.face(number, image) == "unavailable"
    known(outside, number, portrait=base64.b64encode(image).decode(), face="no_match")

    person = population.person(number).value
    assert person is not None
    assert (person.name, person.gender, person.birth_date) == ("李雷", "male", date(1994, 5, 23))
    assert population.portrait(number).value == image
    assert population.verify("李雷", number, "13800138000")
    assert not population.verify("李雷", number, "13800138001")
    assert population.face(number, image) == "no_match"
    with pytest.raises(Refused) as refused:
        population.face(number, b"no image")
    assert (refused.value.code, refused.value.kind) == ("bad_request", "never")


def test_standard_addresses_are_searched_and_found_by_code(outside: House) -> None:
    addresses = Addresses(outside.settings.partner("addresses"))
    for n in range(3):
        text = {"text": f"奉化区岳林街道学士路{n}号", "station": "330213001000"}
        outside.control("PUT", f"addresses/EX-000{n}", text | {"community": "学士社区", "grid": "G1"})
    found = addresses.search(" 学士路 岳林 ", size=2)
    assert found.total == 3
    assert [item.code for item in found.items] == ["EX-0000", "EX-0001"]
    assert [item.code for item in addresses.search("学士路", page=2, size=2).items] == ["EX-0002"]
    assert addresses.get("EX-0002") == Address("EX-0002", "奉化区岳林街道学士路2号", "330213001000", "学士社区", "G1")
    assert addresses.get("EX-9999") is None


def test_social_insurance_tells_who_pays(outside: House) -> None:
    insurance = SocialInsurance(outside.settings.partner("social_insurance"))
    number = somebody()
    assert insurance.employment(number).value is None
    body = {"employer": "奉化某某电器厂", "credit_code": "91330283MA2AAAAA0A", "since": "2025-03-01", "until": None}
    outside.control("PUT", f"employment/{number}", body)
    expected = Employment("奉化某某电器厂", "91330283MA2AAAAA0A", date(2025, 3, 1), None)
    assert insurance.employment(number).value == expected


def writes(number: str) -> tuple[RegistrationToWrite, PermitToWrite]:
    registration = RegistrationToWrite(
        number, "李雷", "13800138000", "522601", "贵州省凯里市", "330213", "岳林街道学士路1号", "EX-0001",
        date(2026, 1, 5), "奉化某某电器厂",
    )  # fmt: skip
    permit = PermitToWrite(
        "first", number, "李雷", f"330213{number[-8:]}", "330213", "岳林街道学士路1号", "EX-0001",
        date(2026, 7, 6), date(2027, 7, 5),
    )  # fmt: skip
    return registration, permit


def test_the_province_takes_a_write_once_however_often_it_is_sent(outside: House) -> None:
    province = Migrants(outside.settings.partner("migrants"))
    number, ref = somebody(), str(uuid4())
    registration, permit = writes(number)
    first = province.write_registration(ref, registration)
    assert isinstance(first, Accepted)
    assert province.write_registration(ref, registration) == first
    other = writes(somebody())[0]
    conflict = province.write_registration(ref, other)
    assert isinstance(conflict, NotAccepted)
    assert (conflict.kind, conflict.code) == ("never", "ref_conflict")
    assert isinstance(province.write_permit(str(uuid4()), permit), Accepted)

    history = province.history(number).value
    assert [row.written_ref for row in history.registrations] == [ref]
    assert [(row.number, row.endorsed_until) for row in history.permits] == [(permit.number, date(2027, 7, 5))]


def test_a_write_whose_answer_was_lost_is_found_by_its_reference(outside: House) -> None:
    province = Migrants(outside.settings.partner("migrants"))
    ref, number = str(uuid4()), somebody()
    registration, _ = writes(number)
    assert province.by_reference(ref) is None
    outside.control("PUT", "faults/migrants", {"mode": "accept_then_cut", "times": 1})
    assert isinstance(province.write_registration(ref, registration), Unknown)
    found = province.by_reference(ref)
    assert isinstance(found, Written)
    assert province.write_registration(ref, registration) == Accepted(found.register_number)
    assert len(province.history(number).value.registrations) == 1


def test_the_register_of_market_entities_tells_which_business_somebody_runs_now(outside: House) -> None:
    market = Market(outside.settings.partner("market"))
    number = somebody()
    assert market.business(number).value is None
    ended = {"name": "老韦早餐店", "since": "2020-01-02", "until": "2025-03-01", "id_number": number}
    outside.control("PUT", "organisations/91330283MA2AXXXX0X", ended)
    assert market.business(number).value == Business(
        "老韦早餐店", "91330283MA2AXXXX0X", "sole_trader", "operator", "", date(2020, 1, 2), date(2025, 3, 1)
    )
    runs = {"id_number": number, "role": "legal_representative"}
    stands = {"name": "奉化小花服饰有限公司", "kind": "company", "since": "2024-05-06", "people": [runs]}
    outside.control("PUT", "organisations/91330283MA2BXXXX1Y", stands)
    found = market.business(number).value
    assert found is not None
    assert (found.business, found.role, found.ended) == ("奉化小花服饰有限公司", "legal_representative", None)
    assert market.business(somebody()).value is None, "somebody else runs nothing"


def test_the_school_rolls_tell_where_somebody_studies(outside: House) -> None:
    schools = Schools(outside.settings.partner("schools"))
    number = somebody()
    assert schools.enrolment(number).value is None
    roll = {"school": "奉化区职业教育中心", "grade": "二年级", "since": "2025-09-01", "until": None}
    outside.control("PUT", f"students/{number}", roll)
    assert schools.enrolment(number).value == Enrolment("奉化区职业教育中心", "二年级", date(2025, 9, 1), None)
    outside.control("PUT", f"students/{number}", None)
    assert schools.enrolment(number).value is None
