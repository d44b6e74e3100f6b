"""Parameters through the console: two pairs of eyes, in force from a day on, at the next use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import correction_dates
from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people import administration_record, look_limits, parameters
from citizen_services.people.administration_models import AdminAct, ParameterChange
from citizen_services.rules.periods import Period
from notifications import ladder
from tests import factories
from tests.console.conftest import Desk
from tests.pages_kit import check_page, pages_browser, serving

Desks = Callable[[str], Desk]


@pytest.fixture(autouse=True)
def one_day(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """No midnight falls into a test."""
    day, now = clock.today(), protocol_now()
    monkeypatch.setattr(clock, "today", lambda: day)
    monkeypatch.setattr(look_limits, "protocol_now", lambda: now)


def test_a_parameter_is_in_force_from_its_day_once_another_administrator_approved_it(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, security = desk("fw-system"), desk("fw-security")
    given = parts().settings.correction_days
    assert parameters.in_force("correction_days") == (given, None)
    tomorrow = clock.today() + timedelta(days=1)
    wrong = {
        "value": {"value": "0", "from_day": tomorrow.isoformat()},
        "from_day": {"value": "15", "from_day": (tomorrow - timedelta(days=2)).isoformat()},
    }
    for field, values in wrong.items():
        system.open("/console/admin/parameters")
        system.submit("propose_parameter", name="correction_days", **values)
        assert (system.page.status_code, system.errors) == (422, {field})
    system.submit("propose_parameter", name="correction_days", value="15", from_day=tomorrow.isoformat())
    assert "等另一位管理员决定" in system.words
    # Who proposed it decides nothing, by whichever way; until another one does, nothing changes.
    assert "approve_parameter" not in system.actions
    wish = db.session.scalars(select(ParameterChange)).one()
    form = {"csrf_token": system.form("propose_parameter").inputs["csrf_token"], "form_token": "a" * 12}
    system.open(f"/console/admin/parameters/{wish.id}/approve", "POST", data=form)
    assert "提出人不能自己批准" in system.words
    assert parameters.number("correction_days") == given
    security.open("/console/admin/parameters")
    security.submit("approve_parameter")
    assert f"{tomorrow.isoformat()} 起 15 个工作日" in security.words
    db.session.rollback()
    assert parameters.number("correction_days") == given
    with monkeypatch.context() as later:
        later.setattr(clock, "today", lambda: tomorrow)
        assert parameters.in_force("correction_days") == (15, tomorrow)
        assert correction_dates.time_to_answer() == Period(15, "working")
    whats = db.session.scalars(select(AdminAct.what).order_by(AdminAct.id)).all()
    assert whats == ["parameter_proposed", "parameter_approved"]
    assert administration_record.verify() == []


def test_every_room_reads_what_was_decided_and_another_process_within_a_minute(
    desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, security = desk("fw-system"), desk("fw-security")
    today = clock.today().isoformat()
    for name, value in {"looks_searched": "1", "tell_call_days": "7"}.items():
        system.open("/console/admin/parameters")
        system.submit("propose_parameter", name=name, value=value, from_day=today)
        security.open("/console/admin/parameters")
        security.submit("approve_parameter")
    db.session.rollback()
    assert ladder.waits("call") == timedelta(days=7)
    clerk = factories.staff("yl-clerk")
    look_limits.count_look("searched", clerk.id)
    with pytest.raises(look_limits.EnoughForToday):
        look_limits.count_look("searched", clerk.id)
    db.session.rollback()
    # Another process knows what it read until its time is over, which is less than a minute.
    reader = parameters._Decided()
    known = reader.get()
    system.open("/console/admin/parameters")
    system.submit("propose_parameter", name="tell_call_days", value="9", from_day=today)
    security.open("/console/admin/parameters")
    security.submit("reject_parameter")
    system.open("/console/admin/parameters")
    system.submit("propose_parameter", name="tell_call_days", value="8", from_day=today)
    security.open("/console/admin/parameters")
    security.submit("approve_parameter")
    db.session.rollback()
    assert parameters.number("tell_call_days") == 8
    assert reader.get() is known
    assert parameters.READ_AGAIN_S < 60
    monkeypatch.setattr(parameters, "READ_AGAIN_S", -1.0)
    assert [value for _, value in reader.get()["tell_call_days"]] == [7, 8]


def test_each_declared_parameter_has_its_default_within_its_bounds(app: Flask) -> None:
    for name, one in parameters.declared().items():
        assert one.allows(parameters.default(name)), name
    years = parameters.DECLARED["case_file_years"]
    assert [years.allows(value) for value in (0, 9, 10, 100, 101)] == [True, False, True, True, False]
    with pytest.raises(KeyError):
        parameters.number("var_dir")


def test_the_page_of_parameters_can_be_read_by_everybody(
    app: Flask, staff_logins: dict[str, dict[str, Any]], desk: Desks
) -> None:
    system = desk("fw-system")
    system.open("/console/admin/parameters")
    system.submit("propose_parameter", name="tell_call_days", value="9", from_day=clock.today().isoformat())
    with serving(app) as address, pages_browser() as chromium:
        page = chromium.desktop(base_url=address, width=1280)
        page.goto("/console/login")
        page.fill("[name=login]", "fw-security")
        page.fill("[name=password]", staff_logins["fw-security"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        page.goto("/console/admin/parameters")
        check_page(page, "console-parameters", least=24)
        chromium.close()
