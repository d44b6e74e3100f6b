"""By the keyboard alone: an officer logs in, finds a case and accepts it; nothing holds the focus or hides it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests.console.applications import case_now, permit
from tests.pages_kit import PagesBrowser, pages_browser, reach, serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    """One Chromium for this module."""
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The application on a port of its own."""
    with serving(app) as address:
        yield address


def test_an_officer_works_on_a_case_without_a_mouse(
    chromium: PagesBrowser, site: str, staff_logins: dict[str, dict[str, Any]]
) -> None:
    case_id, _ = permit("韦小花")
    page = chromium.desktop(base_url=site)
    page.goto("/console/login")
    page.locator("[name=login]").focus()
    page.keyboard.type("yl-clerk")
    page.keyboard.press("Tab")
    page.keyboard.type(staff_logins["yl-clerk"]["password"])
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    # The first stop leads past the navigation.
    page.locator("body").focus()
    reach(page, "跳到", at_once=True)
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    reach(page, case_now(case_id).number)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-case-id", str(case_id))
    reach(page, "受理")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_have_attribute("data-state", "accepted")
    assert case_now(case_id).state == "accepted"
    chromium.close()
