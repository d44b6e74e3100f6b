"""Asking registers about a citizen: all at once, within a page's patience, kept with source and time."""

from __future__ import annotations

import base64
import io
import random
import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import text

from citizen_services import clock
from citizen_services.catalogue.vocabulary import Supplier
from citizen_services.database import commit, db, new_id
from citizen_services.exchange import operations, queries
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.parts import EXTENSION
from citizen_services.people.models import Citizen
from citizen_services.rules.identity import invent
from tests.house import House

RNG = random.Random(11)
NAME = "欧阳·娜娜"
NEEDS = [
    Supplier("population", "person"),
    Supplier("population", "portrait"),
    Supplier("migrants", "history"),
    Supplier("social_insurance", "employment"),
]
KEYS = [need.key for need in NEEDS]


def citizen() -> tuple[UUID, str]:
    number = invent(RNG, "522601", date(1994, 5, 23), male=False)
    row = Citizen(
        id=new_id(),
        name=NAME,
        name_lookup=b"n",
        id_number=number,
        id_lookup=number.encode(),
        phone="13800138000",
        phone_lookup=b"p",
        hukou_code="522601",
        hukou_address="贵州省凯里市",
        gender="female",
        birth_date=date(1994, 5, 23),
        proved_by="face",
        proved_at=clock.now(),
    )
    db.session.add(row)
    commit()
    return row.id, number


def portrait() -> str:
    out = io.BytesIO()
    Image.new("RGB", (358, 441), "white").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def known(outside: House, number: str) -> None:
    person = {"name": NAME, "phone": "13800138000", "hukou_code": "522601", "hukou_address": "贵州省凯里市"}
    outside.control("PUT", f"people/{number}", person | {"portrait": portrait()})
    employer = {"employer": "某某电器厂", "credit_code": "91330283MA2AAAAA0A", "since": "2025-03-01", "until": None}
    outside.control("PUT", f"employment/{number}", employer)
    registration = {"address": "海曙区1号", "district": "330203", "since": "2026-01-05", "until": None}
    outside.control("PUT", f"migrants/{number}", {"registrations": [registration], "permits": []})


def asked(outside: House, number: str) -> list[str]:
    return [str(entry["partner"]) for entry in outside.ledger() if entry["to"] == number]


