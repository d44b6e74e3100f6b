"""The pages of supervision as a supervisor sees them: the figures drawn and in tables, at the desk and at 200 %."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect

from app import recurring
from tests.console.applications import due, permit
from tests.console.test_supervision import complete
from tests.pages_kit import PagesBrowser, check_page, pages_browser, serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[PagesBrowser]:
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


def test_a_supervisor_reads_the_figures_with_eyes_ears_and_at_any_size(
    chromium: PagesBrowser, site: str, staff_logins: dict[str, dict[str, Any]]
) -> None:
    complete("韦小花", 0)
    complete("王大明", 2)
    late, _ = permit("阿卜杜拉·买买提")
    due(late, -2)
    for name in ("clocks to supervisors", "figures of months"):
        recurring()[name][1]()
    looks: dict[str, dict[str, Any]] = {"light": {"width": 1280}, "dark": {"width": 683, "height": 384, "dark": True}}
    for look, size in looks.items():
        page = chromium.desktop(base_url=site, **size)
        page.goto("/console/login")
        page.fill("[name=login]", "fw-supervisor")
        page.fill("[name=password]", staff_logins["fw-supervisor"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        page.goto("/console/supervision")
        expect(page.locator("[data-chart] svg")).to_have_count(3)
        check_page(page, f"console-supervision-{look}", least=24)
        for address, name in {
            "/console/supervision/clocks?span=late": "clocks",
            f"/console/supervision/cases/{late}": "case",
            "/console/supervision/visits": "behind",
            "/console/supervision/refusals": "refusals",
            "/console/supervision/export": "export",
        }.items():
            page.goto(address)
            check_page(page, f"console-supervision-{name}-{look}", least=24)
    chromium.close()
