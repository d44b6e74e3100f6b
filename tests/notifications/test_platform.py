"""The national platform gets each application once, and what it answers moves the case once, whatever is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import commit, db
from citizen_services.exchange.clients import partner_clients
from citizen_services.parts import EXTENSION, Parts, parts
from citizen_services.people.models import Citizen
from notifications import platform, tasks
from notifications.errors import NotRequeueable
from notifications.models import Delivery, Receipt
from notifications.operations import requeue
from notifications.platform_models import PlatformApplication
from notifications.receipts.settlement import settle_next
from tests import factories as make
from tests.notifications.conftest import Outside, case_now, due_now, row, somebody
from tests.notifications.platform_item import PAID, applied, offered
from tests.notifications.test_console_page import Desks, desk

__all__ = ["desk"]
CHANNEL = "platform"


@pytest.fixture(autouse=True)
def item(app: Flask, partners: Outside) -> Iterator[None]:
    """The item that the platform decides is offered."""
    with offered(app):
        yield


def application(case_id: UUID) -> PlatformApplication:
    """What is known of a case's application now."""
    db.session.rollback()
    query = select(PlatformApplication).where(PlatformApplication.case_id == case_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def sent(case_id: UUID) -> list[Delivery]:
    """What of a case went to the platform, or is to go, in order."""
    db.session.rollback()
    query = select(Delivery.id).where(Delivery.channel == CHANNEL, Delivery.about == case_id).order_by(Delivery.id)
    return [row(id_) for id_ in db.session.scalars(query).all()]


def answered(partners: Outside, case_id: UUID, answer: str, **more: Any) -> None:
    """An officer of the platform answers, and nobody is told."""
    reason = {} if answer == "accepted" else {"reason": "请到窗口重新拍照"}
    ref = sent(case_id)[0].id
    partners.put(
        f"platform/{ref}", answer=answer, push=False, officer={"name": "王磊", "number": "330299"}, **reason, **more
    )


def look_now() -> int:
    """Let time pass: whatever waits for a look is looked at."""
    db.session.execute(
        text("UPDATE platform_application SET look_at = now() - interval '1 s' WHERE look_at IS NOT NULL")
    )
    commit()
    return platform.look()


def fresh_clients(app: Flask) -> None:
    """Time has passed: what a breaker remembers of the platform is over."""
    known: Parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(known, clients=partner_clients(known.settings, db.engine))


def steps_of(case_id: UUID) -> list[tuple[str, str]]:
    """Who did what on a case, in order."""
    query = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq)
    return [(f"{event.actor_kind}:{event.actor_role}", event.action) for event in db.session.scalars(query)]


