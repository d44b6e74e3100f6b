"""The letter as a rung of the ladder: its turn comes after the call, and law wants it whatever else told its person."""

from __future__ import annotations

from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db
from notifications import by_hand, in_person, tasks
from notifications.models import Delivery, Notice
from notifications.receipts.settlement import move
from tests import factories as make
from tests.notifications.conftest import Outside, parcels_now, somebody
from tests.notifications.test_letters import Phone, refused, serving_of
from tests.notifications.test_letters_again import document_of, happened, in_vain, post, tries_of


def rungs(case_id: UUID) -> dict[str, tuple[str, str | None]]:
    """The rungs of the notice of a refusal."""
    return tries_of(case_id, "refused")


def no_sms(case_id: UUID) -> None:
    """The SMS of a refusal did not arrive."""
    query = select(Delivery.id).join(Notice, Notice.id == Delivery.notice_id)
    sms = db.session.scalars(
        query.where(Notice.case_id == case_id, Notice.kind == "refused", Delivery.channel == "sms")
    ).one()
    tasks.send("sms")
    move(sms, False, "UNDELIVERABLE", None)
    commit()


def on_list(case_id: UUID, rung: by_hand.Rung, result: by_hand.Result) -> str | None:
    """Somebody calls or visits the person."""
    query = select(Delivery.id).join(Notice, Notice.id == Delivery.notice_id)
    (row,) = db.session.scalars(
        query.where(Notice.case_id == case_id, Notice.kind == "refused", Delivery.channel == rung)
    ).all()
    went_on = by_hand.note(rung, row, result)
    commit()
    return went_on


def test_the_letter_is_a_rung_of_the_ladder_whoever_signs_knows_and_nobody_visits_while_it_is_under_way(
    app: Flask, partners: Outside
) -> None:
    person = somebody()
    case_id = refused(person)
    assert rungs(case_id)["letter"][0] == "pending"
    no_sms(case_id)
    assert on_list(case_id, "call", "refused") == "letter"
    (letter,) = parcels_now(case_id)
    post(letter.id)
    assert set(rungs(case_id)) == {"sms", "call", "letter"}, "it is waited for before anybody visits"
    assert rungs(case_id)["letter"][0] == "sent"
    assert "EMS 信函：文书已经交寄，等签收" in Phone(app, person).get(f"/h5/cases/{case_id}").text
    happened(letter.id, ("203", None), ("704", "10"))
    assert rungs(case_id)["letter"] == ("delivered", "signed for")
    assert "visit" not in rungs(case_id)


def test_whom_neither_call_nor_letters_reached_is_visited_and_told_by_whoever_brings_the_document(
    app: Flask, partners: Outside
) -> None:
    case_id = refused(somebody())
    in_vain(case_id)
    no_sms(case_id)
    assert rungs(case_id)["letter"] == ("failed", "letters in vain")
    assert on_list(case_id, "call", "refused") == "visit"
    assert rungs(case_id)["visit"][0] == "pending"
    in_person.note(document_of(case_id), "direct", clock.today(), "本人签收", make.staff("yl-community").id)
    commit()
    assert rungs(case_id)["visit"] == ("delivered", "told at home")
    other = refused(somebody())
    no_sms(other)
    assert on_list(other, "call", "not_reached") is None
    in_vain(other)
    assert rungs(other)["call"][0] == "pending", "the call still has its turn"
    in_person.note(document_of(other), "left", clock.today(), "留置，邻居见证", make.staff("yl-community").id)
    commit()
    assert rungs(other)["call"][0] == "pending", "what was left at the door was not said to anybody"


def test_a_letter_goes_on_though_its_person_knows_and_is_no_second_success(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = refused(person)
    query = select(Delivery.id).join(Notice, Notice.id == Delivery.notice_id)
    sms = db.session.scalars(
        query.where(Notice.case_id == case_id, Notice.kind == "refused", Delivery.channel == "sms")
    ).one()
    tasks.send("sms")
    move(sms, True, "DELIVERED", None)
    commit()
    assert rungs(case_id)["letter"][0] == "pending", "law wants it on paper"
    (letter,) = parcels_now(case_id)
    post(letter.id)
    happened(letter.id, ("203", None), ("704", "10"))
    assert rungs(case_id)["letter"] == ("cancelled", "told already")
    assert serving_of(case_id).served_at is not None, "and from now on the periods run"
    consented = somebody()
    phone = Phone(app, consented)
    page = phone.get("/h5/telling").text
    form = {"csrf_token": page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0], "wish": "give"}
    assert phone.post("/h5/telling/service", form).status_code == 303
    assert "letter" not in rungs(refused(consented)), "who is served electronically gets none"
