"""Every page of applying and following as a phone shows it: fits the screen, focus seen, nothing found by axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.pages_kit import PagesBrowser, check_page, enlarge, pages_browser, serving
from tests.portal.conftest import Resident

#: How a page is looked at: name, width, dark, care.
LOOKS = (("light", 360, False, False), ("dark", 360, True, False), ("care", 320, False, True))


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


def phone_of(chromium: PagesBrowser, site: str, person: Resident, look: tuple[str, int, bool, bool]) -> Page:
    """The person's phone, logged in."""
    _, width, dark, care = look
    page = chromium.phone(width=width, dark=dark, care=care, base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
    return page


@pytest.mark.parametrize("look", LOOKS, ids=[look[0] for look in LOOKS])
def test_a_permit_looks_right_from_the_guide_to_the_document(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], look: tuple[str, int, bool, bool]
) -> None:
    name, person = look[0], resident()
    page = phone_of(chromium, site, person, look)

    def seen(what: str) -> None:
        check_page(page, f"citizen-{what}-{name}")

    def press(text: str) -> None:
        page.get_by_role("button", name=text, exact=True).click(force=True)

    def drawn(image: str) -> None:
        page.wait_for_load_state("load")
        assert page.locator(image).evaluate("picture => picture.naturalWidth") > 0

    page.goto("/h5/items/residence-permit-first")
    seen("guide-eligible")
    press("开始办理")
    page.wait_for_url("**/h5/drafts/**")
    seen("draft-ground")
    page.get_by_label("合法稳定就业").check()
    press("保存并继续")
    page.get_by_role("heading", name="核对就业信息").wait_for()
    seen("draft-employment")
    press("保存并继续")
    page.locator("[data-error=employment_correct]").wait_for()
    seen("draft-error")
    page.get_by_label("信息无误").check()
    press("保存并继续")
    page.get_by_role("heading", name="核对证件照片").wait_for()
    drawn(".mx-portrait")
    seen("draft-portrait")
    page.get_by_label("使用这张照片").check()
    press("保存并继续")
    page.get_by_role("heading", name="证件寄到哪里").wait_for()
    seen("draft-delivery")
    press("保存并继续")
    page.get_by_role("heading", name="请核对后提交").wait_for()
    seen("draft-check")
    page.goto("/h5/")
    seen("home-draft")
    page.go_back()
    page.get_by_label("我承诺").check()
    press("确认提交")
    page.get_by_text("提交成功").wait_for()
    drawn(".mx-qr")
    seen("sent")
    page.get_by_role("link", name="查看进度").click()
    page.get_by_text("谁在办").wait_for()
    for summary in page.locator("details > summary").all():
        summary.click()
    seen("case")
    enlarge(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.goto("/h5/cases")
    seen("cases")


@pytest.mark.parametrize("look", LOOKS, ids=[look[0] for look in LOOKS])
def test_a_registration_looks_right_from_the_front_page_to_the_receipt(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident], look: tuple[str, int, bool, bool]
) -> None:
    name, person = look[0], resident(months=0)
    # Not in WeChat: there a stranger is led to the authorize page at once.
    stranger = chromium.desktop(width=look[1], height=740, base_url=site)
    stranger.emulate_media(color_scheme="dark" if look[2] else "light")
    stranger.context.add_cookies([{"name": "care", "value": "1" if look[3] else "0", "url": site}])
    stranger.goto("/h5/")
    check_page(stranger, f"citizen-home-stranger-{name}")
    stranger.goto("/h5/items/residence-registration")
    check_page(stranger, f"citizen-guide-stranger-{name}")
    page = phone_of(chromium, site, person, look)

    def seen(what: str) -> None:
        check_page(page, f"citizen-{what}-{name}")

    def press(text: str) -> None:
        page.get_by_role("button", name=text, exact=True).click(force=True)

    page.goto("/h5/items/residence-permit-first")
    seen("guide-not-eligible")
    page.goto("/h5/items/residence-registration")
    press("开始办理")
    page.get_by_role("heading", name="现居住地址").first.wait_for()
    page.get_by_label("现居住地址").fill("金钟")
    press("查找")
    page.get_by_text("金钟路18号").wait_for()
    seen("draft-address")
    page.get_by_label("金钟路18号").check()
    page.get_by_label("租住房屋").check()
    press("保存并继续")
    page.get_by_role("heading", name="请核对后提交").wait_for()
    seen("registration-check")
    page.get_by_label("我承诺").check()
    press("确认提交")
    page.get_by_text("办好了").wait_for()
    seen("registration-sent")
    page.get_by_role("link", name="居住登记回执").click()
    page.get_by_text("防伪校验码").wait_for()
    seen("document")
    page.goto("/h5/")
    seen("home-done")
