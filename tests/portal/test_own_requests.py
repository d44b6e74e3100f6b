"""Requests about one's own data are answered in writing; what is over is forgotten, and nothing that is needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect
from sqlalchemy import delete, select, update

from app import recurring
from citizen_services import clock
from citizen_services.cases import drafts, retention
from citizen_services.cases.models import Case, Draft
from citizen_services.database import commit, db, new_id
from citizen_services.doctor import examine
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.parts import parts
from citizen_services.people.data_models import DataRequest
from citizen_services.people.models import Citizen, Look, RoleGrant, Staff
from notifications import own
from notifications.models import Delivery, Notice
from tests import factories
from tests.console.conftest import Desk, desk
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import Resident

__all__ = ["desk"]


def test_a_request_is_answered_in_writing_and_what_nobody_needs_goes_at_once(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident()
    person.begin("residence-permit-first")
    page = person.browser
    page.open("/h5/me/requests")
    page.submit("deletion", deletion_words="请删")
    assert page.page.status_code == 422
    page.submit("deletion", deletion_words="不再需要了，请删除我的信息")
    assert "没有提交的申请已经删除" in page.words
    with person.app.app_context():
        assert drafts.open_draft(person.id, "residence-permit-first") is None
    page.submit("deletion", deletion_words="不再需要了，请删除我的信息")
    assert "已经提出过同样的请求" in page.words
    page.open("/h5/me/requests")
    page.submit("correction", correction_words="户籍地址门牌号应为5组")
    supervisor = desk("fw-data")
    supervisor.open("/console/data-requests")
    assert "不再需要了" not in supervisor.words
    with person.app.app_context():
        ids = {row.kind: row.id for row in db.session.scalars(select(DataRequest))}
    supervisor.open(f"/console/data-requests/{ids['deletion']}")
    assert "不再需要了，请删除我的信息" in supervisor.words
    supervisor.submit("answer", answer="短")
    assert supervisor.page.status_code == 422
    written = "草稿已删除；居住登记按《浙江省流动人口居住登记条例》保存，登记终止后按档案规定处理。"
    supervisor.submit("answer", answer=written)
    for login in ("yl-clerk", "fw-supervisor"):
        assert desk(login).open(f"/console/data-requests/{ids['correction']}").status_code == 403
    page.open("/h5/me/requests")
    assert written in page.words
    page.open("/h5/me")
    assert "答复个人信息请求" in page.words, "that it was read stands on record"
    with person.app.app_context():
        told = db.session.scalars(select(Notice.kind).where(Notice.citizen_id == person.id)).all()
    assert list(told).count("data_answered") == 1


def test_a_district_that_has_named_nobody_loses_no_request_and_its_supervisors_are_told_to_name_one(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident("韦小花")
    with person.app.app_context():
        named = select(Staff.id).where(Staff.login == "fw-data").scalar_subquery()
        db.session.execute(delete(RoleGrant).where(RoleGrant.staff_id == named))
        commit()
    person.browser.open("/h5/me/requests")
    person.browser.submit("correction", correction_words="户籍地址门牌号应为5组")
    boss = desk("fw-supervisor")
    boss.open("/console/data-requests")
    assert "本区还没有个人信息保护负责人" in boss.words
    assert "1 件" in boss.words
    assert "户籍地址" not in boss.words
    assert "小花" not in boss.words
    with person.app.app_context():
        finding = next(one for one in examine(parts()) if one.check == "data officer")
        assert (finding.ok, finding.found) == (False, "0 named, 1 requests wait")
    # Two pairs of eyes name one, who finds what waits.
    system, security = desk("fw-system"), desk("fw-security")
    with person.app.app_context():
        chosen = db.session.scalars(select(Staff).where(Staff.login == "fw-editor")).one()
    system.open(f"/console/admin/staff/{chosen.id}")
    system.submit("ask_role", role="data_officer")
    assert desk("fw-editor").open("/console/data-requests").status_code == 403
    security.open("/console/admin")
    security.submit("approve")
    officer = desk("fw-editor")
    officer.open("/console/data-requests")
    assert "韦*花" in officer.words
    boss.open("/console/data-requests")
    assert "本区还没有" not in boss.words
    assert chosen.name in boss.words


# --- Retention ----------------------------------------------------------------------------------------------------


def forget() -> None:
    """The scheduler's own hook."""
    recurring()["data whose time is over"][1]()


def _aged(person: Any, days: int, *, ended: bool) -> Any:
    """A draft that nobody touched for so many days, with an answer of its own; and one answer that nothing rests on."""
    draft = factories.permit_draft(person)
    loose = factories.answer(person, "market", "business", {"business": "某店"})
    db.session.flush()
    at = clock.now() - timedelta(days=days)
    db.session.execute(update(Draft).where(Draft.id == draft.id).values(saved_at=at, ended_at=at if ended else None))
    db.session.execute(update(RegisterAnswer).where(RegisterAnswer.citizen_id == person.id).values(at=at))
    commit()
    return draft.id, set(draft.answers.values()), loose


def _there(table: Any, ids: Any) -> set[str]:
    db.session.rollback()
    return {str(one) for one in db.session.scalars(select(table.id).where(table.id.in_(list(ids))))}


