"""The counter, the rating and what follows from a bad one, as clerk and citizen see them; by keyboard and scanner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from citizen_services.cases.models import Case, Rating, Rectification
from citizen_services.database import db
from citizen_services.people.queries import citizen_by_id_number
from tests.console.applications import case_now
from tests.console.test_counter import newcomer
from tests.console.test_pages_of_the_console import Officers
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page, pages_browser, serving
from tests.portal.conftest import ADDRESS, Resident, resident

__all__ = ["resident"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def officers(chromium: PagesBrowser, site: str, staff_logins: dict[str, dict[str, Any]]) -> Iterator[Officers]:
    yield Officers(chromium, site, staff_logins)
    chromium.close()


def _look(page: Page, name: str, narrow: bool) -> None:
    check_page(page, f"counter-{name}{'-zoomed' if narrow else ''}", least=24)


@pytest.mark.parametrize("narrow", [False, True], ids=["desk", "zoomed"])
def test_a_clerk_takes_an_application_for_a_person_without_wechat(
    officers: Officers, outside: House, resident: Callable[..., Resident], narrow: bool
) -> None:
    resident()
    who = newcomer(outside)
    page = officers.sit_down("yl-clerk", **({"width": 683, "height": 384} if narrow else {}))
    page.click("nav a:has-text('窗口接待')")
    # The scanner types wherever the focus is: it is in the one input, and Enter sends.
    expect(page.locator("[name=scan]")).to_be_focused()
    _look(page, "scan", narrow)
    page.locator("[name=scan]").focus()
    page.keyboard.type(who["id_number"])
    page.keyboard.press("Enter")
    expect(page.locator("[data-error=scan]")).to_be_visible()
    _look(page, "unknown", narrow)
    page.click(".ws-actions a:has-text('首次来办事')")
    page.click("form[data-action=register_person] button")
    expect(page.locator("[data-error=card_shown]")).to_be_visible()
    _look(page, "new-refused", narrow)
    for name in ("name", "id_number", "phone"):
        page.fill(f"[name={name}]", who[name])
    page.check("[name=card_shown]")
    page.check("[name=notice_read]")
    _look(page, "new", narrow)
    page.click("form[data-action=register_person] button")
    expect(page.locator("h1")).to_contain_text("接待")
    _look(page, "person", narrow)
    page.click("form[data-action=start]:has(input[value=residence-permit-first]) button")
    expect(page.locator(".mx-note.nt-warn").first).to_be_visible()
    _look(page, "not-yet", narrow)
    page.click("form[data-action=start]:has(input[value=residence-registration]) button")
    page.fill("main [name=q]", "金钟路18号")
    page.click("button[name=lookup]")
    page.check(f"[value='{ADDRESS}']")
    page.check("[value=own_home]")
    _look(page, "group", narrow)
    page.click("form[data-action=save] button:has-text('保存并继续')")
    page.check("[value=own]")
    page.click("form[data-action=save] button:has-text('保存并继续')")
    expect(page.locator("form[data-action=submit]")).to_be_visible()
    page.click("form[data-action=submit] button")
    expect(page.locator("[data-error=read_back]")).to_be_visible()
    _look(page, "check", narrow)
    page.check("[name=read_back]")
    page.check("[name=commitment]")
    page.click("form[data-action=submit] button")
    expect(page.locator("main[data-case-id]")).to_be_visible()
    case = db.session.scalars(select(Case)).one()
    assert (case.door, case.visits) == ("counter", 1)
    person = citizen_by_id_number(who["id_number"])
    assert person is not None
    page.goto(f"/console/counter/people/{person.id}")
    _look(page, "person-again", narrow)


def test_a_paper_is_photographed_at_the_desk(officers: Officers, resident: Callable[..., Resident]) -> None:
    person = resident(employed=False)
    page = officers.sit_down("yl-clerk")
    page.goto("/console/counter")
    page.fill("[name=scan]", person.id_number)
    page.keyboard.press("Enter")
    page.check("[name=card_shown]")
    page.click("form[data-action=card] button")
    page.click("form[data-action=start]:has(input[value=residence-permit-first]) button")
    page.check("[value=employment]")
    for _ in range(4):
        page.click("form[data-action=save] button:has-text('保存并继续')")
        if page.locator("[value=yes]").count():
            page.check("[value=yes]")
    expect(page.locator(".mx-mat")).to_have_count(1)
    _look(page, "papers", False)


def test_a_bad_rating_is_asked_for_once_called_back_and_put_right(
    officers: Officers, chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident(months=0)
    person.begin("residence-registration")
    person.browser.submit("save", address_code=ADDRESS, residence_kind="own_home", room="")
    person.browser.submit("save", ownership="own")
    person.browser.submit("submit", commitment="yes")
    (case,) = person.cases()
    assert case.ended_at is not None
    phone = chromium.phone(width=375, base_url=site)
    phone.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5"}])
    phone.goto(f"/h5/cases/{case.id}")
    check_page(phone, "rating-offered")
    phone.click("#rating a")
    phone.click("form[data-action=rate] button")
    expect(phone.locator("[data-error=grade]")).to_be_visible()
    check_page(phone, "rating-refused")
    phone.check("[value='2']")
    phone.fill("[name=words]", "地址查了半天查不到，窗口电话也没人接")
    check_page(phone, "rating")
    phone.click("form[data-action=rate] button")
    expect(phone.locator("#rating")).to_contain_text("不满意")
    check_page(phone, "rating-given")
    assert db.session.scalars(select(Rating.grade)).all() == [2]
    office = officers.sit_down("yl-clerk")
    office.click("nav a:has-text('评价整改')")
    check_page(office, "ratings", least=24)
    office.click("form[data-action=call] button")
    expect(office.locator("[data-error=note]")).to_be_visible()
    check_page(office, "ratings-refused", least=24)
    office.fill("[name=note]", "11月9日上午电话联系，申请人说地址库里没有新小区")
    office.click("form[data-action=call] button")
    office.fill("[name=measures]", "已把新小区报标准地址库补录，并电话告知申请人")
    office.click("form[data-action=close] button")
    expect(office.locator("table")).to_contain_text("已把新小区")
    check_page(office, "ratings-done", least=24)
    assert db.session.scalars(select(Rectification.state)).all() == ["done"]
    assert case_now(case.id).visits == 0
