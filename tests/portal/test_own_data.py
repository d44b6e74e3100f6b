"""Each person's own data: what is held and why, who looked, everything to take along, and the end of a binding."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people import looks
from citizen_services.people.models import Citizen, WeChatBinding
from citizen_services.people.sessions import load_session
from citizen_services.people.signals import code_wanted
from citizen_services.rules.retention import KEPT, period
from citizen_services.wechat.models import Follower
from notifications.models import Delivery, Notice
from tests import factories
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.acting import REASONS, staff_acts
from tests.portal.conftest import Resident
from tests.portal.test_documents import text_of


def looked(person: Resident, times: int, reason: str = "核对投诉") -> None:
    """Somebody of 岳林派出所 looks at the person that often, a minute apart."""
    with person.app.app_context():
        for number in range(times):
            change = Change(clock.now() - timedelta(minutes=number))
            looks.note(change, factories.staff("yl-clerk"), person.id, "opened", f"{reason}{number:03d}", role="clerk")
            change.write()
        commit()


def codes_of(person: Resident) -> str:
    """Ask for the code that a download takes; returns it as the SMS would."""
    caught: list[str] = []

    def take(purpose: str, *, code: str, **_: object) -> None:
        assert purpose == "own_data"
        caught.append(code)

    code_wanted.connect(take, weak=False)
    try:
        person.browser.submit("send_code")
    finally:
        code_wanted.disconnect(take)
    (code,) = caught
    return code


def bound(person: Resident) -> str:
    """A WeChat of the person's own; returns its openid."""
    openid = f"o{uuid4().hex[:27]}"
    with person.app.app_context():
        db.session.add(Follower(openid=openid, followed_at=clock.now()))
        db.session.add(WeChatBinding(id=new_id(), openid=openid, citizen_id=person.id, bound_at=clock.now()))
        commit()
    return openid


def test_a_person_sees_what_is_held_and_why_and_every_look_by_office_role_and_reason_but_no_officer(
    resident: Callable[..., Resident],
) -> None:
    person, other = resident(), resident("龙阿强")
    looked(person, 45)
    person.browser.open("/h5/me")
    for kept in KEPT:
        for words in (kept.what, kept.how_long):
            assert words in person.browser.words, words
    for whole in (person.id_number, person.phone, person.name):
        assert whole not in person.browser.page.text
    shown: list[str] = []
    pages = 0
    while True:
        pages += 1
        assert "岳林派出所 · 窗口人员" in person.browser.words
        shown += re.findall(r"核对投诉(\d{3})", person.browser.page.text)
        further = re.search(r'rel="next" href="([^"]+)"', person.browser.page.text)
        if further is None:
            break
        person.browser.open(further[1])
    assert pages == 3
    assert shown == [f"{number:03d}" for number in range(45)]
    assert "yl-clerk" not in person.browser.page.text
    other.browser.open("/h5/me")
    assert "还没有工作人员看过" in other.browser.words


def test_everything_is_taken_along_only_with_a_fresh_code_once_and_only_ones_own(
    resident: Callable[..., Resident],
) -> None:
    person, other = resident(), resident("龙阿强")
    person.apply()
    looked(person, 1)
    other.apply()
    person.browser.open("/h5/me")
    code = codes_of(person)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert person.browser.submit("export", code=wrong).status_code == 422
    assert person.browser.errors == {"code"}
    # In another's hands the code opens nothing.
    other.browser.open("/h5/me")
    stolen = other.browser.form("send_code").inputs | {"code": code}
    assert other.browser.open("/h5/me/export", "POST", data=stolen).status_code == 422
    answer = person.browser.submit("export", code=code)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    document = json.loads(answer.text)
    assert document["identity"]["id_number"] == person.id_number
    assert document["identity"]["phone"] == person.phone
    (case,) = document["cases"]
    assert case["number"] == person.cases()[0].number
    assert case["data"] == person.cases()[0].data
    assert case["events"][0]["action"] == "submit"
    assert document["looks"][0]["office"] == "岳林派出所"
    assert "yl-clerk" not in answer.text
    assert other.id_number not in answer.text
    # Once: the code is used up.
    person.browser.open("/h5/me")
    form = person.browser.form("send_code").inputs | {"code": code}
    assert person.browser.open("/h5/me/export", "POST", data=form).status_code == 422


