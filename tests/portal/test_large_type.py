"""长辈版 at the width of a common phone: every page fits, however large its text is set besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services.cases import documents
from citizen_services.cases.models import Document
from citizen_services.database import db
from tests.pages_kit import PagesBrowser, check_page, enlarge, pages_browser, serving
from tests.portal.acting import REASONS, staff_acts
from tests.portal.conftest import Resident

PAGES = (
    "/h5/",
    "/h5/cases",
    "/h5/items/residence-registration",
    "/h5/items/residence-permit-endorse",
    "/h5/items/residence-permit-replace",
    "/h5/items/residence-permit-renew",
    "/h5/items/residence-permit-change",
    "/h5/verify",
    "/h5/telling",
    "/h5/permit",
    "/h5/me",
    "/h5/for",
    "/h5/agents",
    "/h5/organisations",
)


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


def test_every_page_fits_a_phone_in_large_type(
    chromium: PagesBrowser, site: str, resident: Callable[..., Resident]
) -> None:
    person = resident()
    case_id = person.apply()
    page = chromium.phone(width=375, care=True, base_url=site)
    page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
    staff_acts(person, case_id, "decline", "yl-both", REASONS)
    with person.app.app_context():
        paper = db.session.scalars(select(Document).where(Document.case_id == case_id)).one()
        check = documents.proof_address(paper).rpartition("/")[2]
    papers = (f"/h5/cases/{case_id}/documents/{paper.id}", f"/h5/verify/{paper.id}/{check}")
    too_wide = []
    for number, path in enumerate((*PAGES, f"/h5/cases/{case_id}", *papers)):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.locator(".mx-care").inner_text() == "标准版", "the switch stands on every page"
        check_page(page, f"large-type-{number}", least=60)
        sizes = page.evaluate(
            "[...document.querySelectorAll('main p')].map(p => parseFloat(getComputedStyle(p).fontSize))"
        )
        assert min(sizes, default=18) >= 18, path
        enlarge(page)
        if page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") > 0:
            too_wide.append(path)
    assert not too_wide
    chromium.close()
