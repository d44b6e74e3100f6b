"""The page of the API's document: drawn in a real browser under the house's own content policy."""

from __future__ import annotations

from flask import Flask
from playwright.sync_api import expect

from tests.pages_kit import pages_browser, screenshot, serving


def test_the_document_is_drawn_and_can_be_read_without_loosening_the_content_policy(application: Flask) -> None:
    with serving(application) as url, pages_browser() as chromium:
        page = chromium.desktop(base_url=url)
        refused: list[str] = []
        page.on("console", lambda one: refused.append(one.text) if "Content Security Policy" in one.text else None)
        page.goto("/api/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        assert page.locator(".opblock").count() >= 15
        page.locator(".opblock-summary", has_text="提交申请").click()
        expect(page.get_by_text("Idempotency-Key").first).to_be_visible()
        screenshot(page, "api-docs")
        assert not refused
