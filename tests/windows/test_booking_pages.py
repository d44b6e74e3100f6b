"""Booking on the phone: a day, a slot, kept for some minutes, confirmed; moved, given up, waited for."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import zxingcpp
from flask import Flask
from PIL import Image
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import db
from citizen_services.windows.booking_models import Appointment, WaitingEntry
from tests.pages_kit import check_page, pages_browser, serving
from tests.portal.conftest import Resident
from tests.windows import hall

Residents = Callable[..., Resident]


@pytest.fixture
def site(_application: Flask, database: None) -> Iterator[str]:
    """The application on a port of its own."""
    with serving(_application) as url:
        yield url


@pytest.fixture
def open_hall(_application: Flask, database: None) -> dict[str, str]:
    """Two slots on one day and one on the next, one place each; their ids by name."""
    with _application.app_context():
        day = clock.today() + timedelta(days=3)
        return {
            "nine": str(hall.slot(1, day=day, at=hall.time(9))),
            "ten": str(hall.slot(1, day=day, at=hall.time(10))),
            "later": str(hall.slot(1, day=day + timedelta(days=1), at=hall.time(9))),
            "violations": str(hall.slot(1, day=day, at=hall.time(9), group="violations")),
            "day": day.isoformat(),
        }


def booking(person: Resident) -> Appointment:
    """The person's newest booking."""
    with person.app.app_context():
        query = select(Appointment).where(Appointment.citizen_id == person.id).order_by(Appointment.id.desc())
        return db.session.scalars(query.limit(1)).one()


def test_a_driver_books_on_the_phone_moves_and_gives_up(resident: Residents, open_hall: dict[str, str]) -> None:
    person = resident()
    page = person.browser
    page.open(f"/h5/items/{hall.SERVICE}")
    assert f"/h5/book/{hall.SERVICE}" in page.page.text
    page.open(f"/h5/book/{hall.SERVICE}")
    assert open_hall["nine"] in page.page.text
    assert open_hall["later"] not in page.page.text
    page.submit("hold", slot_id="", plate="浙B12345")
    assert page.errors == {"slot_id"}
    page.submit("hold", slot_id=open_hall["nine"], plate="浙BO234")
    assert page.errors == {"plate"}
    page.submit("hold", slot_id=open_hall["nine"], plate_kind="02", plate="浙b·12345")
    assert "还没有约好" in page.words
    page.submit("book")
    booked = booking(person)
    assert page.at == f"/h5/appointments/{booked.id}"
    assert booked.number in page.words
    assert "浙B12345" in page.words
    picture = person.browser.client.get(
        f"/h5/appointments/{booked.id}/qr.png", base_url=page.base_url, headers={"User-Agent": page.agent}
    )
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.data)))
    assert [one.text for one in found] == [booked.checkin_code]

    page.open(f"/h5/appointments/{booked.id}/move")
    page.submit("move", slot_id=open_hall["ten"])
    assert "已经改到新的时间" in page.words
    assert booking(person).slot_id.hex == open_hall["ten"].replace("-", "")
    # Looking changes nothing: only the form gives up.
    page.open(f"/h5/appointments/{booked.id}")
    page.submit("cancel")
    assert booking(person).state == "cancelled"
    page.open("/h5/appointments")
    assert "已取消" in page.words


