"""Corrections, endings, documents and unsent drafts as a phone shows them; and what the page's script keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from tests.pages_kit import PagesBrowser, check_page, enlarge, pages_browser, screenshot, serving
from tests.portal.acting import ASKED, MENDED, REASONS, asked, staff_acts
from tests.portal.conftest import Resident
from tests.portal.test_looks import LOOKS, phone_of


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    """One Chromium for this module."""
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(_application: Flask, database: None) -> Iterator[str]:
    """The application on a port of its own."""
    with serving(_application) as url:
        yield url


def press(page: Page, text: str) -> None:
    """Press a button that may be waiting for its answer."""
    page.get_by_role("button", name=text, exact=True).click(force=True)


@pytest.mark.parametrize("look", LOOKS, ids=[look[0] for look in LOOKS])
def test_a_correction_a_refusal_and_its_document_look_right(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], look: tuple[str, int, bool, bool]
) -> None:
    name, person = look[0], resident()
    items = [
        *ASKED["items"],
        {"code": "portrait.portrait_correct", "why": "照片像是别人的，请再核对一次"},
        {"code": "employment", "why": "社保登记今天显示停保，请补交劳动合同"},
    ]
    case = asked(person, {"items": items})
    page = phone_of(chromium, site, person, look)
    page.goto("/h5/")
    page.get_by_text("等您补正").wait_for()
    check_page(page, f"citizen-home-correcting-{name}")
    page.goto("/h5/cases")
    check_page(page, f"citizen-cases-correcting-{name}")
    page.goto(f"/h5/cases/{case}")
    check_page(page, f"citizen-correcting-{name}")
    page.get_by_label("详细地址").fill("")
    press(page, "提交补正")
    page.locator("[data-error=postal_address]").wait_for()
    page.locator("[data-error=employment]").wait_for()
    check_page(page, f"citizen-correcting-error-{name}")
    enlarge(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    other = resident("龙阿强")
    ended = other.apply()
    staff_acts(other, ended, "decline", "yl-both", REASONS)
    page = phone_of(chromium, site, other, look)
    page.goto(f"/h5/cases/{ended}")
    check_page(page, f"citizen-declined-{name}")
    page.get_by_role("link", name="看《不予受理决定书》全文").click()
    page.get_by_text("怎么核对真伪").wait_for()
    check_page(page, f"citizen-decision-{name}")
    enlarge(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_document_prints_its_text_and_how_to_check_it_and_nothing_of_the_page(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident()
    case = person.apply()
    staff_acts(person, case, "decline", "yl-both", REASONS)
    page = phone_of(chromium, site, person, LOOKS[1])
    page.goto(f"/h5/cases/{case}")
    page.get_by_role("link", name="看《不予受理决定书》全文").click()
    page.get_by_text("怎么核对真伪").wait_for()
    page.emulate_media(media="print")
    for words in ("不予受理决定书", REASONS["reasons"], "防伪校验码"):
        expect(page.locator("main").get_by_text(words).first).to_be_visible()
    for hidden in (".mx-top", ".mx-help", ".mx-noprint"):
        for found in page.locator(hidden).all():
            expect(found).to_be_hidden()
    colours = page.locator(".mx-paper").evaluate(
        "p => [getComputedStyle(p).color, getComputedStyle(p).backgroundColor]"
    )
    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"], "black on white in dark mode too"


@pytest.mark.parametrize("look", LOOKS, ids=[look[0] for look in LOOKS])
def test_what_is_typed_is_kept_without_a_button_and_a_lost_network_is_said_and_waited_for(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], look: tuple[str, int, bool, bool]
) -> None:
    name, person = look[0], resident()
    person.fill_permit()
    page = phone_of(chromium, site, person, look)
    page.goto(f"{person.path}?step=delivery")
    expect(page.get_by_text("还没有提交", exact=True)).to_be_visible()
    page.get_by_label("详细地址").fill("岳林街道丁路4号")
    expect(page.locator("[data-saved]")).to_contain_text("已替您记下")
    page.goto("/h5/")
    page.goto(person.path)
    expect(page.get_by_label("详细地址")).to_have_value("岳林街道丁路4号")
    check_page(page, f"citizen-draft-unsaved-{name}")
    page.context.set_offline(True)
    page.get_by_label("详细地址").fill("岳林街道戊路5号")
    expect(page.locator("[data-offline]")).to_contain_text("网络断了")
    press(page, "保存并继续" if page.get_by_role("button", name="保存并继续").count() else "保存，回到核对页")
    expect(page.get_by_label("详细地址")).to_have_value("岳林街道戊路5号")
    page.context.set_offline(False)
    expect(page.locator("[data-offline]")).to_be_hidden()
    expect(page.locator("[data-saved]")).to_contain_text("已替您记下")
    typed = person.draft().typed
    assert typed is not None
    assert typed["delivery"]["postal_address"] == "岳林街道戊路5号"
    press(page, "保存并继续")
    page.get_by_role("heading", name="请核对后提交").wait_for()
    assert person.draft().typed is None


def test_a_server_that_answers_with_errors_for_a_while_gets_what_was_typed_later(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident()
    case = asked(person)
    page = phone_of(chromium, site, person, LOOKS[0])
    failures = iter([503, 500])

    def fail(route: Route) -> None:
        status = next(failures, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, body="")

    page.route("**/autosave", fail)
    page.goto(f"/h5/cases/{case}")
    page.get_by_label("详细地址").fill(MENDED["postal_address"])
    expect(page.locator("[data-offline]")).to_contain_text("网络断了")
    expect(page.locator("[data-saved]")).to_contain_text("已替您记下", timeout=20_000)
    expect(page.locator("[data-offline]")).to_be_hidden()
    page.goto("/h5/")
    page.goto(f"/h5/cases/{case}")
    expect(page.get_by_label("详细地址")).to_have_value(MENDED["postal_address"])
    page.get_by_label("收件人手机号码").fill(MENDED["receiver_phone"])
    press(page, "提交补正")
    page.get_by_text("补正已经收到").wait_for()
    assert person.cases()[0].state == "submitted"


def test_an_expired_login_and_another_tab_are_said_while_typing_and_nothing_is_lost(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident()
    person.fill_permit()
    page = phone_of(chromium, site, person, LOOKS[0])
    page.goto(f"{person.path}?step=delivery")
    other = page.context.new_page()
    other.goto(f"{site}{person.path}?step=delivery")
    other.get_by_label("详细地址").fill("岳林街道甲路1号")
    press(other, "保存并继续")
    other.get_by_role("heading", name="请核对后提交").wait_for()
    page.get_by_label("详细地址").fill("岳林街道乙路2号")
    expect(page.locator("[data-offline]")).to_contain_text("刚刚在别的页面保存过")
    press(page, "保存并继续")
    page.get_by_text("别的页面保存的内容").wait_for()
    expect(page.get_by_label("详细地址")).to_have_value("岳林街道乙路2号")
    page.context.clear_cookies(name="h5_session")
    page.get_by_label("详细地址").fill("岳林街道丙路3号")
    expect(page.locator("[data-offline]")).to_contain_text("登录已经过期")
    press(page, "保存并继续")
    # In WeChat the way to the login leaves our site, which a form's answer may not: a page of ours says so.
    page.get_by_text("替您留着").wait_for()
    screenshot(page, "citizen-login-over")
    assert page.get_by_role("link", name="重新登录").get_attribute("href") == f"/h5/enter?next={person.path}"
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
    page.goto(f"{site}{person.path}")
    expect(page.get_by_label("详细地址")).to_have_value("岳林街道丙路3号")
