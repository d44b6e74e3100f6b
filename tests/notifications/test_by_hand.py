"""What no machine could tell is told by people: called from a list, then visited; each person chooses how it begins.

Every rung is walked through the pages of those who do it; the person sees all of it at their case.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from citizen_services.cases import corrections
from citizen_services.database import commit, db
from citizen_services.people.models import Citizen, Look
from citizen_services.people.sessions import open_session
from notifications import by_hand, ladder, operations, queries, tasks
from notifications.models import Delivery, Notice
from notifications.receipts.settlement import move
from tests.console.conftest import Desk
from tests.notifications.conftest import (
    Outside,
    case_now,
    follower,
    later,
    somebody,
    state_of,
    tell,
    tries,
)
from tests.notifications.test_console_page import session_of
from tests.notifications.test_reached import ASKED, asked, try_of
from tests.pages_kit import check_page, pages_browser, serving

CALLS, VISITS = "/console/calls", "/console/visits"


@pytest.fixture
def desk(app: Flask) -> Callable[[str], Desk]:
    """A maker of browsers in which that member of the staff is logged in."""

    def sit_down(login: str) -> Desk:
        browser = Desk(app, "http://127.0.0.1")
        browser.client.set_cookie("console_session", session_of(login), domain="127.0.0.1", path="/console")
        return browser

    return sit_down


def token_of(person: Citizen) -> str:
    """A session of a bound citizen. Committed."""
    token = open_session("citizen", citizen=person.id, epoch=person.epoch).token
    commit()
    return token


def untold() -> tuple[UUID, Citizen]:
    """A case whose request for corrections went by SMS, and the SMS did not arrive. Committed."""
    sms = Delivery.channel == "sms"
    row = db.session.scalars(select(Delivery).where(sms).order_by(Delivery.id.desc())).first()
    assert row is not None
    move(row.id, False, "UNDELIVERABLE", None)
    commit()
    notice = db.session.get_one(Notice, row.notice_id)
    assert notice.case_id is not None
    return notice.case_id, db.session.get_one(Citizen, notice.citizen_id)


def row_of(case_id: UUID, rung: str) -> Delivery:
    """The row of a list that is about a case."""
    db.session.rollback()
    query = select(Delivery).join(Notice, Notice.id == Delivery.notice_id)
    return db.session.scalars(query.where(Notice.case_id == case_id, Delivery.channel == rung)).one()


def note(browser: Desk, url: str, result: str) -> None:
    """Open a row and say what came of it."""
    browser.open(url)
    browser.submit("result", result=result)


def looks_of(person: Citizen) -> int:
    """How many looks at a person's data are on record."""
    db.session.rollback()
    return len(db.session.scalars(select(Look.id).where(Look.citizen_id == person.id)).all())