def leaves(value: Any) -> Iterator[str]:
    """Every text of a document."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    elif isinstance(value, str):
        yield value


def values_of(file: bytes) -> str:
    """What stands right of the labels, without the feet of sheets, over which a text goes on."""
    read = pypdfium2.PdfDocument(file)
    try:
        # Margin and labels have 66 mm, the foot 24 mm.
        pages = [page.get_textpage().get_text_bounded(left=66 / 25.4 * 72, bottom=24 / 25.4 * 72) for page in read]
        return re.sub(r"\s+", "", "".join(pages))
    finally:
        read.close()


def test_everything_is_taken_along_as_a_pdf_too_with_the_same_content_and_all_pages(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    case_id = person.apply()
    staff_acts(person, case_id, "decline", "yl-both", REASONS)
    bound(person)
    looked(person, 150)
    person.begin("residence-registration")
    files = {}
    for kind in ("json", "pdf"):
        if kind == "pdf":
            # A minute later by the machine's clock: codes are a minute apart.
            with person.app.app_context():
                db.session.execute(text("UPDATE attempt SET at = at - interval '2 minutes'"))
                commit()
        person.browser.open("/h5/me")
        code = codes_of(person)
        if kind == "pdf":
            assert person.browser.submit("export", code=code, kind="docx").status_code == 422
        answer = person.browser.submit("export", code=code, kind=kind)
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="my-data.{kind}"'
        files[kind] = answer.data
    shown = text_of(files["pdf"]) + values_of(files["pdf"])
    assert len(pypdfium2.PdfDocument(files["pdf"])) > 3, "on as many sheets as it takes, each with its number"
    assert "第1页，共" in shown
    for told in ("本人信息副本", "公民身份号码", "理由：核对投诉149", "不予受理（declined）", "没有提交的申请"):
        assert re.sub(r"\s", "", told) in shown, told
    document = json.loads(files["json"])
    del document["made_at"]
    for leaf in leaves(document):
        # Moments and days are written out in Chinese.
        if leaf and not re.match(r"\d{4}-\d\d-\d\d", leaf) and len(leaf) < 2000:
            assert re.sub(r"\s", "", leaf) in shown, leaf
    assert f"{document['identity']['birth_date'][:4]}年" in shown


def test_unbinding_ends_every_login_and_is_told_on_the_phone_and_in_the_old_wechat(
    resident: Callable[..., Resident],
) -> None:
    person = resident()
    person.browser.open("/h5/me")
    assert "unbind" not in person.browser.actions
    openid = bound(person)
    person.browser.open("/h5/me")
    form = person.browser.form("unbind")
    person.browser.submit("unbind", follow=False)
    assert person.browser.page.status_code == 303
    with person.app.app_context():
        assert db.session.scalars(select(WeChatBinding).where(WeChatBinding.ended_at.is_(None))).all() == []
        assert db.session.scalars(select(WeChatBinding.openid)).all() == [openid]
        assert db.session.get_one(Citizen, person.id).epoch == 1
        assert load_session(person.token, "citizen") is None
        told = select(Delivery.channel).join(Notice, Delivery.notice_id == Notice.id).where(Notice.kind == "unbound")
        assert sorted(db.session.scalars(told.where(Notice.citizen_id == person.id))) == ["sms", "wechat"]
    # Sent again it does nothing: whoever is logged out is led to the login.
    assert person.browser.open(form.url, "POST", data=form.inputs, follow=False).status_code in (303, 400)


def test_what_a_page_says_of_periods_is_what_removes(application: Flask) -> None:
    from citizen_services.materials import sweep

    assert period("tries") >= timedelta(days=183)
    assert period("unsent_photos") == sweep.UNUSED_KEPT
    assert period("removed_photos") == sweep.ENDED_KEPT
    for kept in KEPT:
        if kept.period is None:
            assert "系统不自动删除" in kept.how_long
            with pytest.raises(ValueError, match="nothing removes"):
                period(kept.code)
        else:
            assert f"{kept.period.days}天" in kept.how_long


def test_the_page_of_ones_own_data_looks_right_on_a_phone(
    application: Flask, resident: Callable[..., Resident]
) -> None:
    person = resident()
    bound(person)
    looked(person, 21)
    with pages_browser() as chromium, serving(application) as site:
        page = chromium.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.goto("/h5/me")
        check_page(page, "own-data")
        page.get_by_role("button", name="获取验证码", exact=True).click(force=True)
        page.get_by_role("button", name="下载", exact=True).wait_for()
        check_page(page, "own-data-code")