def test_whoever_is_a_moment_late_sees_what_is_near_or_waits(resident: Residents, open_hall: dict[str, str]) -> None:
    quick, late, stranger = resident(), resident("韦小明"), resident("韦小强")
    for person in (quick, late):
        person.browser.open(f"/h5/book/{hall.OTHER_SERVICE}")
    slot = open_hall["violations"]
    quick.browser.submit("hold", slot_id=slot)
    late.browser.submit("hold", slot_id=slot)
    assert late.browser.page.status_code == 422
    assert "刚刚约满" in late.browser.words
    quick.browser.submit("book")

    late.browser.open(f"/h5/book/{hall.OTHER_SERVICE}/wait?office={hall.OFFICE}")
    late.browser.submit("wait", office=hall.OFFICE, from_day=open_hall["day"], until_day="")
    assert late.browser.errors == {"until_day"}
    late.browser.submit("wait", office=hall.OFFICE, from_day=open_hall["day"], until_day="2024-01-01")
    assert late.browser.errors == {"from_day"}
    late.browser.submit("wait", office=hall.OFFICE, from_day=open_hall["day"], until_day=open_hall["day"])
    assert "正在候补" in late.browser.words

    quick.browser.open(f"/h5/appointments/{booking(quick).id}")
    quick.browser.submit("cancel")
    late.browser.open("/h5/appointments")
    assert "候补有号了" in late.browser.words
    with late.app.app_context():
        entry = db.session.scalars(select(WaitingEntry)).one()
    # Somebody else's offer is nothing to them.
    stranger.browser.open(f"/h5/book/{hall.OTHER_SERVICE}/wait")
    stranger.browser.submit("wait", office=hall.OFFICE, from_day=open_hall["day"], until_day=open_hall["day"])
    sent = stranger.browser.form("end").inputs | {"action": "accept"}
    stranger.browser.open(f"/h5/appointments/waiting/{entry.id}", "POST", data=sent)
    assert "没有找到" in stranger.browser.words
    late.browser.open("/h5/appointments")
    late.browser.submit("accept")
    assert booking(late).state == "booked"
    assert booking(late).door == "waiting"


def test_another_persons_booking_is_not_there(resident: Residents, open_hall: dict[str, str]) -> None:
    owner, stranger = resident(), resident("韦小明")
    owner.browser.open(f"/h5/book/{hall.OTHER_SERVICE}")
    owner.browser.submit("hold", slot_id=open_hall["violations"])
    kept = owner.browser.at
    assert stranger.browser.open(kept).status_code == 404
    owner.browser.submit("book")
    path = f"/h5/appointments/{booking(owner).id}"
    for address in (path, f"{path}/move", f"{path}/qr.png"):
        assert stranger.browser.open(address).status_code == 404


def test_booking_looks_right_on_a_phone(resident: Residents, open_hall: dict[str, str], site: str) -> None:
    person = resident()
    with pages_browser() as chromium:
        for name, care in (("light", False), ("care", True)):
            page = chromium.phone(width=320 if care else 375, care=care, base_url=site)
            page.context.add_cookies([{"name": "h5_session", "value": person.token, "url": f"{site}/h5/"}])
            page.goto(f"/h5/book/{hall.SERVICE}")
            check_page(page, f"booking-choose-{name}")
            page.get_by_role("button", name="选这个时段").click()
            page.locator("[data-error=slot_id]").wait_for()
            check_page(page, f"booking-error-{name}")
            page.goto(f"/h5/book/{hall.SERVICE}/wait")
            check_page(page, f"booking-wait-{name}")
            page.goto(f"/h5/book/{hall.SERVICE}")
            page.locator("label", has_text="9:00").first.click()
            page.get_by_label("号牌号码").fill("浙B12345")
            page.get_by_role("button", name="选这个时段").click()
            page.get_by_role("heading", name="确认预约").wait_for()
            assert re.search(r"/confirm/[0-9a-f-]{36}$", page.url)
            check_page(page, f"booking-confirm-{name}")
            page.get_by_role("button", name="确认预约").click()
            page.wait_for_url("**/h5/appointments/*")
            check_page(page, f"booking-booked-{name}")
            path = urlsplit(page.url).path
            page.goto(f"{path}/move")
            check_page(page, f"booking-move-{name}")
            page.goto("/h5/appointments")
            check_page(page, f"booking-mine-{name}")
            page.goto(path)
            page.get_by_role("button", name="取消预约").click()
            page.get_by_text("预约已经取消").wait_for()