def pushed(app: Flask, partners: Outside, told: dict[str, Any], **more: str) -> tuple[bytes, dict[str, str]]:
    """A push as the platform signs it."""
    body = json.dumps(told, ensure_ascii=False).encode()
    key = partners.house.settings.partner(CHANNEL)["app_key"]
    return body, {"X-Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()} | more


def an_answer(case_id: UUID, answer: str, number: int, serial: str = "") -> dict[str, Any]:
    """An answer as it is pushed."""
    known = application(case_id)
    return {
        "our_ref": str(sent(case_id)[0].id),
        "serial_number": serial or known.serial_number or "33021320261125000001",
        "answer": answer,
        "reason": "" if answer == "accepted" else "材料不符",
        "officer": {"name": "王磊", "number": "330299"},
        "at": "2026-11-25T10:00:00+08:00",
        "number": number,
    }


def door(partners: Outside) -> str:
    """Where the platform pushes to."""
    return f"/receipts/platform/{partners.house.settings.partner(CHANNEL)['receipt_token']}"


def settle() -> None:
    """Settle all that was pushed."""
    while settle_next():
        pass


def test_a_serial_number_is_acceptance_and_an_answer_the_officers_decision(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = applied(person)
    assert case_now(case_id).state == "submitted"
    tasks.send(CHANNEL)
    (entry,) = partners.arrived(CHANNEL, "applications", "accepted")
    (one,) = sent(case_id)
    assert (entry["our_ref"], entry["to"]) == (str(one.id), person.id_number)
    case = case_now(case_id)
    assert case.state == "accepted"
    assert case.results["serial_number"] == one.partner_ref == application(case_id).serial_number
    assert look_now() == 1
    assert case_now(case_id).state == "accepted", "nobody has answered"

    answered(partners, case_id, "accepted")
    look_now()
    case = case_now(case_id)
    assert (case.state, case.results["platform"]["officer_name"]) == ("completed", "王磊")
    assert steps_of(case_id)[1:] == [("system:platform", "accept"), ("system:platform", "approve")]
    assert application(case_id).look_at is None
    assert look_now() == 0


def test_whoever_tries_the_house_out_answers_on_the_stand_ins_page(app: Flask, partners: Outside) -> None:
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    place = partners.house.sandbox_url
    serial = application(case_id).serial_number
    assert f"<strong>{serial}</strong>" in requests.get(f"{place}/", timeout=20).text
    form = {"application": str(sent(case_id)[0].id), "answer": "refused"}
    assert requests.post(f"{place}/officer", data=form, timeout=20).status_code == 200
    assert requests.post(f"{place}/officer", data=form | {"answer": "maybe"}, timeout=20).status_code == 404
    look_now()
    case = case_now(case_id)
    assert (case.state, case.results["platform"]["reason"]) == ("refused", "经核对，提交的信息与登记不一致")


def test_what_was_turned_to_the_counter_is_answered_once_more(app: Flask, partners: Outside) -> None:
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    answered(partners, case_id, "on_site")
    look_now()
    assert case_now(case_id).state == "on_site"
    assert case_now(case_id).results["platform"]["reason"] == "请到窗口重新拍照"
    answered(partners, case_id, "on_site")
    look_now()
    assert case_now(case_id).version == 3, "the same once more is no turn"
    answered(partners, case_id, "refused")
    look_now()
    assert case_now(case_id).state == "refused"


@pytest.mark.parametrize("mode", ["http_500", "accept_then_cut", "refuse"])
def test_whatever_is_lost_on_the_way_the_platform_takes_it_once(app: Flask, partners: Outside, mode: str) -> None:
    case_id = applied(somebody())
    partners.fault(CHANNEL, mode, times=1)
    tasks.send(CHANNEL)
    assert case_now(case_id).state == "submitted"
    partners.fault(CHANNEL, "none")
    for _ in range(4):
        fresh_clients(app)
        due_now(CHANNEL)
        db.session.execute(text("UPDATE channel_hold SET until = now() - interval '1 s'"))
        commit()
        tasks.send(CHANNEL)
    assert case_now(case_id).state == "accepted"
    assert len(partners.arrived(CHANNEL, "applications", "accepted")) == 1
    assert application(case_id).serial_number == sent(case_id)[0].partner_ref


def test_an_answer_that_comes_before_the_hand_overs_own_moves_the_case_all_the_way(
    app: Flask, partners: Outside, client: FlaskClient
) -> None:
    case_id = applied(somebody())
    partners.fault(CHANNEL, "accept_then_cut", times=1)
    tasks.send(CHANNEL)
    body, headers = pushed(app, partners, an_answer(case_id, "refused", 7))
    for _ in range(2):
        assert client.post(door(partners), data=body, headers=headers).get_json() == {"code": "ok"}
    settle()
    assert case_now(case_id).state == "refused"
    assert steps_of(case_id)[1:] == [("system:platform", "accept"), ("system:platform", "refuse")]
    assert db.session.query(Receipt).count() == 1


def test_an_older_answer_never_overtakes_a_newer(app: Flask, partners: Outside, client: FlaskClient) -> None:
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    for answer, number in (("accepted", 9), ("on_site", 8)):
        body, headers = pushed(app, partners, an_answer(case_id, answer, number))
        assert client.post(door(partners), data=body, headers=headers).status_code == 200
        settle()
    assert case_now(case_id).state == "completed"
    assert (application(case_id).answer, application(case_id).answer_number) == ("accepted", 9)


def test_a_forged_push_decides_nothing(app: Flask, partners: Outside, client: FlaskClient) -> None:
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    body, headers = pushed(app, partners, an_answer(case_id, "accepted", 3))
    assert client.post("/receipts/platform/guessed", data=body, headers=headers).status_code == 404
    assert client.post(door(partners), data=body).status_code == 400
    assert client.post(door(partners), data=body + b" ", headers=headers).status_code == 400
    strange, signed = pushed(app, partners, an_answer(case_id, "accepted", 3) | {"our_ref": str(uuid4())})
    assert client.post(door(partners), data=strange, headers=signed).status_code == 200
    settle()
    db.session.rollback()
    assert case_now(case_id).state == "accepted"
    (kept,) = db.session.query(Receipt).all()
    assert "no application of ours" in (kept.fault or "")


def test_a_case_that_is_not_paid_is_accepted_as_soon_as_it_is(app: Flask, partners: Outside) -> None:
    PAID["paid"] = False
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    answered(partners, case_id, "accepted")
    look_now()
    known = application(case_id)
    assert (case_now(case_id).state, known.accept_entered, known.answer) == ("submitted", False, "accepted")
    assert known.look_at is not None
    look_now()
    assert application(case_id).refusals == 2, "the next look is later"
    PAID["paid"] = True
    look_now()
    assert case_now(case_id).state == "completed"


def test_what_its_person_gave_up_is_taken_back_behind_the_hand_over(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = applied(person)
    operations.perform(parts().catalogue, case_id, "withdraw", make.applicant(person), 1)
    commit()
    for _ in range(3):
        due_now(CHANNEL)
        tasks.send(CHANNEL)
    assert [entry["outcome"] for entry in partners.arrived(CHANNEL, "applications")] == ["accepted"]
    (back,) = partners.arrived(CHANNEL, "withdrawals", "accepted")
    assert back["to"] == str(sent(case_id)[0].id)
    assert case_now(case_id).state == "withdrawn"
    look_now()
    assert application(case_id).look_at is None


def test_what_the_platform_rejects_is_mended_and_handed_over_again(app: Flask, partners: Outside) -> None:
    person = somebody()
    right = person.phone
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(phone="12"))
    commit()
    case_id = applied(db.session.get_one(Citizen, person.id, populate_existing=True))
    tasks.send(CHANNEL)
    (failed,) = sent(case_id)
    assert (failed.state, case_now(case_id).state) == ("failed", "submitted")
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(phone=right))
    commit()
    requeue(failed.id)
    commit()
    tasks.send(CHANNEL)
    assert case_now(case_id).state == "accepted"
    assert application(case_id).our_ref == sent(case_id)[1].id
    with pytest.raises(NotRequeueable):
        requeue(failed.id)


def test_staff_see_what_the_platform_rejected_and_what_a_case_does_not_take(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    person = somebody()
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(phone="12"))
    commit()
    rejected = applied(db.session.get_one(Citizen, person.id, populate_existing=True))
    PAID["paid"] = False
    waits = applied(somebody())
    tasks.send(CHANNEL)
    answered(partners, waits, "accepted")
    for _ in range(6):
        look_now()
    clerk = desk("yl-clerk")
    page = clerk.open("/console/telling")
    assert page.status_code == 200
    for case_id in (rejected, waits):
        assert page.text.count(case_now(case_id).number) == 1
    assert "交管平台退回的申请" in page.text
    assert "phone has a wrong form" in page.text
    assert "交管平台已答复、办件还没有登记上的" in page.text
    assert person.name not in page.text
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(phone="13900139000"))
    commit()
    PAID["paid"] = True
    assert clerk.submit("hand-over").status_code == 200
    tasks.send(CHANNEL)
    look_now()
    assert (case_now(rejected).state, case_now(waits).state) == ("accepted", "completed")
    assert "交管平台" not in clerk.open("/console/telling").text


def test_while_the_platform_is_away_nothing_is_concluded(app: Flask, partners: Outside) -> None:
    case_id = applied(somebody())
    tasks.send(CHANNEL)
    answered(partners, case_id, "accepted")
    partners.fault(CHANNEL, "http_500", times=1)
    look_now()
    assert case_now(case_id).state == "accepted"
    waits = application(case_id).look_at
    assert waits is not None
    assert waits > clock.protocol_now()
    look_now()
    assert case_now(case_id).state == "completed"
    assert db.session.get_one(Case, case_id).ended_at is not None
