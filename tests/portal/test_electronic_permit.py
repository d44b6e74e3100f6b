"""The electronic permit: its person shows it, anybody who scans the code learns whether it is good, and no more."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest
import zxingcpp
from flask import Flask
from itsdangerous import TimestampSigner
from PIL import Image
from playwright.sync_api import Page
from sqlalchemy import update

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.showing import GOOD_FOR_S
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving
from tests.people.browser import Browser
from tests.portal.conftest import Resident
from tests.portal.permits import carded, issued


def scanned(person: Resident) -> str:
    """What a scanner reads from the person's phone: the path of an address of ours."""
    answer = person.browser.client.get("/h5/permit/qr.png", base_url=person.browser.base_url)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.data)))
    for personal in (person.id_number, person.phone, person.name, str(person.id)):
        assert personal not in found.text
    return urlsplit(found.text).path


@pytest.fixture
def office(_application: Flask, house: House) -> Browser:
    """The scanner of another office, which nobody is logged in on."""
    return Browser(_application, house.web_url)


@contextlib.contextmanager
def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> Iterator[None]:
    """The machine's time as codes are read, so much later."""
    real = TimestampSigner.get_timestamp
    with monkeypatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda signer: real(signer) + seconds)
        yield


def test_another_office_learns_whether_a_shown_permit_is_good_and_nothing_else(
    resident: Callable[..., Resident], office: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = resident("欧阳小花")
    person.browser.open("/h5/permit")
    assert "您还没有居住证" in person.browser.words
    carded(person)
    person.browser.open("/h5/permit")
    for words in ("有效", "欧阳小花", "宁波市公安局奉化分局", "2026年11月9日", "签注有效期至 2027年11月9日"):
        assert words in person.browser.words, words
    assert person.id_number not in person.browser.page.text
    assert person.browser.client.get(
        person.browser.page.text.split('class="mx-portrait" src="')[1].split('"')[0],
        base_url=person.browser.base_url,
    ).data.startswith(b"\xff\xd8")
    path = scanned(person)
    assert office.open(path).status_code == 200
    for words in ("居住证有效", "欧**花", "宁波市公安局奉化分局"):
        assert words in office.words, words
    for hidden in ("欧阳", person.id_number, person.id_number[-4:], person.phone, "金钟", "凯里", "330213202"):
        assert hidden not in office.page.text.split("<main")[1].split("</main>")[0], hidden
    # Altered, of somebody else's key, too old: nothing.
    # The mark's first letter: of its last one two bits mean nothing.
    shown, _, mark = path.rpartition(".")
    for wrong in (f"{shown}.{'B' if mark[0] == 'A' else 'A'}{mark[1:]}", "/h5/v/guessed"):
        assert office.open(wrong).status_code == 404
        assert "不是本局出具的码" in office.words
    with later(monkeypatch, GOOD_FOR_S + 2):
        assert office.open(path).status_code == 410
        assert "这个码已经过期" in office.words
    assert resident("龙阿强").browser.open("/h5/permit/qr.png").status_code == 404


def test_a_scan_tells_of_a_suspended_and_of_an_ended_permit(resident: Callable[..., Resident], office: Browser) -> None:
    person = resident()
    carded(person)
    with person.app.app_context():
        today = clock.today()
    # The full year's last day still counts.
    issued(person, date(today.year - 1, today.month, today.day))
    path = scanned(person)
    office.open(path)
    assert "居住证有效" in office.words
    issued(person, date(today.year - 1, today.month, today.day) - timedelta(days=1))
    office.open(path)
    assert "居住证使用功能中止" in office.words
    person.browser.open("/h5/permit")
    assert "补办签注后恢复使用" in person.browser.words
    with person.app.app_context():
        db.session.execute(update(ResidencePermit).values(state="ended", ended_reason="new_permit", ended_on=today))
        commit()
    office.open(path)
    assert "居住证已失效" in office.words
    person.browser.open("/h5/permit")
    assert "已领取新的居住证" in person.browser.words
    assert person.browser.open("/h5/permit/qr.png").status_code == 404


def test_a_permit_of_another_district_of_the_city_is_shown_as_the_province_has_it(
    resident: Callable[..., Resident], house: House
) -> None:
    person = resident()
    permit = {"number": "3302122025A1", "issued": "2025-12-01", "district": "330212", "endorsed_until": "2026-12-01"}
    house.control("PUT", f"migrants/{person.id_number}", {"registrations": [], "permits": [permit]})
    person.browser.open("/h5/permit")
    for words in ("鄞州区签发", "2026-12-01"):
        assert words in person.browser.words, words


def test_the_electronic_permit_and_its_check_look_right_on_a_phone(
    application: Flask, resident: Callable[..., Resident], house: House
) -> None:
    person = resident()
    carded(person)
    with pages_browser() as chromium, serving(application) as site:
        page: Page = chromium.phone(width=375, base_url=site)
        page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
        page.goto("/h5/permit")
        page.wait_for_load_state("load")
        for picture in page.locator("main img").all():
            assert picture.evaluate("p => p.naturalWidth") > 0
        check_page(page, "permit-valid")
        page.goto(scanned(person))
        check_page(page, "permit-verified")
        with person.app.app_context():
            today = clock.today()
        issued(person, today - timedelta(days=500))
        page.goto("/h5/permit")
        check_page(page, "permit-suspended")
        page.goto(scanned(person))
        check_page(page, "permit-verified-suspended")
