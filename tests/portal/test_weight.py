"""Slow and lossy lines, and eyes that see badly: little to fetch, fetched once, large type wherever one logs in."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from tests.people.browser import Browser
from tests.portal.conftest import Resident, log_in

#: Bytes over the wire for the first page that a phone opens, with all that it links; for each later one alone.
FIRST, LATER = 80_000, 24_000
_LINKED = re.compile(r'(?:href|src)="(/static/[^"#]+)')
_READS = {"Accept-Encoding": "gzip, deflate, br"}


def linked(html: str) -> set[str]:
    """The addresses of style sheets, scripts and pictures of a page."""
    return {address.replace("&amp;", "&") for address in _LINKED.findall(html)}


def weight(client: FlaskClient, address: str) -> int:
    """The bytes of a static file as they cross the wire."""
    with client.get(address, headers=_READS) as answer:
        assert answer.status_code == 200, address
        return len(answer.data)


def too_heavy(client: FlaskClient, pages: dict[str, str]) -> list[str]:
    """Pages (HTML by path) that are more than their budget."""
    found = []
    for path, html in pages.items():
        alone = len(html.encode())
        whole = alone + sum(weight(client, address) for address in linked(html))
        if alone > LATER or whole > FIRST:
            found.append(f"{path}: {alone} bytes alone, {whole} with what it links")
    return found


def test_each_page_of_a_citizen_keeps_its_budget_on_a_slow_line(resident: Callable[..., Resident]) -> None:
    person = resident()
    browser, pages = person.browser, {}

    def see(path: str) -> None:
        answer = browser.open(path)
        assert answer.status_code == 200, path
        pages[path] = answer.text

    for path in ("/h5/", "/h5/cases", "/h5/verify", "/h5/telling", "/h5/items/residence-permit-first"):
        see(path)
    see(person.begin("residence-permit-first"))
    browser.submit("save", ground="employment")
    pages["employment"] = browser.page.text
    browser.submit("save", employment_correct="yes", employment_remark="")
    browser.submit("save", portrait_correct="yes")
    browser.submit("save")
    pages["check"] = browser.page.text
    browser.submit("submit", commitment="yes")
    see(f"/h5/cases/{person.cases()[-1].id}")
    assert not too_heavy(browser.client, pages)
    assert all(linked(html) for html in pages.values())
    planted = {"planted": "<p>" + "x" * LATER}
    assert [line.partition(":")[0] for line in too_heavy(browser.client, planted)] == ["planted"]


def test_a_static_file_is_sent_packed_and_kept_and_asked_about_in_one_short_question(application: Flask) -> None:
    client = application.test_client()
    page = client.get("/h5/login")
    assert "Content-Encoding" not in page.headers, "its form's secret and words from outside are never packed together"
    style = next(address for address in linked(page.text) if "/css/" in address)
    with client.get(style) as plain, client.get(style, headers=_READS) as packed:
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.data) == plain.data
        assert len(packed.data) < len(plain.data) / 2
        assert packed.content_length == len(packed.data)
        for answer in (plain, packed):
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert answer.headers["Cache-Control"].endswith("immutable")
            with client.get(style, headers={**_READS, "If-None-Match": answer.headers["ETag"]}) as again:
                assert (again.status_code, again.data) == (304, b"")
                assert "Content-Encoding" not in again.headers
    with client.get(style, headers={**_READS, "Range": "bytes=0-9"}) as part:
        assert (part.status_code, len(part.data)) == (206, 10)
        assert "Content-Encoding" not in part.headers
    with client.head(style, headers=_READS) as head:
        assert (head.status_code, head.data) == (200, b"")


def test_large_type_goes_with_its_person_to_another_phone_and_nobody_else_gets_it(
    resident: Callable[..., Resident],
) -> None:
    person, other = resident(), resident("石大山")
    assert "data-weui-mode" not in person.browser.open("/h5/").text
    person.browser.submit("care")
    assert 'data-weui-mode="care"' in person.browser.page.text
    elsewhere = Browser(person.app, person.browser.base_url)
    assert "data-weui-mode" not in elsewhere.open("/h5/login").text
    log_in(elsewhere, person.token)
    assert 'data-weui-mode="care"' in elsewhere.open("/h5/").text, "a phone that never chose"
    assert "data-weui-mode" not in other.browser.open("/h5/").text
    elsewhere.submit("care")
    assert "data-weui-mode" not in elsewhere.page.text
    assert "data-weui-mode" not in person.browser.open("/h5/cases").text, "the person's latest choice, everywhere"
    stranger = Browser(person.app, person.browser.base_url)
    stranger.open("/h5/login")
    stranger.submit("care")
    assert 'data-weui-mode="care"' in stranger.open("/h5/login").text, "whoever isn't logged in has the browser's"
