"""The console's page of telling: each office sees what concerns its cases, masked, and mends it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people.models import Citizen, Staff
from citizen_services.people.sessions import open_session
from citizen_services.registers.operations import register_residence
from notifications import queries, scheduler, tasks
from notifications.models import ChannelHold, Delivery, Notice
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import (
    Outside,
    case_now,
    follower,
    later,
    made_permit,
    parcel_now,
    somebody,
    state_of,
    tell,
    tries,
)
from tests.notifications.test_parcels import ordered_permit
from tests.notifications.test_reached import asked
from tests.notifications.test_writeback import writes
from tests.pages_kit import check_page, pages_browser, serving

PAGE = "/console/telling"
Desks = Callable[[str], Desk]


def session_of(login: str) -> str:
    """A session's token of a member of the staff. Committed."""
    member = db.session.scalars(select(Staff).where(Staff.login == login)).one()
    token = open_session("staff", staff=member.id, epoch=member.epoch).token
    commit()
    return token


@pytest.fixture
def desk(app: Flask) -> Desks:
    """A maker of browsers in which that member of the staff is logged in, with the page open."""
    base_url = "http://127.0.0.1"

    def sit_down(login: str) -> Desk:
        browser = Desk(app, base_url)
        host = urlsplit(base_url).hostname or ""
        browser.client.set_cookie("console_session", session_of(login), domain=host, path="/console")
        browser.open(PAGE)
        return browser

    return sit_down


def number_of(case_id: UUID) -> str:
    """A case's number."""
    return case_now(case_id).number


def type_number(clerk: Desk, field: str, number: str) -> None:
    """Type a number into the form of a parcel, and send it."""
    typed: dict[str, Any] = {field: number}
    clerk.submit("number", **typed)


def rejected_write() -> tuple[UUID, Citizen]:
    """A case whose registration the province's register rejected, and its person. Committed."""
    person = somebody()
    case_id = make.submitted_permit(person)
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(hukou_code="5226"))
    commit()
    db.session.refresh(person)
    change = Change(clock.now())
    register_residence(
        change,
        number=f"JD{new_id().hex[:12]}",
        citizen_id=person.id,
        case_id=case_id,
        address_code="330213001000000001",
        address="岳林街道金钟路18号3幢502室",
        kind="rented",
        office_code=make.STATION,
        district="330213",
        since=clock.today(),
    )
    change.write()
    commit()
    tasks.send("registration")
    return case_id, person


def test_who_was_not_reached_is_called_by_the_own_office_and_that_is_recorded(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    case_id = asked(partners, "sms")
    person = db.session.get_one(Citizen, case_now(case_id).citizen_id)
    number = number_of(case_id)
    assert number not in desk("yl-clerk").words, "there is time left"
    with later(days=40):
        officer = desk("yl-community")
        assert number in officer.words
        assert "没有要打电话的人" not in officer.words
        for secret in (person.name, person.phone, person.id_number):
            assert secret not in officer.page.text
        address = f"{PAGE}/cases/{case_id}/reached"
        for elsewhere in ("jp-clerk", "fw-clerk"):
            other = desk(elsewhere)
            assert number not in other.words
            token = other.form("logout").inputs["csrf_token"]
            other.open(address, "POST", data={"csrf_token": token, "form_token": "somebody-elses"})
            assert other.page.status_code == 404
        correction = corrections.open_correction(case_id)
        assert correction is not None
        assert corrections.unreached(clock.now(), Case.id == case_id)
        form = officer.form("reached")
        for _ in range(2):
            officer.open(form.url, "POST", data=form.inputs)
            assert "已登记电话告知" in officer.words
        assert number not in officer.words.replace(f"{number}：已登记", "")
        db.session.refresh(correction)
        assert correction.reached_at is not None
        assert not corrections.unreached(clock.now(), Case.id == case_id)
        call = db.session.scalars(
            select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq.desc())
        ).first()
        assert call is not None
        assert (call.action, call.from_state, call.to_state, call.actor_role, call.actor_office) == (
            "note_call", "correcting", "correcting", "community_officer", make.STATION,
        )  # fmt: skip
        officer.open(f"/console/cases/{case_id}")
        assert "登记电话告知" in officer.words, "the case's history says who called, as it says every step"
        officer.open(PAGE)
        officer.open(form.url, "POST", data=form.inputs | {"form_token": "another-sending"})
        assert officer.page.status_code == 409
        assert "不用电话告知" in officer.words