def test_what_is_over_goes_and_what_is_needed_stays_at_each_border(app: Flask) -> None:
    made = []
    for days in (0, 29, 31, 59, 61, 179, 181, 400):
        for ended in (False, True):
            made.append((days, ended, *_aged(factories.citizen(), days, ended=ended)))
    forget()
    for days, ended, draft, rested, loose in made:
        kept = days < (30 if ended else 180)
        assert bool(_there(Draft, [draft])) == kept, (days, ended)
        assert bool(_there(RegisterAnswer, [loose])) == (days < 60), (days, ended)
        # Answers stay as long as the draft that rests on them, and young ones in any case.
        assert bool(_there(RegisterAnswer, rested)) == (kept or days < 60), (days, ended)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(st.tuples(st.integers(0, 800), st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_no_age_and_no_order_takes_what_a_case_rests_on(app: Flask, ages: list[tuple[int, bool, bool]]) -> None:
    kept: set[str] = set()
    for days, ended, sent in ages:
        person = factories.citizen()
        if sent:
            case_id = factories.submitted_permit(person)
            kept |= set(db.session.get_one(Case, case_id).answers.values())
            at = clock.now() - timedelta(days=days)
            db.session.execute(update(RegisterAnswer).where(RegisterAnswer.citizen_id == person.id).values(at=at))
            commit()
        else:
            _aged(person, days, ended=ended)
    forget()
    assert _there(RegisterAnswer, kept) == kept
    forget()
    assert _there(RegisterAnswer, kept) == kept


def test_a_retention_that_forgets_what_a_case_rests_on_is_noticed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: nobody asks what the answers are needed for."""
    person = factories.citizen()
    needed = set(db.session.get_one(Case, factories.submitted_permit(person)).answers.values())
    db.session.execute(update(RegisterAnswer).values(at=clock.now() - timedelta(days=90)))
    commit()
    monkeypatch.setattr(retention, "_rested_on", lambda _: set())
    forget()
    assert _there(RegisterAnswer, needed) != needed


def test_old_notices_of_no_case_go_unless_something_of_them_is_open(app: Flask) -> None:
    def notice(days: int, state: str, tried: str, **more: Any) -> Any:
        id_ = new_id()
        at = clock.now() - timedelta(days=days)
        db.session.add(Notice(id=id_, kind="login_code", values={}, text="验证码", state=state, at=at, **more))
        db.session.flush()
        db.session.add(
            Delivery(
                id=new_id(), notice_id=id_, channel="sms", payload={}, state=tried, must_be_known=False, by_day=False,
                made_at=at, due_at=at if tried in ("pending", "sending") else None, attempts=0, checks=0,
            )
        )  # fmt: skip
        commit()
        return id_

    over = notice(400, "delivered", "delivered")
    young = notice(300, "delivered", "delivered")
    doubtful = notice(400, "sent", "uncertain")
    of_case = notice(400, "delivered", "delivered", case_id=new_id())
    own.forget_old()
    assert _there(Notice, [over, young, doubtful, of_case]) == {str(young), str(doubtful), str(of_case)}


def test_an_answer_that_is_sent_back_shows_the_request_with_a_look_on_record(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident()
    person.browser.open("/h5/me/requests")
    person.browser.submit("correction", correction_words="户籍地址门牌号应为5组")
    officer = desk("fw-data")
    with person.app.app_context():
        request_id = db.session.scalars(select(DataRequest.id)).one()
    officer.open("/console/data-requests")
    token = officer.form("logout").inputs["csrf_token"]
    answer = officer.open(f"/console/data-requests/{request_id}", "POST", data={"csrf_token": token, "answer": "短"})
    assert answer.status_code == 422
    assert "户籍地址门牌号应为5组" in officer.words
    with person.app.app_context():
        looks = db.session.scalars(select(Look.reason).where(Look.citizen_id == person.id)).all()
    assert looks == ["答复个人信息请求"]


def test_nobody_answers_what_they_asked_themselves(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident()
    person.browser.open("/h5/me/requests")
    person.browser.submit("correction", correction_words="户籍地址门牌号应为5组")
    with person.app.app_context():
        citizen = db.session.get_one(Citizen, person.id)
        db.session.execute(update(Staff).where(Staff.login == "fw-data").values(id_lookup=citizen.id_lookup))
        commit()
        request_id = db.session.scalars(select(DataRequest.id)).one()
    supervisor = desk("fw-data")
    assert supervisor.open(f"/console/data-requests/{request_id}").status_code == 403
    assert "户籍地址门牌号" not in supervisor.words


def test_the_page_of_requests_can_be_read_and_used_by_everybody(
    application: Flask,
    resident: Callable[..., Resident],
    desk: Callable[[str], Desk],
    staff_logins: dict[str, dict[str, Any]],
) -> None:
    person = resident("欧阳小花")
    with pages_browser() as chromium, serving(application) as site:
        page = chromium.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.goto("/h5/me/requests")
        check_page(page, "own-data-requests")
        page.get_by_role("button", name="请求更正").click()
        check_page(page, "own-data-requests-errors")
        page.fill("#f-correction_words", "户籍地址门牌号应为5组")
        page.get_by_role("button", name="请求更正").click()
        expect(page.get_by_text("请求已收到")).to_be_visible()
        desktop = chromium.desktop(base_url=site, width=1280)
        desktop.goto("/console/login")
        desktop.fill("[name=login]", "fw-data")
        desktop.fill("[name=password]", staff_logins["fw-data"]["password"])
        desktop.click("form[data-action=login] button")
        expect(desktop.locator("form[data-action=logout]")).to_be_visible()
        desktop.goto("/console/data-requests")
        check_page(desktop, "console-data-requests", least=24)
        desktop.locator("[data-row] a").click()
        expect(desktop.locator("form[data-action=answer]")).to_be_visible()
        check_page(desktop, "console-data-request", least=24)
        token = desk("fw-supervisor").cookie("console_session", "/console")
        told = chromium.desktop(base_url=site, width=1280)
        told.context.add_cookies([{"name": "console_session", "value": token or "", "url": f"{site}/console"}])
        told.goto("/console/data-requests")
        check_page(told, "console-data-waiting", least=24)
