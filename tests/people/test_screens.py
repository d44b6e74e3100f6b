"""The pages on which people prove who they are, in a real browser: on a phone in WeChat, and at an officer's desk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from citizen_services.database import db
from citizen_services.people.models import BindingRequest, Citizen
from tests.house import House
from tests.pages_kit import PagesBrowser, check_page, pages_browser
from tests.people.browser import photo
from tests.people.conftest import Invented


@pytest.fixture(scope="module")
def screens() -> Iterator[PagesBrowser]:
    with pages_browser() as pages:
        yield pages


def _code(house: House, phone: str) -> str:
    """The code in the newest SMS that the gateway took for a phone."""
    texts = [str(entry["text"]) for entry in house.ledger("sms_aliyun") if entry["to"] == phone]
    found = re.search(r"\d{6}", texts[-1]) if texts else None
    assert found is not None, texts
    return found[0]


def _wait_for_code(page: Page, house: House, phone: str) -> str:
    for _ in range(600):
        if any(entry["to"] == phone for entry in house.ledger("sms_aliyun")):
            return _code(house, phone)
        page.wait_for_timeout(100)
    raise AssertionError("no SMS came")


@pytest.mark.parametrize("care", [False, True], ids=["standard", "care"])
def test_a_follower_is_bound_by_face_on_a_phone_and_every_page_is_sound(
    screens: PagesBrowser, live: House, invented: Callable[..., Invented], care: bool
) -> None:
    person, name = invented(face="no_match"), "care" if care else "phone"
    page = screens.phone(care=care, base_url=live.web_url)
    page.goto("/h5/bind")
    # The authorize page of the stand-in: tap the follower who one is.
    page.goto(f"{page.url.split('#')[0]}&_openid={person.openid}")
    expect(page).to_have_url(re.compile(r"/h5/bind$"))
    check_page(page, f"bind-{name}-1-purpose")
    page.fill("[data-action=send_code] [name=phone]", person.phone)
    page.click("[data-action=send_code] button")
    expect(page.locator("[data-action=bind] [name=code]")).to_be_visible()
    check_page(page, f"bind-{name}-2-code-sent")
    page.fill("[data-action=bind] [name=code]", _wait_for_code(page, live, person.phone))
    page.fill("[data-action=bind] [name=name]", "韦大花")
    page.fill("[data-action=bind] [name=id_number]", person.id_number)
    page.click("[data-action=bind] button")
    expect(page.locator("[data-action=counter]")).to_be_visible()
    check_page(page, f"bind-{name}-3-disagrees")
    page.fill("[data-action=bind] [name=name]", person.name)
    page.click("[data-action=bind] button")
    expect(page.locator("[data-action=face]")).to_be_visible()
    check_page(page, f"bind-{name}-4-face")
    for left in (2, 1):
        page.set_input_files("[name=file]", {"name": "face.jpg", "mimeType": "image/jpeg", "buffer": photo()})
        page.check("[name=consent_face]")
        page.click("[data-action=face] button")
        expect(page.locator("[data-error=file]")).to_contain_text(f"还可以再试 {left} 次")
    check_page(page, f"bind-{name}-5-no-match")
    page.click("[data-action=counter] button")
    expect(page.locator("[data-counter-code]")).to_have_text(re.compile(r"^\d{6}$"))
    check_page(page, f"bind-{name}-6-counter")


def test_a_clerk_binds_at_the_desk_and_the_phone_goes_on(
    screens: PagesBrowser,
    live: House,
    invented: Callable[..., Invented],
    staff_logins: dict[str, dict[str, Any]],
    application: Flask,
) -> None:
    person = invented()
    phone = screens.phone(base_url=live.web_url)
    phone.goto("/h5/bind?next=/h5/login")
    phone.goto(f"{phone.url.split('#')[0]}&_openid={person.openid}")
    phone.fill("[data-action=send_code] [name=phone]", person.phone)
    phone.click("[data-action=send_code] button")
    phone.fill("[data-action=bind] [name=code]", _wait_for_code(phone, live, person.phone))
    phone.fill("[data-action=bind] [name=name]", person.name)
    phone.fill("[data-action=bind] [name=id_number]", person.id_number)
    phone.click("[data-action=bind] button")
    phone.click("[data-action=counter] button")
    code = phone.locator("[data-counter-code]").inner_text()
    desk = screens.desktop(base_url=live.web_url)
    desk.goto("/console/bind")
    check_page(desk, "console-login")
    desk.fill("[name=login]", "yl-clerk")
    desk.fill("[name=password]", "wrong")
    desk.click("[data-action=login] button")
    expect(desk.locator("[data-error=password]")).to_be_visible()
    check_page(desk, "console-login-wrong")
    desk.fill("[name=password]", staff_logins["yl-clerk"]["password"])
    desk.click("[data-action=login] button")
    check_page(desk, "console-bind")
    desk.fill("[name=code]", code)
    desk.fill("[name=id_number]", "11010519491231002X")
    desk.click("[data-action=bind_at_counter] button")
    expect(desk.locator("[data-error=card_shown]")).to_be_visible()
    check_page(desk, "console-bind-errors")
    desk.fill("[name=id_number]", person.id_number)
    desk.check("[name=card_shown]")
    desk.click("[data-action=bind_at_counter] button")
    expect(desk.get_by_role("status")).to_contain_text("已核验并绑定")
    check_page(desk, "console-bind-done")
    phone.get_by_text("已经核验过，刷新看看").click()
    expect(phone).to_have_url(f"{live.web_url}/h5/")
    with application.app_context():
        assert db.session.scalars(select(Citizen)).one().proved_by == "counter"
        assert db.session.scalars(select(BindingRequest.state)).all() == ["done"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_login_by_phone_works_without_script_in_any_light(
    screens: PagesBrowser, live: House, invented: Callable[..., Invented], dark: bool
) -> None:
    person, name = invented(), "dark" if dark else "light"
    page = screens.phone(dark=dark, base_url=live.web_url)
    page.goto("/h5/login")
    check_page(page, f"login-{name}-1")
    page.click("summary")
    check_page(page, f"login-{name}-2-open")
    page.goto("/h5/oauth/callback?state=a&code=b")
    check_page(page, f"login-{name}-3-not-known")
    plain = screens.phone(dark=dark, script=False, base_url=live.web_url)
    plain.goto("/h5/login")
    plain.fill("[data-action=send_code] [name=phone]", "1391234")
    plain.click("[data-action=send_code] button")
    expect(plain.locator("[data-error=phone]")).to_be_visible()
    plain.fill("[data-action=send_code] [name=phone]", person.phone)
    plain.click("[data-action=send_code] button")
    plain.fill("[data-action=login] [name=code]", _wait_for_code(plain, live, person.phone))
    plain.click("[data-action=login] button")
    expect(plain).to_have_url(re.compile(r"/h5/bind\?next="))
    expect(plain.locator("[data-action=bind] [name=name]")).to_be_visible()