def test_what_reached_nobody_is_said_again_once_by_the_cases_office(app: Flask, partners: Outside, desk: Desks) -> None:
    partners.fault("sms_aliyun", "refuse", times=1)
    case_id = make.submitted_permit(somebody())
    tasks.send("sms")
    (dead,) = queries.dead_letters()
    elsewhere = desk("jp-clerk")
    assert "近 30 天的消息都有人收到" in elsewhere.words
    token = elsewhere.form("logout").inputs["csrf_token"]
    elsewhere.open(f"{PAGE}/tries/{dead.id}", "POST", data={"csrf_token": token, "form_token": "somebody-elses"})
    assert elsewhere.page.status_code == 404
    assert "again" not in desk("yl-community").actions, "who only calls sends nothing"
    clerk = desk("yl-clerk")
    assert number_of(case_id) in clerk.words
    assert "对方拒绝接收" in clerk.words
    form = clerk.form("again")
    for _ in range(2):
        clerk.open(form.url, "POST", data=form.inputs)
        assert clerk.page.status_code == 200
    assert "近 30 天的消息都有人收到" in clerk.words
    db.session.rollback()
    assert len(db.session.scalars(select(Delivery.id).where(Delivery.requeued_as.is_not(None))).all()) == 1
    clerk.open(form.url, "POST", data=form.inputs | {"form_token": "another-sending"})
    assert clerk.page.status_code == 409
    assert "不需要或不能再次发送" in clerk.words


