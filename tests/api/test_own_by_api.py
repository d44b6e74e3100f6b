"""A person's own program says how they are told and what they think of a case, as the pages do; nobody else's does."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services.cases.models import Rating
from citizen_services.cases.queries import own_case
from citizen_services.database import db
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
