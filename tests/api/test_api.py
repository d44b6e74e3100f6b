"""What a page can do, a program can do: apply, follow, act; once, and each for themselves only."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from citizen_services.api import callers
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people import api_keys, look_limits
from citizen_services.people.models import Look, Staff
from tests.api.conftest import Program
from tests.materials.pictures import jpeg
from tests.portal.conftest import Resident

Programs = Callable[[str | None], Program]
DELIVERY = {
    "receiver": "韦小花",
    "receiver_phone": "13800138000",
    "province": "浙江省",
    "city": "宁波市",
    "county": "奉化区",
    "postal_address": "岳林街道金钟路18号3幢502室",
}
APPLICATION: dict[str, Any] = {
    "item": "residence-permit-first",
    "commitment": True,
    "data": {
        "ground": {"ground": "employment"},
        "employment": {"employment_correct": "yes"},
        "portrait": {"portrait_correct": "yes"},
        "delivery": DELIVERY,
    },
}


def _staff(app: Flask, login: str) -> Any:
    with app.app_context():
        return db.session.scalars(select(Staff.id).where(Staff.login == login)).one()


def _key(app: Flask, *scopes: str, per_minute: int = 120) -> str:
    clerk, other = _staff(app, "yl-clerk"), _staff(app, "yl-officer")
    with app.app_context():
        asked = api_keys.ask("街道服务平台", clerk, scopes, by=clerk, per_minute=per_minute)
        api_keys.approve(asked.id, by=other)
        commit()
    return asked.token


def test_a_program_applies_page_by_page_as_a_person_would(resident: Callable[..., Resident], program: Programs) -> None:
    person = resident()
    mine = program(person.token)
    begun = mine.post("/drafts", {"item": "residence-permit-first"})
    assert begun.status_code == 201, begun.text
    draft = begun.get_json()
    assert begun.headers["Location"].endswith(f"/api/v1/drafts/{draft['id']}")
    assert not draft["ready"]
    for group, data in APPLICATION["data"].items():
        page = next(one for one in draft["groups"] if one["code"] == group)
        seen = page["register"]["seen"] if page["register"] else ""
        body = {"version": draft["version"], "data": data, "seen": seen}
        saved = mine.post(f"/drafts/{draft['id']}/groups/{group}", body)
        assert saved.status_code == 200, saved.text
        draft = saved.get_json()
    assert draft["ready"]
    assert [one["id"] for one in mine.get("/drafts").get_json()["items"]] == [draft["id"]]
    sent = mine.post("/cases", {"draft": draft["id"], "version": draft["version"], "commitment": True})
    assert sent.status_code == 201, sent.text
    case = mine.get(f"/cases/{sent.get_json()['id']}")
    shown = case.get_json()
    assert (shown["number"], shown["state"], shown["version"]) == (sent.get_json()["number"], "submitted", 1)
    assert shown["answers"][-1]["lines"][0]["value"] == "韦小花"
    assert "withdraw" in [one["action"] for one in shown["actions"]]
    assert mine.get("/drafts").get_json()["items"] == []
    # Whoever has it already is told that nothing changed.
    again = mine.get(f"/cases/{shown['id']}", **{"If-None-Match": case.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_anapplication_sent_whole_makes_one_case_however_often_it_is_repeated(
    resident: Callable[..., Resident], program: Programs, application: Flask
) -> None:
    person = resident()
    mine = program(person.token)
    first = mine.post("/cases", APPLICATION, key="the-one-and-only")
    assert first.status_code == 201, first.text
    second = mine.post("/cases", APPLICATION, key="the-one-and-only")
    assert (second.status_code, second.get_json()) == (201, first.get_json())
    other = mine.post("/cases", APPLICATION | {"commitment": False}, key="the-one-and-only")
    assert (other.status_code, other.get_json()["type"]) == (422, "idempotency-key-reused")
    anew = mine.post("/cases", APPLICATION)
    assert (anew.status_code, anew.get_json()["type"]) == (409, "already-open")
    missing = application.test_client().post(
        "/api/v1/cases", json=APPLICATION, headers={"Authorization": f"Bearer {person.token}"}
    )
    assert (missing.status_code, missing.get_json()["type"]) == (400, "idempotency-key-missing")
    with application.app_context():
        assert db.session.scalar(select(func.count()).select_from(Case)) == 1
    # A key belongs to its caller: in another's hands it is theirs, and yields nothing of the first one's.
    stranger = resident("龙阿强")
    theirs = program(stranger.token).post("/cases", APPLICATION, key="the-one-and-only")
    assert theirs.status_code == 201
    assert theirs.get_json()["id"] != first.get_json()["id"]


def test_what_is_wrong_with_anapplication_is_told_all_at_once_and_kept(
    resident: Callable[..., Resident], program: Programs
) -> None:
    person = resident()
    mine = program(person.token)
    data = APPLICATION["data"] | {"delivery": DELIVERY | {"receiver_phone": "123"}, "portrait": {}}
    answer = mine.post("/cases", APPLICATION | {"data": data, "commitment": False})
    told = answer.get_json()
    assert (answer.status_code, answer.content_type, told["type"]) == (422, "application/problem+json", "invalid")
    pointers = [line["pointer"] for line in told["errors"]]
    assert {"/data/delivery/receiver_phone", "/data/portrait/portrait_correct", "/commitment"} <= set(pointers)
    kept = person.draft().data
    assert kept["ground"] == {"ground": "employment"}
    assert kept["delivery"]["receiver"] == "韦小花"
    assert mine.post("/cases", APPLICATION).status_code == 201


def test_who_is_not_eligible_reads_why_and_from_which_day(resident: Callable[..., Resident], program: Programs) -> None:
    answer = program(resident(months=2).token).post("/drafts", {"item": "residence-permit-first"})
    told = answer.get_json()
    assert (answer.status_code, told["type"]) == (422, "not-eligible")
    assert told["conditions"][0]["from_day"] == "2027-03-09"


def test_a_photo_is_brought_where_no_register_knows(resident: Callable[..., Resident], program: Programs) -> None:
    person = resident(employed=False)
    mine = program(person.token)
    draft = mine.post("/drafts", {"item": "residence-permit-first"}).get_json()
    for group, data in (("ground", {"ground": "employment"}), ("employment", {"employment_correct": "no"})):
        body = {"version": draft["version"], "data": data}
        saved = mine.post(f"/drafts/{draft['id']}/groups/{group}", body)
        assert saved.status_code == 200, saved.text
        draft = saved.get_json()
    wanted = draft["papers"][0]
    path = f"/drafts/{draft['id']}/materials/{wanted['code']}"
    refused = mine.post(path, data={"file": (io.BytesIO(b"not a photo"), "a.jpg")})
    assert (refused.status_code, refused.get_json()["type"]) == (422, "material-refused")
    kind = wanted["kinds"][0]["code"] if wanted["kinds"] else ""
    taken = mine.post(path, data={"file": (io.BytesIO(jpeg()), "a.jpg"), "kind": kind})
    assert taken.status_code == 200, taken.text
    assert len(taken.get_json()["papers"][0]["photos"]) == 1


def test_nobody_reaches_what_is_not_theirs(
    resident: Callable[..., Resident], program: Programs, desk_program: Callable[[str], Program]
) -> None:
    person, stranger = resident(), resident("龙阿强")
    case_id = person.apply()
    other, elsewhere = program(stranger.token), desk_program("jp-clerk")
    for path in (f"/cases/{case_id}", f"/cases/{case_id}/events"):
        assert program(None).get(path).status_code == 401
        assert program("guessed").get(path).status_code == 401
        assert other.get(path).get_json()["type"] == "not-found"
        assert elsewhere.get(path).get_json()["type"] == "not-found"
    act = f"/cases/{case_id}/actions/withdraw"
    assert other.post(act, {"version": 1}).status_code == 404
    assert desk_program("yl-clerk").post(act, {"version": 1}).get_json()["type"] == "not-allowed"
    assert other.get("/cases").get_json() == {"items": [], "next": None}


def test_staff_work_at_their_desk_by_program_and_every_look_is_recorded(
    resident: Callable[..., Resident],
    desk_program: Callable[[str], Program],
    application: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = resident()
    case_id = person.apply()
    clerk, approver = desk_program("yl-clerk"), desk_program("yl-officer")
    assert [one["id"] for one in clerk.get("/cases").get_json()["items"]] == [str(case_id)]
    shown = clerk.get(f"/cases/{case_id}").get_json()
    assert "韦小花" not in str(shown["answers"])
    assert "accept" in [one["action"] for one in shown["actions"]]
    early = approver.post(f"/cases/{case_id}/actions/approve", {"version": 1})
    assert (early.status_code, early.get_json()["type"]) == (409, "not-possible")
    done = clerk.post(f"/cases/{case_id}/actions/accept", {"version": 1})
    assert (done.status_code, done.get_json()["state"]) == (200, "accepted"), done.text
    late = approver.post(f"/cases/{case_id}/actions/approve", {"version": 1})
    assert (late.status_code, late.get_json()["type"]) == (409, "moved-on")
    assert approver.post(f"/cases/{case_id}/actions/approve", {"version": 2}).get_json()["state"] == "approved"
    events = clerk.get(f"/cases/{case_id}/events").get_json()
    assert [one["action"] for one in events["items"]][:3] == ["submit", "accept", "approve"]
    document = clerk.get(f"/cases/{case_id}").get_json()["documents"][0]
    # It is in nobody's hands here by now: who took no step a moment ago says why, and is counted.
    both = desk_program("yl-auxiliary")
    assert both.get(f"/cases/{case_id}").get_json()["type"] == "reason-wanted"
    opening = f"/cases/{case_id}/openings"
    for words, pointer in ((("", "/words")), ("\x00", "/words")):
        told = both.post(opening, {"why": "other", "words": words})
        assert (told.status_code, told.get_json()["errors"][0]["pointer"]) == (422, pointer)
    assert both.post(opening, {"why": "supervision"}).get_json()["id"] == str(case_id)
    assert both.get(f"/cases/{case_id}").get_json()["state"] == "approved"
    assert desk_program("fw-planner").post(opening, {"why": "supervision"}).status_code == 404
    with application.app_context():
        settings = replace(parts().settings, daily_looks={**parts().settings.daily_looks, "unmasked": 1})
        monkeypatch.setitem(application.extensions, "citizen_services", replace(parts(), settings=settings))
        now = look_limits.protocol_now()
    # Counted with the looks at the pages, on a day that doesn't end meanwhile.
    monkeypatch.setattr(look_limits, "protocol_now", lambda: now)
    assert clerk.get(f"/cases/{case_id}/documents/{document['id']}").get_json()["paragraphs"]
    more = clerk.get(f"/cases/{case_id}/documents/{document['id']}")
    assert (more.status_code, more.get_json()["type"]) == (429, "enough-for-today")
    with application.app_context():
        looks = db.session.execute(select(Look.what, Look.reason).where(Look.case_id == case_id)).all()
    assert ("opened", "handling") in [tuple(row) for row in looks]
    assert [row.reason for row in looks if row.what == "unmasked"] == [f"查看文书《{document['title']}》"]


def test_a_key_opens_what_two_people_let_it_and_no_more_often_than_that(
    resident: Callable[..., Resident], program: Programs, application: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All within one minute of the machine's clock, however long it takes.
    minute = callers.protocol_now()
    monkeypatch.setattr(callers, "protocol_now", lambda: minute)
    case_id = resident().apply()
    reading = program(_key(application, "cases:read", per_minute=4))
    assert reading.get("/me").get_json()["scopes"] == ["cases:read"]
    assert reading.get(f"/cases/{case_id}").status_code == 200
    refused = reading.post(f"/cases/{case_id}/actions/accept", {"version": 1})
    assert (refused.status_code, refused.get_json()["type"]) == (403, "not-allowed")
    last = reading.get("/cases")
    assert (last.status_code, last.headers["RateLimit-Remaining"]) == (200, "0")
    many = reading.get("/cases")
    assert (many.status_code, many.get_json()["type"]) == (429, "too-many")
    assert 1 <= int(many.headers["Retry-After"]) <= 60
    clerk = _staff(application, "yl-clerk")
    with application.app_context():
        alone = api_keys.ask("一个人申请的", clerk, ["cases:read"], by=clerk)
        commit()
        try:
            api_keys.approve(alone.id, by=clerk)
        except api_keys.CannotApprove:
            db.session.rollback()
    assert program(alone.token).get("/me").status_code == 401
    acting = _key(application, "cases:act")
    assert program(acting).post(f"/cases/{case_id}/actions/accept", {"version": 1}).status_code == 200
    assert program(acting).get("/cases").status_code == 403
