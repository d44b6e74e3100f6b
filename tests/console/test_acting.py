"""Taking steps at the desk: who may, once only, on what was seen; and what the second of two officers is told."""

from __future__ import annotations

import contextvars
import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases.models import CaseEvent
from citizen_services.database import db
from citizen_services.people.models import Staff
from tests.console.applications import TRACKING, case_now, looks_at, move, permit
from tests.console.conftest import Desk

Desks = Callable[[str], Desk]


def state_of(desk: Desk) -> tuple[str, int]:
    """The state and version that a case's page says."""
    found = re.search(r'data-case-number="[^"]+" data-state="([^"]+)" data-version="(\d+)"', desk.page.text)
    assert found is not None, desk.words
    return found[1], int(found[2])


def post(desk: Desk, case_id: Any, action: str, **fields: Any) -> int:
    """Send a step as a hostile client may: without a button for it. The answer's status."""
    desk.open("/console/search")
    token = desk.form("preferences").inputs["csrf_token"]
    data = {
        "csrf_token": token,
        "form_token": uuid4().hex,
        "version": case_now(case_id).version,
    } | fields
    desk.open(f"/console/cases/{case_id}/actions/{action}", "POST", follow=False, data=data)
    return desk.page.status_code


def test_a_permit_goes_from_desk_to_desk_until_the_courier_has_it(desk: Desks) -> None:
    case_id, person = permit()
    clerk, officer, centre = desk("yl-clerk"), desk("yl-officer"), desk("fw-clerk")
    clerk.open(f"/console/cases/{case_id}")
    assert state_of(clerk) == ("submitted", 1)
    clerk.submit("claim")
    assert "您正在办理" in clerk.words
    clerk.submit("accept", follow=False)
    assert (clerk.page.status_code, clerk.page.headers["Location"]) == (303, f"/console/cases/{case_id}")
    clerk.open(f"/console/cases/{case_id}")
    assert state_of(clerk) == ("accepted", 3)
    assert "“受理”已办好" in clerk.words
    assert "受理凭证" in clerk.words
    assert not {"approve", "accept", "release"} & set(clerk.actions)
    officer.open(f"/console/cases/{case_id}")
    officer.submit("approve")
    assert state_of(officer)[0] == "approved"
    centre.open(f"/console/cases/{case_id}")
    centre.submit("make", card_number="!")
    assert (centre.page.status_code, centre.errors) == (422, {"card_number"})
    assert "错误：" in centre.words
    centre.submit("make", card_number=" ３３０２１３２０２６０００００１ ")
    assert state_of(centre)[0] == "made"
    assert "EMS 还没有返回邮件号" in centre.words, "said instead of a form that can only be refused"
    assert "post" not in centre.actions
    move(case_id, "parcel_ordered")
    centre.open(f"/console/cases/{case_id}")
    assert TRACKING in centre.words
    centre.submit("post", tracking="1111111111111")
    assert (centre.page.status_code, centre.errors) == (422, {"form"})
    assert "面单不一致" in centre.words
    assert centre.form("post").inputs["tracking"] == "1111111111111"
    centre.submit("post", tracking=TRACKING)
    assert state_of(centre)[0] == "posted"
    assert "陈静（岳林派出所 · 窗口人员）" in centre.words
    assert "周建国（岳林派出所 · 审批人）" in centre.words
    assert case_now(case_id).results["card_number"] == "3302132026000001"
    assert person.id_number not in centre.page.text


def test_the_second_of_two_officers_is_shown_what_the_first_did(desk: Desks) -> None:
    case_id, _ = permit()
    first, second = desk("yl-clerk"), desk("yl-both")
    first.open(f"/console/cases/{case_id}")
    second.open(f"/console/cases/{case_id}")
    version = state_of(second)[1]
    second_form = second.form("accept")
    first.submit("accept")
    second.open(f"/console/cases/{case_id}/news?version={version}")
    assert "陈静（岳林派出所）" in second.words
    second.open(second_form.url, "POST", data=second_form.inputs)
    assert (second.page.status_code, second.errors) == (409, {"version"})
    assert re.search(r"陈静（岳林派出所）于2026年11月9日 \d\d:\d\d办理了“受理”", second.words)
    assert f'href="/console/cases/{case_id}"' in second.page.text
    assert case_now(case_id).version == 2
    second.open(f"/console/cases/{case_id}")
    assert state_of(second) == ("accepted", 2)
    second.open(f"/console/cases/{case_id}/news?version=2")
    assert (second.page.status_code, second.page.data) == (204, b"")


