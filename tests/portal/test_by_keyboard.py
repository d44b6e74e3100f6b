"""By the keyboard alone: a citizen applies; a mistake is led to; nothing holds the focus or hides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.pages_kit import PagesBrowser, pages_browser, reach, serving
from tests.portal.conftest import Resident


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


def test_a_citizen_applies_without_a_mouse(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident()
    page = chromium.phone(base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
    page.goto("/h5/items/residence-permit-first")
    reach(page, "跳到主要内容", at_once=True)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    reach(page, "开始办理")
    page.keyboard.press("Enter")
    page.wait_for_url("**/h5/drafts/**")
    # Of a group of choices Tab goes to the first, arrows to the others.
    reach(page, "合法稳定就业")
    page.keyboard.press("Space")
    expect(page.get_by_label("合法稳定就业")).to_be_checked()
    reach(page, "保存并继续")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="核对就业信息").wait_for()
    reach(page, "保存并继续")
    page.keyboard.press("Enter")
    # The summary of what is wrong has the focus, is read out, and leads to the field.
    summary = page.locator("#errsum")
    expect(summary).to_be_focused()
    expect(summary.locator("[role=alert]")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("信息无误")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_label("信息无误")).to_be_checked()
    reach(page, "保存并继续")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="核对证件照片").wait_for()
    reach(page, "使用这张照片")
    page.keyboard.press("Space")
    reach(page, "保存并继续")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="证件寄到哪里").wait_for()
    reach(page, "保存并继续")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="请核对后提交").wait_for()
    reach(page, "我承诺")
    page.keyboard.press("Space")
    reach(page, "确认提交")
    page.keyboard.press("Enter")
    page.get_by_text("提交成功").wait_for()
    assert len(person.cases()) == 1
    chromium.close()


def test_a_page_that_holds_the_focus_or_hides_it_is_reported(chromium: PagesBrowser) -> None:
    page = chromium.phone()
    page.set_content("<style>*{outline:0!important}</style><button>甲</button><button>乙</button>")
    with pytest.raises(AssertionError, match="can't be seen"):
        reach(page, "乙")
    page.set_content("<button>甲</button><script>document.onkeydown = e => e.preventDefault()</script>")
    with pytest.raises(AssertionError, match="isn't reached"):
        reach(page, "乙")
    chromium.close()