def outcomes(answers: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {key: answer["outcome"] for key, answer in answers.items()}


def test_all_registers_are_asked_once_and_their_answers_kept_as_evidence(app: Flask, outside: House) -> None:
    person, number = citizen()
    known(outside, number)
    answers = operations.gather(person, number, NAME, NEEDS)
    commit()
    assert outcomes(answers) == dict.fromkeys(KEYS, "found")
    content = answers["population.person"]["content"]
    assert (content["name"], content["birth_date"], content["same_name"]) == (NAME, "1994-05-23", True)
    assert answers["migrants.history"]["content"]["registrations"][0]["since"] == "2026-01-05"
    assert answers["social_insurance.employment"]["content"]["until"] is None
    assert base64.b64decode(answers["population.portrait"]["content"]["portrait"]).startswith(b"\xff\xd8")
    assert len(asked(outside, number)) == 4

    again = operations.gather(person, number, NAME, NEEDS)
    assert again == answers
    assert len(asked(outside, number)) == 4
    kept = queries.answer(UUID(answers["population.person"]["id"]))
    assert kept is not None
    entry = next(e for e in outside.ledger("population") if e["our_ref"] == kept.our_ref)
    assert (entry["operation"], entry["to"]) == ("person", number)
    stored = db.session.scalars(text("SELECT content FROM register_answer")).all()
    assert not any("凯里".encode() in bytes(row) for row in stored)


def test_a_person_whom_no_register_knows_has_answers_too(app: Flask, outside: House) -> None:
    person, number = citizen()
    answers = operations.gather(person, number, NAME, NEEDS)
    assert outcomes(answers) == dict.fromkeys(KEYS, "none")
    assert {answer["content"] for answer in answers.values()} == {None}


def test_a_register_that_knows_another_name_says_so(app: Flask, outside: House) -> None:
    person, number = citizen()
    known(outside, number)
    answers = operations.gather(person, number, "韩梅梅", NEEDS[:1])
    assert answers["population.person"]["content"]["same_name"] is False


def test_a_slow_register_keeps_nobody_longer_than_a_pages_patience_and_is_asked_again(
    app: Flask, outside: House
) -> None:
    person, number = citizen()
    known(outside, number)
    outside.control("PUT", "faults/social_insurance", {"mode": "slow", "delay_s": 20, "times": 1})
    began = time.monotonic()
    answers = operations.gather(person, number, NAME, NEEDS)
    assert time.monotonic() - began < 15
    commit()
    assert outcomes(answers) == dict.fromkeys(KEYS[:3], "found") | {"social_insurance.employment": "unavailable"}
    assert queries.answers_of(person, KEYS)["social_insurance.employment"]["fresh"] is False

    before = len(asked(outside, number))
    answers = operations.gather(person, number, NAME, NEEDS)
    commit()
    assert outcomes(answers) == dict.fromkeys(KEYS, "found")
    assert asked(outside, number)[before:] == ["social_insurance"]
    assert outcomes(queries.answers_of(person, KEYS)) == dict.fromkeys(KEYS, "found")


@pytest.mark.parametrize("fault", ["http_500", "refuse", "accept_then_cut"])
def test_a_register_that_fails_is_unavailable_whatever_it_fails_with(app: Flask, outside: House, fault: str) -> None:
    person, number = citizen()
    outside.control("PUT", "faults/migrants", {"mode": fault, "times": 1})
    assert outcomes(operations.gather(person, number, NAME, NEEDS[2:3])) == {"migrants.history": "unavailable"}


def test_a_register_that_is_not_configured_is_unavailable(app: Flask) -> None:
    person, number = citizen()
    parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(parts, clients={})
    assert outcomes(operations.gather(person, number, NAME, NEEDS)) == dict.fromkeys(KEYS, "unavailable")


def test_a_known_answer_is_shown_rather_than_that_nobody_answered_later(
    app: Flask, outside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, number = citizen()
    known(outside, number)
    operations.gather(person, number, NAME, NEEDS[:1])
    commit()
    db.session.execute(text("UPDATE register_answer SET fresh_until = now() - interval '1 second'"))
    commit()
    outside.control("PUT", "faults/population", {"mode": "http_500", "times": 1})
    db.session.expire_all()
    assert outcomes(operations.gather(person, number, NAME, NEEDS[:1])) == {"population.person": "unavailable"}
    commit()
    shown = queries.answers_of(person, KEYS)["population.person"]
    assert (shown["outcome"], shown["fresh"]) == ("found", False)


def test_business_time_that_is_moved_forward_ages_an_answer(app: Flask, outside: House) -> None:
    person, number = citizen()
    operations.gather(person, number, NAME, NEEDS[2:3])
    commit()
    assert queries.fresh_answers(person, KEYS)
    shift = int(timedelta(days=183).total_seconds())
    clock.use(clock.Clock(app.extensions[EXTENSION].settings.clock_offset_s + shift))
    assert not queries.fresh_answers(person, KEYS)
    known(outside, number)
    assert outcomes(operations.gather(person, number, NAME, NEEDS[2:3])) == {"migrants.history": "found"}


@pytest.mark.parametrize("written", ["by the session", "by a statement"])
def test_registers_are_never_asked_within_an_act(app: Flask, outside: House, written: str) -> None:
    person, number = citizen()
    if written == "by the session":
        db.session.add(RegisterAnswer(id=new_id(), citizen_id=person, source="x", topic="y"))
    else:
        db.session.execute(text("UPDATE citizen SET epoch = epoch + 1"))
    before = len(outside.ledger())
    with pytest.raises(operations.CalledWithinAnAct):
        operations.gather(person, number, NAME, NEEDS)
    assert len(outside.ledger()) == before
    db.session.rollback()


def test_no_transaction_is_open_while_registers_are_asked_and_what_was_read_stays_readable(
    app: Flask, outside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, number = citizen()
    row = db.session.get(Citizen, person)
    open_meanwhile: list[bool] = []
    ask_all = operations.ask_all

    def watched(topics: Any, id_number: str) -> Any:
        open_meanwhile.append(db.session().in_transaction())
        return ask_all(topics, id_number)

    monkeypatch.setattr(operations, "ask_all", watched)
    operations.gather(person, number, NAME, NEEDS)
    assert open_meanwhile == [False]
    assert row is not None
    assert row.name == NAME


def test_a_chosen_address_is_kept_until_another_is_chosen(app: Flask, outside: House) -> None:
    person, number = citizen()
    for n in (1, 2):
        body = {"text": f"双溪路{n}号", "station": "330213001000", "community": "学士社区", "grid": "G1"}
        outside.control("PUT", f"addresses/EX-100{n}", body)
    need = [Supplier("addresses", "address")]
    assert operations.gather(person, number, NAME, need) == {}
    assert operations.keep_address(person, "EX-1001")["outcome"] == "found"
    commit()
    assert operations.gather(person, number, NAME, need)["addresses.address"]["content"]["text"] == "双溪路1号"
    assert operations.keep_address(person, "EX-9999")["outcome"] == "none"
    db.session.rollback()
    operations.keep_address(person, "EX-1002")
    commit()
    chosen = operations.gather(person, number, NAME, need)["addresses.address"]["content"]
    assert chosen == {
        "code": "EX-1002",
        "text": "双溪路2号",
        "station": "330213001000",
        "community": "学士社区",
        "grid": "G1",
    }


def test_a_need_that_nobody_can_answer_is_a_mistake_of_the_declaration(app: Flask) -> None:
    person, number = citizen()
    with pytest.raises(KeyError, match=r"schools\.pupil"):
        operations.gather(person, number, NAME, [Supplier("schools", "pupil")])
