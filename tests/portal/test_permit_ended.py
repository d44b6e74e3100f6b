"""A permit that ended by a fact, as its person and whoever scans its code see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy import update

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.registers.queries import current_permit
from citizen_services.registers.showing import shown_code
from citizen_services.rules.dates import chinese_full_day
from tests.house import House
from tests.people.browser import Browser
from tests.portal.conftest import Resident
from tests.portal.permits import carded


def test_whoever_moves_their_household_here_sees_the_permit_ended_at_the_next_look(
    application: Flask, resident: Callable[..., Resident], outside: House, house: House
) -> None:
    person = resident()
    carded(person)
    person.browser.open("/h5/permit")
    assert "有效" in person.browser.words
    with person.app.app_context():
        ours = current_permit(person.id)
        assert ours is not None
        path = f"/h5/v/{shown_code(ours.id)}"
        today = clock.today()
    office = Browser(application, house.web_url)
    office.open(path)
    assert "居住证有效" in office.words
    moved = {"hukou_code": "330212", "hukou_address": "浙江省宁波市鄞州区"}
    outside.control("PUT", f"people/{person.id_number}", moved)
    with person.app.app_context():
        # What was answered at the application serves for half a day.
        old = RegisterAnswer.citizen_id == person.id
        db.session.execute(update(RegisterAnswer).where(old).values(fresh_until=RegisterAnswer.at - timedelta(days=1)))
        commit()
    person.browser.open("/h5/items/residence-permit-endorse")
    person.browser.open("/h5/permit")
    day = chinese_full_day(today)
    assert f"您的居住证已于{day}终止：户籍已迁入本市市区" in person.browser.words
    office.open(path)
    assert "居住证已失效" in office.words
    # What has ended is not endorsed by way of what we once wrote to the province.
    person.browser.open("/h5/items/residence-permit-endorse")
    assert "户籍在本市市区" in person.browser.words
    assert "start" not in person.browser.actions