def test_whoever_comes_while_a_colleague_holds_the_case_is_told_who_does(desk: Desks) -> None:
    case_id, _ = permit()
    holder, other = desk("yl-clerk"), desk("yl-both")
    holder.open(f"/console/cases/{case_id}")
    holder.submit("claim")
    assert post(other, case_id, "accept") == 409
    assert "陈静（岳林派出所）" in other.words
    holder.submit("release")
    assert post(other, case_id, "accept") == 303


def test_accept_pressed_twice_is_done_once_and_answered_alike(desk: Desks) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    form = clerk.form("accept")
    answers = [clerk.open(form.url, "POST", follow=False, data=form.inputs) for _ in range(3)]
    assert [(a.status_code, a.headers["Location"]) for a in answers] == [(303, f"/console/cases/{case_id}")] * 3
    assert case_now(case_id).version == 2
    other_body = form.inputs | {"version": "2"}
    clerk.open(form.url, "POST", data=other_body)
    assert clerk.page.status_code == 422
    assert "已经提交过其他内容" in clerk.words
    assert case_now(case_id).version == 2


def test_of_many_simultaneous_presses_one_is_done(desk: Desks) -> None:
    case_id, _ = permit()
    officers = [desk(login) for login in ("yl-clerk", "yl-both", "yl-auxiliary")]
    forms = []
    for officer in officers:
        officer.open(f"/console/cases/{case_id}")
        forms += [(officer, officer.form("accept"))] * 3
    statuses: list[int] = []
    together = threading.Barrier(len(forms))

    def press(officer: Desk, form: Any) -> None:
        cookies = officer.client.get_cookie("console_session", path="/console", domain="127.0.0.1")
        client = officer.client.application.test_client()
        assert cookies is not None
        client.set_cookie("console_session", cookies.value, domain="127.0.0.1", path="/console")
        session = officer.client.get_cookie("session", domain="127.0.0.1")
        assert session is not None
        client.set_cookie("session", session.value, domain="127.0.0.1")
        together.wait(20)
        answer = client.post(form.url, data=form.inputs, base_url=officer.base_url)
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=contextvars.Context().run, args=(press, *one)) for one in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    # Whoever was first pressed three times; the others are told.
    assert sorted(statuses) == [303] * 3 + [409] * 6
    events = db.session.scalar(select(func.count()).where(CaseEvent.case_id == case_id, CaseEvent.action == "accept"))
    assert (events, case_now(case_id).version) == (1, 2)


ALL = ("yl-clerk", "yl-officer", "yl-auxiliary", "yl-both", "yl-community", "jp-clerk", "jp-officer", "fw-clerk",
       "fw-supervisor", "fw-planner", "fw-reception")  # fmt: skip
#: For each act: what was done before, and who may.
MAY: dict[str, tuple[tuple[str, ...], frozenset[str], dict[str, str]]] = {
    "claim": ((), frozenset({"yl-clerk", "yl-auxiliary", "yl-both"}), {}),
    "accept": ((), frozenset({"yl-clerk", "yl-auxiliary", "yl-both"}), {}),
    "approve": (("accept",), frozenset({"yl-officer", "yl-both"}), {}),
    "make": (("accept", "approve"), frozenset({"fw-clerk"}), {"card_number": "330213202600001"}),
    "post": (("accept", "approve", "make", "parcel_ordered"), frozenset({"fw-clerk"}), {"tracking": TRACKING}),
    "complete": (("accept", "approve", "make", "parcel_ordered", "post"), frozenset(), {}),
    "withdraw": ((), frozenset(), {}),
}


@pytest.mark.parametrize("action", MAY)
def test_each_role_may_do_its_own_steps_and_no_other(desk: Desks, action: str) -> None:
    done, may, given = MAY[action]
    for login in ALL:
        if login in may:
            continue
        case_id, _ = permit(done=done)
        officer = desk(login)
        status = post(officer, case_id, action, **given)
        assert status in (403, 404), (login, action, officer.words)
        assert case_now(case_id).version == len(done) + 1, (login, action)
        officer.open(f"/console/cases/{case_id}")
        assert action not in officer.actions, (login, action)
    for login in sorted(may):
        case_id, _ = permit(done=done)
        assert post(desk(login), case_id, action, **given) == 303, (login, action)
        assert case_now(case_id).version == len(done) + 2