def test_a_held_channel_sends_again_as_soon_as_somebody_says_that_it_was_mended(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    notices = [tell(somebody()) for _ in range(3)]
    partners.fault("sms_aliyun", "refuse", code="isv.AMOUNT_NOT_ENOUGH")
    tasks.send("sms")
    assert [hold.channel for hold in queries.holds()] == ["sms"]
    assert "sms" not in scheduler.due_channels()
    assert "mended" not in desk("yl-community").actions, "who only calls sends nothing"
    clerk = desk("yl-clerk")
    assert "isv.AMOUNT_NOT_ENOUGH" in clerk.words
    partners.fault("sms_aliyun", "none")
    form = clerk.form("mended")
    for _ in range(2):
        clerk.open(form.url, "POST", data=form.inputs)
        assert "短信：正在重新发送" in clerk.words
    assert "mended" not in clerk.actions
    db.session.rollback()
    assert "sms" in scheduler.due_channels()
    tasks.send("sms")
    assert {state_of(notice) for notice in notices} == {"sent"}
    clerk.open(f"{PAGE}/channels/telegraph", "POST", data=form.inputs)
    assert clerk.page.status_code == 404


def test_a_message_whose_answer_was_lost_is_listed_for_a_call_and_ends_with_it(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    person, other = somebody(), somebody()
    case_id = make.submitted_permit(person)
    for one in (person, other):
        follower(partners, one)
    notices = [tell(person), tell(other, "refuse")]
    # Of the case that the office works on; what must be known is passed on, and nobody need call.
    db.session.execute(update(Notice).where(Notice.id.in_([n.id for n in notices])).values(case_id=case_id))
    commit()
    partners.fault("wechat_api", "accept_then_cut", times=2)
    tasks.send("wechat")
    assert [state_of(notice) for notice in notices] == ["uncertain", "uncertain"]
    (doubtful,) = queries.in_doubt()
    assert doubtful.id == tries(notices[0])["wechat"].id
    assert "in-doubt" not in desk("jp-clerk").page.text
    officer = desk("yl-community")
    assert "不知道有没有送到的" in officer.words
    assert "已批准" in officer.words, "who calls knows what to say"
    for secret in (person.name, person.phone, person.id_number):
        assert secret not in officer.page.text
    form = officer.form("told")
    for _ in range(2):
        officer.open(form.url, "POST", data=form.inputs)
        assert "已登记电话告知" in officer.words
    assert "不知道有没有送到的" not in officer.words
    assert state_of(notices[0]) == "delivered"
    officer.open(form.url, "POST", data=form.inputs | {"form_token": "another-sending"})
    assert officer.page.status_code == 409
    assert "结果已经知道" in officer.words


def test_a_number_is_typed_from_the_label_at_the_service_centre(app: Flask, partners: Outside, desk: Desks) -> None:
    case_id = made_permit()
    partners.fault("ems", "refuse", code="B0001", times=1)
    tasks.send("ems")
    assert "number" not in desk("jp-clerk").actions
    clerk = desk("fw-clerk")
    assert number_of(case_id) in clerk.words
    field = f"tracking-{parcel_now(case_id).id}"
    type_number(clerk, field, "12345")
    assert clerk.page.status_code == 422
    assert clerk.errors == {field}
    assert parcel_now(case_id).tracking is None
    # A digit that doesn't fit is for the clerk to compare: the number counts all the same.
    type_number(clerk, field, "1119044791529")
    assert clerk.page.status_code == 200
    assert "运单号已登记，但运单号的校验位不符" in clerk.words
    assert parcel_now(case_id).tracking == "1119044791529"
    assert "number" not in clerk.actions


def test_parcels_without_news_are_the_centres_and_the_stations_of_their_cases(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    case_id, tracking = ordered_permit(partners)
    assert tracking not in desk("fw-clerk").words
    with later(days=3, minutes=1):
        for login, seen in (("fw-clerk", True), ("yl-clerk", True), ("jp-clerk", False)):
            assert (tracking in desk(login).words) is seen, login
    assert number_of(case_id)


def test_what_the_province_rejected_is_shown_in_its_words_without_the_person_and_written_again(
    app: Flask, partners: Outside, desk: Desks
) -> None:
    case_id, person = rejected_write()
    (rejected,) = queries.rejected_writebacks()
    assert "hukou_code" in desk("yl-clerk").words
    rejected.words = f"{person.name}（{person.id_number}，{person.phone}）的户籍地区划无效"
    commit()
    assert "户籍地区划无效" not in desk("jp-clerk").words
    clerk = desk("yl-clerk")
    assert "户籍地区划无效" in clerk.words
    for secret in (person.name, person.phone, person.id_number):
        assert secret not in clerk.page.text
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(hukou_code="522601"))
    commit()
    clerk.submit("write")
    assert "已按现在的登记内容重新写入" in clerk.words
    assert "省库没有退回的登记" in clerk.words
    tasks.send("registration")
    db.session.rollback()
    assert [one.state for one in writes(rejected.about or case_id)] == ["failed", "delivered"]


def test_the_page_shows_what_waits_and_can_be_used_by_everybody(app: Flask, partners: Outside, desk: Desks) -> None:
    clerk = desk("yl-clerk")
    for words in ("没有积压", "没有要打电话的人", "每件邮件都有运单号", "省库没有退回的登记", "没有退回的邮件"):
        assert words in clerk.words
    asked(partners, "sms")
    rejected_write()
    partners.fault("sms_aliyun", "refuse", times=1)
    made_permit()
    tasks.send("sms")
    partners.fault("ems", "refuse", code="B0001", times=1)
    tasks.send("ems")
    made_permit()
    db.session.execute(update(Delivery).where(Delivery.state == "pending").values(made_at=_an_hour_ago(), by_day=False))
    moment = clock.protocol_now()
    db.session.add(ChannelHold(channel="sms", reason="isv.AMOUNT_NOT_ENOUGH", since=moment, until=moment))
    commit()
    with later(days=40):
        assert db.session.scalars(select(Case.id)).all()
        token = session_of("yl-clerk")
        with serving(app) as address, pages_browser() as browser:
            page = browser.desktop(base_url=address)
            page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{address}/console"}])
            page.goto(PAGE)
            body = page.inner_text("main")
            for words in (
                "1 小时",
                "isv.AMOUNT_NOT_ENOUGH",
                "已电话告知",
                "登记运单号",
                "已处理好，重新发送",
                "再发一次",
                "再次写入",
            ):
                assert words in body, words
            check_page(page, "console-telling", least=24)


def _an_hour_ago() -> object:
    return clock.protocol_now() - timedelta(hours=1)
