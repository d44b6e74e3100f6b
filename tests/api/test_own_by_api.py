"""A person's own program does what their pages do: telling, rating, own data and requests; nobody else's does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Rating
from citizen_services.cases.queries import own_case
from citizen_services.database import Change, commit, db
from citizen_services.people import looks
from citizen_services.people.models import Citizen
from tests import factories as make
from tests.api.conftest import Program
from tests.portal.conftest import Resident

Make = Callable[..., Resident]
Programs = Callable[[str | None], Program]


def withdrawn(person: Resident, own: Program) -> UUID:
    """A case that its person has taken back."""
    case_id = person.apply()
    seen = own.get(f"/cases/{case_id}").get_json()
    done = own.post(f"/cases/{case_id}/actions/withdraw", {"version": seen["version"], "data": {}})
    assert done.status_code == 200, done.text
    with person.app.app_context():
        assert own_case(person.id, case_id).ended_at is not None
    return case_id


def test_a_program_chooses_how_its_person_is_told_and_the_page_says_the_same(resident: Make, program: Programs) -> None:
    person, other = resident("韦小花"), resident("石大海")
    own = program(person.token)
    assert own.get("/me/telling").get_json() == {"first": "wechat", "less": False}
    chosen = own.post("/me/telling", {"first": "call", "less": True}, key="tell-by-call")
    assert (chosen.status_code, chosen.get_json()) == (200, {"first": "call", "less": True})
    assert own.post("/me/telling", {"first": "call", "less": True}, key="tell-by-call").get_json() == chosen.get_json()
    assert own.post("/me/telling", {"first": "sms", "less": True}, key="tell-by-call").status_code == 422
    assert own.get("/me/telling").get_json() == {"first": "call", "less": True}
    again = own.post("/me/telling", {"first": "sms"})
    assert again.get_json() == own.get("/me/telling").get_json() == {"first": "sms", "less": False}
    wrong = own.post("/me/telling", {"first": "pigeon"})
    assert (wrong.status_code, wrong.content_type) == (422, "application/problem+json")
    assert wrong.get_json()["errors"] == [{"pointer": "/first", "detail": "请选择用哪种方式通知您。"}]
    assert own.get("/me/telling", **{"On-Behalf-Of": str(other.id)}).status_code == 403
    assert program(other.token).get("/me/telling").get_json() == {"first": "wechat", "less": False}


def test_a_program_rates_an_ended_case_once_and_nobody_else_does(
    resident: Make, program: Programs, application: Flask
) -> None:
    person, other = resident("韦小花"), resident("石大海")
    own, theirs = program(person.token), program(other.token)
    going = other.apply()
    early = theirs.post(f"/cases/{going}/rating", {"grade": 5})
    assert (early.status_code, early.get_json()["type"]) == (409, "guard-failed")
    assert theirs.get(f"/cases/{going}/rating").get_json() == {"asked": False, "grade": None, "words": None}
    case_id = withdrawn(person, own)
    path = f"/cases/{case_id}/rating"
    assert own.get(path).get_json() == {"asked": True, "grade": None, "words": None}
    assert theirs.get(path).status_code == theirs.post(path, {"grade": 1}).status_code == 404
    for given in ({}, {"grade": 6}, {"grade": 5, "words": "好" * 301}):
        assert own.post(path, given).status_code == 422
    said = own.post(path, {"grade": 2, "words": "等得太久。"}, key="this-is-my-rating")
    assert (said.status_code, said.get_json()) == (200, {"asked": False, "grade": 2, "words": "不满意"})
    repeated = own.post(path, {"grade": 2, "words": "等得太久。"}, key="this-is-my-rating")
    assert repeated.get_json() == said.get_json() == own.get(path).get_json()
    second = own.post(path, {"grade": 5})
    assert (second.status_code, second.get_json()["type"]) == (409, "moved-on")
    assert "已经评价过了" in second.get_json()["detail"]
    with application.app_context():
        (kept,) = db.session.scalars(select(Rating)).all()
        assert (kept.case_id, kept.grade, kept.words, kept.door) == (case_id, 2, "等得太久。", "api")


def test_a_program_reads_what_is_held_who_looked_and_what_was_agreed_to(
    resident: Make, program: Programs, desk_program: Callable[[str], Program]
) -> None:
    person, other = resident("韦小花"), resident("石大海")
    own, theirs = program(person.token), program(other.token)
    case_id = person.apply()
    held = own.get("/me/data").get_json()
    assert held["identity"]["name"] == "韦*花"
    assert held["kept"]
    assert all(one["what"] and one["why"] and one["who"] and one["how_long"] for one in held["kept"])
    with person.app.app_context():
        citizen = db.session.get_one(Citizen, person.id)
        assert citizen.id_number not in str(held)
        assert citizen.phone not in str(held)
    assert own.get("/me/looks").get_json() == {"items": [], "next": None}
    clerk = desk_program("yl-clerk")
    reasons = [f"核对材料第{number}项" for number in range(1, 22)]
    with person.app.app_context():
        for minute, reason in enumerate(reasons):
            change = Change(clock.now() - timedelta(minutes=len(reasons) - minute))
            looks.note(change, make.staff("yl-clerk"), person.id, "opened", reason, role="clerk", case_id=case_id)
            change.write()
        commit()
    first = own.get("/me/looks").get_json()
    rest = own.get(f"/me/looks?after={first['next']}").get_json()
    told = [one["words"] for one in first["items"] + rest["items"]]
    assert told == [f"打开办件：{reason}" for reason in reversed(reasons)]
    assert (len(rest["items"]), rest["next"]) == (1, None)
    assert (first["items"][0]["role"], first["items"][0]["what"]) == ("clerk", "opened")
    assert theirs.get("/me/looks").get_json()["items"] == []
    agreed = {one["purpose"]: one for one in own.get("/me/consents").get_json()["items"]}
    assert agreed["commitment"]["title"] == "承诺内容属实"
    assert agreed["commitment"]["withdrawn_at"] is None
    for path in ("/me/data", "/me/looks", "/me/consents", "/me/requests"):
        assert clerk.get(path).status_code == 403
        assert own.get(path, **{"On-Behalf-Of": str(other.id)}).status_code == 403


def test_a_program_asks_for_correction_and_deletion_once_each_and_drafts_go(resident: Make, program: Programs) -> None:
    person, other = resident("韦小花"), resident("石大海")
    own, theirs = program(person.token), program(other.token)
    assert own.post("/drafts", {"item": "residence-permit-first"}).status_code == 201
    wish = {"words": "手机号写错了，请更正。"}
    asked = own.post("/me/requests/correction", wish, key="please-correct-it")
    assert asked.status_code == 201, asked.text
    assert asked.get_json()["drafts_deleted"] == 0
    assert own.post("/me/requests/correction", wish, key="please-correct-it").get_json() == asked.get_json()
    second = own.post("/me/requests/correction", wish)
    assert (second.status_code, second.get_json()["type"]) == (409, "already-asked")
    for words in ("短", "长" * 501, "\0\0\0\0", 7):
        assert own.post("/me/requests/deletion", {"words": words}).status_code == 422
    gone = own.post("/me/requests/deletion", {"words": "请删除我的信息。"})
    assert (gone.status_code, gone.get_json()["drafts_deleted"]) == (201, 1)
    listed = {one["kind"]: one for one in own.get("/me/requests").get_json()["items"]}
    assert listed["correction"]["id"] == asked.get_json()["id"]
    assert listed["correction"]["words"] == wish["words"]
    assert listed["correction"]["due"] == asked.get_json()["due"]
    assert {one["answer"] for one in listed.values()} == {None}
    assert theirs.get("/me/requests").get_json()["items"] == []