def test_a_card_number_that_another_card_bears_is_refused_at_the_input(desk: Desks) -> None:
    earlier, _ = permit(done=("accept", "approve", "make"))
    made, _ = permit("韦小花", done=("accept", "approve"))
    taken = case_now(earlier).results["card_number"]
    centre = desk("fw-clerk")
    centre.open(f"/console/cases/{made}")
    centre.submit("make", card_number=taken)
    assert (centre.page.status_code, centre.errors) == (422, {"card_number"})
    assert "已经用在另一张居住证上" in centre.words
    assert state_of(centre) == ("approved", 3)
    centre.submit("make", card_number="ZJ33021320260042")
    assert state_of(centre)[0] == "made"


def test_colleagues_without_the_role_are_told_why_and_other_offices_find_nothing(desk: Desks) -> None:
    case_id, _ = permit(done=("accept",))
    clerk, other = desk("yl-clerk"), desk("jp-officer")
    assert post(clerk, case_id, "approve") == 403
    assert "您的岗位没有办理这一步的权限" in clerk.words
    assert post(other, case_id, "approve") == 404
    other.open(f"/console/cases/{case_id}")
    other.submit("reason", why="applicant", reason="")
    assert post(other, case_id, "approve") == 403
    assert "这一步由负责这个办件的派出所办理" in other.words


def test_who_accepted_does_not_approve(desk: Desks) -> None:
    case_id, _ = permit()
    both = desk("yl-both")
    assert post(both, case_id, "accept") == 303
    both.open(f"/console/cases/{case_id}")
    assert "approve" not in both.actions
    assert post(both, case_id, "approve") == 403
    assert "不能由同一个人办理" in both.words


def test_nobody_sees_or_works_on_their_own_case_from_behind_the_counter(desk: Desks) -> None:
    case_id, person = permit()
    member = db.session.scalars(select(Staff).where(Staff.login == "yl-clerk")).one()
    member.id_lookup = person.id_lookup
    db.session.commit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    assert (clerk.page.status_code, looks_at(person)) == (403, [])
    assert "须由其他同事办理" in clerk.words
    assert post(clerk, case_id, "accept") == 403
    assert case_now(case_id).version == 1


def test_what_a_hostile_client_sends_is_refused_and_changes_nothing(desk: Desks, app: Flask) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    form = clerk.form("accept")
    for spoilt in (
        {"version": ""}, {"version": "one"}, {"version": "-1"}, {"version": "99999999999999999999"}, {"form_token": ""},
        {"form_token": "x" * 500},
    ):  # fmt: skip
        assert clerk.open(form.url, "POST", data=form.inputs | spoilt).status_code == 400, spoilt
    assert clerk.open(form.url, "POST", data=form.inputs | {"version": "7"}).status_code == 409
    assert clerk.open(form.url, "POST", data=form.inputs | {"csrf_token": "forged"}).status_code == 400
    foreign = {"Origin": "https://elsewhere.example"}
    assert clerk.open(form.url, "POST", data=form.inputs, headers=foreign).status_code == 400
    for action in ("no_such", "..%2f..", "%00", "accept%27--", "a" * 300):
        clerk.open(f"/console/cases/{case_id}/actions/{action}", "POST", data=form.inputs)
        assert clerk.page.status_code in (403, 404, 409), action
    clerk.open(f"/console/cases/{case_id}/actions/accept")
    assert clerk.page.status_code == 200
    assert state_of(clerk) == ("submitted", 1)
    # A card's number with markup and control characters.
    made, _ = permit(done=("accept", "approve"))
    centre = desk("fw-clerk")
    for text in ("<script>alert(1)</script>", "\x00\x00", "' OR 1=1 --", "９" * 5000):
        assert post(centre, made, "make", card_number=text) == 422, text
        assert "<script>alert" not in centre.page.text
    assert (case_now(case_id).version, case_now(made).version) == (1, 3)
