"""A clerk books, moves and gives up for whoever is at the counter or phones; they are told, and the look is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, Look, Staff
from citizen_services.windows import holds
from citizen_services.windows.booking_models import Appointment, Hold
from citizen_services.windows.models import Slot
from notifications.models import Notice
from tests import factories
from tests.cases.engine_world import Hands
from tests.pages_kit import check_page, pages_browser, serving
from tests.windows import hall
from tests.windows.test_hall import hands

__all__ = ["hands"]

CLERK = "cg-clerk"
Desks = Callable[[str], Any]


@pytest.fixture
def clerk(app: Flask, hands: Hands, desk: Desks) -> Any:
    """A clerk of the hall at their desk; nine in the morning."""
    hall.office()
    db.session.execute(update(Staff).where(Staff.login == CLERK).values(office_code=hall.OFFICE))
    commit()
    return desk(CLERK)


def slot(hour: int, capacity: int = 1, group: str = hall.GROUP) -> str:
    """A slot of tomorrow."""
    return str(hall.slot(capacity, day=clock.today() + timedelta(days=1), at=hall.time(hour), group=group))


def found(clerk: Any, who: Citizen, how: str = "call") -> str:
    """The clerk finds somebody; the address of their page."""
    clerk.open("/console/bookings")
    clerk.submit("find", id_number=who.id_number, name=who.name, how=how)
    assert clerk.at == f"/console/bookings/people/{who.id}", clerk.words
    return str(clerk.at)


def bookings() -> list[Appointment]:
    db.session.expire_all()
    return list(db.session.scalars(select(Appointment).order_by(Appointment.id)))


def test_whoever_phones_is_booked_for_moved_and_given_up_for_and_hears_of_each(clerk: Any) -> None:
    nine, ten = slot(9), slot(10)
    who = factories.citizen("王一")
    page = found(clerk, who)
    assert who.phone not in clerk.page.text
    assert who.id_number not in clerk.page.text
    clerk.open(f"{page}/book/{hall.SERVICE}")
    clerk.submit("book", slot_id="", plate="浙B12345")
    assert clerk.errors == {"slot_id"}
    clerk.submit("book", slot_id=nine, plate_kind="02", plate="浙BO234")
    assert clerk.errors == {"plate"}
    form = clerk.form("book").inputs | {"slot_id": nine, "plate_kind": "02", "plate": "浙b·12345"}
    address = clerk.page.request.path
    clerk.open(address, "POST", data=form)
    assert "预约成功" in clerk.words
    assert "请带齐" in clerk.words
    shown = clerk.at
    # The same form again: the same booking.
    clerk.open(address, "POST", data=form)
    assert clerk.at == shown
    [one] = bookings()
    assert (one.door, one.state, str(one.slot_id), one.plate) == ("counter", "booked", nine, "02-浙B12345")
    assert hall.taken(UUID(nine)) == (1, 1)

    clerk.open(f"{shown}/move")
    clerk.submit("move", slot_id=None)
    assert clerk.errors == {"slot_id"}
    clerk.submit("move", slot_id=ten)
    assert clerk.at == shown
    assert str(bookings()[0].slot_id) == ten
    clerk.submit("cancel")
    assert bookings()[0].state == "cancelled"
    assert [hall.taken(UUID(id)) for id in (nine, ten)] == [(0, 1), (0, 1)]

    told = db.session.scalars(select(Notice.kind).where(Notice.citizen_id == who.id).order_by(Notice.id)).all()
    assert told == ["appointment_booked", "appointment_moved", "appointment_cancelled"]
    looks = db.session.scalars(select(Look.reason).where(Look.citizen_id == who.id).order_by(Look.at, Look.id)).all()
    assert looks == [
        "本人来电预约、改期或取消",
        *(f"替本人{did}：{clerk_service()}（{one.number}）" for did in ("预约", "改期", "取消预约")),
    ]


def clerk_service() -> str:
    return parts().catalogue.service(hall.SERVICE).name


def test_pauses_and_the_places_of_a_day_bind_whoever_books_alone_and_no_clerk(clerk: Any, hands: Hands) -> None:
    free = slot(9, 1, "violations")
    who = factories.citizen("王一")
    holds.pause(who.id, "no_show", clock.now() + timedelta(days=30))
    for _ in range(9):
        row = {"slot_id": UUID(free), "citizen_id": who.id, "service": hall.OTHER_SERVICE, "kind": "own"}
        row |= {"state": "released", "at": clock.now(), "expires_at": clock.now(), "ended_at": clock.now()}
        db.session.add(Hold(**row, subject_kind="person", plate=None, subject_lookup=who.id.bytes))
    commit()
    page = found(clerk, who, "here")
    assert "窗口代约不受影响" in clerk.words
    clerk.open(f"{page}/book/{hall.OTHER_SERVICE}")
    clerk.submit("book", slot_id=free)
    assert [one.state for one in bookings()] == ["booked"]
    # Twice the same is not booked, nor is what is kept for it left lying: the person would answer for it.
    more = slot(11, 1, "violations")
    clerk.open(f"{page}/book/{hall.OTHER_SERVICE}")
    clerk.submit("book", slot_id=more)
    assert clerk.page.status_code == 422
    assert "已经有一个有效的预约" in clerk.words
    assert hall.taken(UUID(more)) == (0, 1)


def test_a_full_slot_shows_what_is_near_it(clerk: Any) -> None:
    nine, ten = slot(9, 1, "violations"), slot(10, 1, "violations")
    page = found(clerk, factories.citizen("王一"))
    clerk.open(f"{page}/book/{hall.OTHER_SERVICE}")
    late = clerk.form("book").inputs | {"slot_id": nine}
    other = found(clerk, factories.citizen("王二"))
    clerk.open(f"{other}/book/{hall.OTHER_SERVICE}")
    clerk.submit("book", slot_id=nine)
    clerk.open(f"{page}/book/{hall.OTHER_SERVICE}", "POST", data=late)
    assert clerk.page.status_code == 422
    assert "刚刚约满" in clerk.words
    assert ten in clerk.page.text
    assert nine not in clerk.page.text


def test_nobody_is_looked_at_without_number_and_name_or_by_who_has_no_window(
    clerk: Any, hands: Hands, desk: Desks
) -> None:
    slot(9)
    who, stranger = factories.citizen("王一"), factories.citizen("王二")
    clerk.open("/console/bookings")
    clerk.submit("find", id_number=who.id_number, name="王二", how="call")
    assert clerk.errors == {"name"}
    clerk.submit("find", id_number="11010519491231002X", name="王二", how="call")
    assert clerk.errors == {"id_number"}
    assert "核对身份证后登记" in clerk.words
    assert db.session.scalars(select(Look.id)).all() == []
    page = found(clerk, who)
    # Whoever was not found is not there; and a look counts for a quarter of an hour.
    clerk.open(f"/console/bookings/people/{stranger.id}")
    assert clerk.at == "/console/bookings"
    hands.at += timedelta(minutes=16)
    clerk.open(f"{page}/book/{hall.SERVICE}")
    assert clerk.at == "/console/bookings"
    # Another office's clerk finds no windows of their own.
    elsewhere = desk("yl-clerk")
    elsewhere.open("/console/bookings")
    assert "没有可以预约的窗口" in elsewhere.words
    assert "窗口代约" not in elsewhere.page.text.partition("<main")[0].partition("<nav")[2]


def test_what_another_hall_booked_is_named_and_left_alone(clerk: Any) -> None:
    who = factories.citizen("王一")
    page = found(clerk, who)
    clerk.open(f"{page}/book/{hall.SERVICE}")
    assert clerk.page.status_code == 200
    slot(9)
    clerk.open(f"{page}/book/{hall.SERVICE}")
    clerk.submit("book", slot_id=bookable(), no_plate="yes")
    mine = clerk.at
    db.session.execute(update(Staff).where(Staff.login == CLERK).values(office_code="330213000100"))
    commit()
    assert clerk.open(mine).status_code == 404
    clerk.open(page)
    assert "改期和取消请找那里" in clerk.words
    assert clerk.open(f"{page}/book/{hall.SERVICE}").status_code == 409


def bookable() -> str:
    return str(db.session.scalars(select(Slot.id)).one())


@pytest.fixture
def site(_application: Flask, database: None) -> Iterator[str]:
    """The application on a port of its own."""
    with serving(_application) as url:
        yield url


def test_booking_at_the_counter_by_keyboard_alone_looks_right(clerk: Any, site: str) -> None:
    slot(9)
    slot(10)
    who = factories.citizen("王一")
    with pages_browser() as chromium:
        page = chromium.desktop(base_url=site)
        page.context.add_cookies([
            {"name": "console_session", "value": clerk.cookie("console_session", "/console"), "url": f"{site}/console/"}
        ])  # fmt: skip
        page.goto("/console/bookings")
        check_page(page, "counter-booking-find")
        page.get_by_label("身份证号码").fill(who.id_number)
        page.keyboard.press("Tab")
        page.keyboard.type("王一")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="给 王* 代约").wait_for()
        check_page(page, "counter-booking-person")
        page.locator(f"a[href$='/book/{hall.SERVICE}']").press("Enter")
        page.get_by_label("10:00–10:30").focus()
        page.keyboard.press("Space")
        page.get_by_label("号牌号码").fill("浙B12345")
        check_page(page, "counter-booking-choose")
        page.get_by_label("10:00–10:30").focus()
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        page.get_by_text("预约成功").wait_for()
        check_page(page, "counter-booking-show")
        page.keyboard.press("m")
        page.get_by_role("heading", name="改期").wait_for()
        check_page(page, "counter-booking-move")
        page.keyboard.press("n")
        page.get_by_role("heading", name="窗口代约").wait_for()