def test_whom_no_message_reached_is_called_then_visited_and_sees_every_try(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    case_id = asked(partners, "sms")
    _, person = untold()
    number = case_now(case_id).number
    clerk = desk("yl-clerk")
    clerk.open(CALLS)
    assert number in clerk.words
    for secret in (person.name, person.phone):
        assert secret not in clerk.page.text, "a list shows nobody in clear"
    url = f"{CALLS}/{row_of(case_id, 'call').id}"
    for elsewhere in ("jp-clerk", "fw-clerk"):
        other = desk(elsewhere)
        other.open(CALLS)
        assert number not in other.words
        other.open(url)
        assert other.page.status_code == 404
    clerk.open(VISITS)
    assert clerk.page.status_code == 403
    for time in range(1, ladder.MOST_CALLS + 1):
        clerk.open(url)
        assert person.phone in clerk.page.text
        assert ASKED["items"][0]["why"] in clerk.words, "the caller has all that is to be said before them"
        form, before = clerk.form("result"), looks_of(person)
        empty = {k: v for k, v in form.inputs.items() if k != "result"}
        clerk.open(form.url, "POST", data=empty)
        assert (clerk.page.status_code, "请选择结果" in clerk.words) == (422, True)
        assert looks_of(person) == before + 1, "a form that is sent back shows the number again"
        clerk.open(url)
        note(clerk, url, "not_reached")
        call = row_of(case_id, "call")
        assert call.attempts == time
    assert (call.state, call.reason) == ("failed", f"not reached {ladder.MOST_CALLS} times")
    assert "改为上门告知" in clerk.words
    clerk.open(url, "POST", data=empty)
    assert person.phone not in clerk.page.text, "nobody is to be called there any more"
    every = db.session.scalars(select(Look).where(Look.citizen_id == person.id)).all()
    looks = [look for look in every if look.reason == "电话告知"]
    assert looks
    assert all(look.case_id == case_id and look.what == "unmasked" for look in looks)
    officer = desk("yl-community")
    officer.open(VISITS)
    assert number in officer.words
    note(officer, f"{VISITS}/{row_of(case_id, 'visit').id}", "told")
    assert "本人知道了" in officer.words
    visit = row_of(case_id, "visit")
    assert (visit.state, visit.reason) == ("delivered", "told at home")
    correction = corrections.open_correction(case_id)
    assert correction is not None
    assert correction.reached_at is not None, "a visit is a receipt"
    officer.open(f"{VISITS}/{visit.id}")
    assert "已经有了结果" in officer.words
    assert person.phone not in officer.page.text
    assert number not in officer.words
    phone = app.test_client()
    phone.set_cookie("h5_session", token_of(person), domain="localhost", path="/h5")
    seen = phone.get(f"/h5/cases/{case_id}").text
    for words in ("短信：没有送到", f"电话：试过 {ladder.MOST_CALLS} 次，没有打通", "上门：已上门告知"):
        assert words in seen


def test_a_rung_is_left_when_its_time_is_over_and_who_knows_is_not_called(app: Flask, partners: Outside) -> None:
    asked(partners, "wechat")
    notice = db.session.scalars(select(Notice).where(Notice.kind == "correction")).one()
    db.session.execute(text("UPDATE delivery SET sent_at = sent_at - interval '40 minutes' WHERE channel = 'wechat'"))
    commit()
    assert not ladder.pass_on_overdue(), "by business time it is too early"
    with later(minutes=31):
        assert ladder.pass_on_overdue() == {"sms"}
        commit()
    assert {name: one.state for name, one in tries(notice).items()} == {"wechat": "sent", "sms": "pending"}
    tasks.send("sms")
    with later(days=2):
        assert not ladder.pass_on_overdue(), "moving business time brings no receipt sooner"
        db.session.execute(text("UPDATE delivery SET sent_at = sent_at - interval '2 days' WHERE channel = 'sms'"))
        assert not ladder.pass_on_overdue(), "a list wakes no worker"
        commit()
    call = tries(notice)["call"]
    assert (call.state, call.due_at) == ("pending", None)
    with later(days=6):
        ladder.pass_on_overdue()
        commit()
    found = tries(notice)
    assert (found["call"].state, found["visit"].state) == ("cancelled", "pending"), "nobody had the time to call"
    move(found["wechat"].id, True, "success", None)
    commit()
    found = tries(notice)
    assert state_of(notice) == "delivered"
    assert (found["visit"].state, found["visit"].reason) == ("cancelled", "told by another channel")
    move(found["sms"].id, True, "DELIVERED", None)
    commit()
    assert (tries(notice)["sms"].state, tries(notice)["sms"].reason) == ("cancelled", ladder.TOLD_ALREADY)
    with pytest.raises(by_hand.NotOnList):
        by_hand.note("visit", found["visit"].id, "told")


def test_whom_nobody_found_stands_on_the_list_and_is_visited_again(app: Flask, partners: Outside) -> None:
    case_id = asked(partners, "sms")
    sms = try_of(case_id)
    with later(days=2):
        db.session.execute(text("UPDATE delivery SET sent_at = sent_at - interval '2 days' WHERE channel = 'sms'"))
        ladder.pass_on_overdue()
        commit()
    by_hand.note("call", row_of(case_id, "call").id, "refused")
    commit()
    for _ in range(ladder.MOST_VISITS):
        by_hand.note("visit", row_of(case_id, "visit").id, "not_reached")
        commit()
    visit = row_of(case_id, "visit")
    assert (visit.state, sms.state) == ("failed", "sent"), "of the SMS nothing was ever heard"
    assert [row.id for row in queries.dead_letters()] == [visit.id]
    again = db.session.get_one(Delivery, operations.requeue(visit.id))
    commit()
    assert (again.channel, again.state, again.due_at) == ("visit", "pending", None)
    assert not queries.dead_letters()


def test_each_person_chooses_how_they_are_told_and_never_that_they_are_not(
    app: Flask, partners: Outside, client: FlaskClient
) -> None:
    person = somebody()
    follower(partners, person)
    client.set_cookie("h5_session", token_of(person), domain="localhost", path="/h5")

    def choose(**form: str) -> int:
        page = client.get("/h5/telling").text
        token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
        return client.post("/h5/telling", data={"csrf_token": token, **form}).status_code

    assert choose() == 422
    assert choose(first="never") == 422
    must, other = ("refuse",), ("approve",)
    begins = {}
    for first in ("wechat", "sms", "call"):
        assert choose(first=first) == 303
        begins[first] = (*tries(tell(person, *must)), *tries(tell(person, *other)))
    assert begins == {"wechat": ("wechat", "wechat"), "sms": ("sms", "sms"), "call": ("call", "sms")}
    assert choose(first="call", less="on") == 303
    needless = tell(person, *other)
    assert (state_of(needless), tries(needless)) == ("cancelled", {})
    assert set(tries(tell(person, *must))) == {"call"}, "what must be known is told whatever was chosen"


def test_the_pages_of_telling_by_hand_can_be_used_by_everybody(app: Flask, partners: Outside) -> None:
    case_id = asked(partners, "sms")
    _, person = untold()
    staff, citizen = session_of("yl-community"), token_of(person)
    row = row_of(case_id, "call").id
    with serving(app) as address, pages_browser() as browser:
        host = urlsplit(address)
        page = browser.desktop(base_url=address)
        page.context.add_cookies([{"name": "console_session", "value": staff, "url": f"{address}/console"}])
        page.goto(CALLS)
        check_page(page, "console-calls", least=24)
        page.goto(f"{CALLS}/{row}")
        assert person.phone in page.inner_text("main")
        check_page(page, "console-call", least=24)
        page.goto(VISITS)
        check_page(page, "console-visits", least=24)
        phone = browser.phone(width=375, base_url=address)
        phone.context.add_cookies(
            [{"name": "h5_session", "value": citizen, "url": f"{host.scheme}://{host.netloc}/h5"}]
        )
        phone.goto("/h5/telling")
        check_page(phone, "h5-telling")
        phone.goto(f"/h5/cases/{case_id}")
        phone.click("text=通知记录")
        assert "短信：没有送到" in phone.inner_text("main")
        check_page(phone, "h5-case-told")
