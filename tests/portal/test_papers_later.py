"""What becomes of photos: used again, brought in answer to a correction, overtaken, swept, superfluous."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from app import recurring
from citizen_services import clock
from citizen_services.cases import operations, papers
from citizen_services.cases.models import Case, Draft
from citizen_services.database import commit, db
from citizen_services.materials import operations as photos
from citizen_services.materials import queries
from citizen_services.materials.models import Material, Upload
from citizen_services.parts import parts
from tests import factories
from tests.console.conftest import Desk, desk
from tests.house import House
from tests.materials import pictures
from tests.people.browser import upload
from tests.portal.acting import staff_acts
from tests.portal.conftest import EMPLOYER, Resident
from tests.portal.test_papers import PROOF, done, folder, pieces, send, to_papers

__all__ = ["desk", "folder"]


def test_a_second_application_uses_the_first_ones_photo_again(resident: Callable[..., Resident]) -> None:
    person = resident(employed=False)
    to_papers(person)
    send(person)
    first = done(person)
    page = person.browser
    page.open(f"/h5/cases/{first}")
    page.submit("withdraw")
    page.submit("start")
    page.submit("save", employment_correct="no", employment_remark="")
    page.submit("save", portrait_correct="yes")
    assert "用以前上传过的" in page.words
    page.submit("reuse")
    person.path = f"/h5/drafts/{person.draft().id}"
    second = done(person)
    assert first != second
    (one,), (two,) = pieces(person, first), pieces(person, second)
    assert one.upload_id == two.upload_id


def test_a_correction_is_answered_with_a_photo_and_the_earlier_one_is_kept_as_replaced(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident(employed=False)
    to_papers(person)
    send(person)
    case = done(person)
    items = [{"code": PROOF, "why": "签名那一页没有拍到，请重新拍"}, {"code": "employment", "why": "请补单位证明"}]
    staff_acts(person, case, "request_correction", "yl-clerk", {"items": items})
    page = person.browser
    page.open(f"/h5/cases/{case}")
    assert "签名那一页没有拍到" in page.words
    answer = page.submit("answer_correction")
    assert (answer.status_code, page.errors) == (422, {PROOF, "employment"})
    assert send(person, b"%PDF-1.7", "a.pdf") == 422
    assert send(person, pictures.jpeg(800)) == 200
    answer = page.submit("answer_correction")
    assert (answer.status_code, page.errors) == (422, {"employment"}), "one is still missing"
    form = page.form("upload")
    other = form.inputs | {"material": "employment", "form_token": "the-second-form"}
    page.open(form.url, "POST", data=other | {"file": upload(pictures.jpeg(820), "b.jpg")})
    assert page.page.status_code == 200
    page.submit("answer_correction")
    assert person.cases()[0].state == "submitted"
    now = {piece.code: piece.width for piece in pieces(person, case)}
    assert now == {PROOF: 800, "employment": 820}
    with person.app.app_context():
        whole = queries.of_case(case, replaced=True)
    assert [piece.width for piece in whole if piece.replaced] == [640]
    officer = desk("yl-clerk")
    officer.open(f"/console/cases/{case}")
    assert "补正前的" in officer.words
    late = form.inputs | {"form_token": "after-the-answer", "file": upload(pictures.jpeg(830), "c.jpg")}
    assert page.open(form.url, "POST", data=late).status_code == 409
    assert len(pieces(person, case)) == 2


def test_a_photo_whose_draft_was_sent_while_it_was_decoded_is_not_taken(
    resident: Callable[..., Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = resident(employed=False)
    to_papers(person)
    send(person)
    decode = photos.decode

    def slowly(*given: Any) -> Any:
        with person.app.app_context():
            draft = db.session.get_one(Draft, person.draft().id)
            operations.submit(parts().catalogue, draft, factories.Actor("citizen", person.id))
            commit()
        return decode(*given)

    person.browser.open(f"{person.path}?step=papers")
    monkeypatch.setattr(photos, "decode", slowly)
    assert send(person, pictures.jpeg(900)) == 409
    case = person.cases()[0]
    assert [piece.width for piece in pieces(person, case.id)] == [640]
    assert pieces(person) == []


def test_photos_of_what_was_given_up_are_swept_and_those_that_are_waited_for_stay(
    resident: Callable[..., Resident], folder: Path
) -> None:
    given_up, waiting = resident("韦小花", employed=False), resident("龙阿强", employed=False)
    for person in (given_up, waiting):
        to_papers(person)
        send(person)
    given_up.browser.open(f"{given_up.path}?step=check")
    given_up.browser.submit("discard")
    with given_up.app.app_context():
        long_ago = clock.now() - timedelta(days=31)
        db.session.execute(update(Material).values(at=long_ago))
        db.session.execute(update(Upload).values(at=long_ago))
        commit()
        assert len(db.session.scalars(papers.gathering()).all()) == 1
        recurring()["photos"][1]()
        kept = db.session.scalars(select(Upload)).all()
    assert [upload.citizen_id for upload in kept] == [waiting.id]
    assert len(pieces(waiting)) == 1
    assert len(list(folder.rglob("*.photo"))) == 2, "files of removed rows follow when a day has passed"


def test_an_upload_after_the_login_ran_out_leads_to_the_login_and_back_to_the_papers(
    resident: Callable[..., Resident],
) -> None:
    person = resident(employed=False)
    to_papers(person)
    page = person.browser
    page.client.delete_cookie("h5_session", domain="127.0.0.1", path="/h5")
    answer = page.submit("upload", follow=False, file=upload(pictures.jpeg(), "a.jpg"))
    assert answer.status_code == 303
    assert "/h5/login?next=" in answer.headers["Location"]
    assert "step%3Dpapers" in answer.headers["Location"]
    assert pieces(person) == []


def test_a_register_that_answers_again_makes_the_paper_superfluous(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident()
    outside.control("PUT", "faults/social_insurance", {"mode": "http_500"})
    to_papers(person)
    outside.control("PUT", "faults/social_insurance", {"mode": "none"})
    page = person.browser
    assert "upload" in page.actions
    page.open(f"{person.path}?step=employment")
    assert EMPLOYER in page.words
    page.submit("save", employment_correct="yes", employment_remark="")
    assert "submit" in page.actions
    case = done(person)
    assert pieces(person, case) == []
    with person.app.app_context():
        assert db.session.get_one(Case, case).data["employment"]["employment_correct"] == "yes"
