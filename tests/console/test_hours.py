"""Opening hours: written down by an administrator, read by citizens, with holidays and days that are worked instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases import opening
from citizen_services.database import db
from citizen_services.people.administration_models import AdminAct, OfficeDay
from citizen_services.rules.errors import RuleError
from citizen_services.rules.opening import parse_spans, spans_on, week_words
from citizen_services.rules.working_days import packaged_calendar
from tests.console.conftest import Desk
from tests.pages_kit import check_page, pages_browser, serving

Desks = Callable[[str], Desk]
STATION = "330213001000"
WEEK = {0: ["08:30-11:30", "13:30-17:00"], 5: ["09:00-11:00"]}


@pytest.mark.parametrize(
    ("typed", "spans"),
    [
        ("", []),
        ("8:30-11:30 13:30-17:00", ["08:30-11:30", "13:30-17:00"]),
        ("８：３０至１１：３０、13:30—17:00", ["08:30-11:30", "13:30-17:00"]),
        ("9:00 - 11:00", ["09:00-11:00"]),
    ],
)
def test_hours_are_read_as_people_type_them(typed: str, spans: list[str]) -> None:
    assert parse_spans(typed) == spans


@pytest.mark.parametrize(
    "typed", ["早上", "8:30", "25:00-26:00", "11:30-8:30", "13:00-14:00 8:00-9:00", "8:00-9:00 " * 4]
)
def test_what_is_no_span_of_a_day_is_refused(typed: str) -> None:
    with pytest.raises(RuleError):
        parse_spans(typed)


def test_holidays_are_closed_and_a_weekend_that_is_worked_is_like_a_monday() -> None:
    known = packaged_calendar()
    table = known.table(2026)
    assert table is not None
    worked, _ = table.workdays[0]
    october = date(2026, 10, 1)
    week = dict.fromkeys(range(5), WEEK[0])
    assert spans_on(week, {}, october, known) == ()
    assert spans_on(week, {}, worked, known) == WEEK[0]
    assert spans_on(week, {}, date(2026, 11, 14), known) == ()
    assert spans_on(week | {5: WEEK[5]}, {}, date(2026, 11, 14), known) == WEEK[5]
    # What is said of one date counts before both.
    assert spans_on(week, {october: WEEK[5]}, october, known) == WEEK[5]
    assert week_words(week) == ["周一至周五 8:30–11:30、13:30–17:00", "周六至周日 不办公"]


def test_an_administrator_writes_down_the_hours_and_citizens_read_them(
    app: Flask, desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = clock.today()
    monkeypatch.setattr(clock, "today", lambda: today)
    guide, system = "/h5/items/residence-permit-first", desk("fw-system")
    assert "什么时候" not in app.test_client().get(guide).text
    system.open(f"/console/admin/hours/{STATION}")
    days = {f"day{n}": "8:30-11:30 13:30-17:00" for n in range(5)}
    system.submit("save_week", **days | {"day5": "早上"})
    assert system.page.status_code == 422
    assert system.errors == {"day5"}
    system.submit("save_week", **days, day5="")
    assert "办公时间已保存" in system.words
    system.submit("save_day", day=today.isoformat(), spans="", words="停电检修")
    page = app.test_client().get(guide).text
    assert "周一至周五 8:30–11:30、13:30–17:00" in page
    assert "不办公（停电检修）" in page
    hours = opening.hours_of([STATION])[0]
    assert list(hours.on(today)) == []
    other = today + timedelta(days=1)
    system.submit("save_day", day=other.isoformat(), spans="9:00-10:00", words="周末延时服务")
    db.session.rollback()
    assert list(opening.hours_of([STATION])[0].on(other)) == ["09:00-10:00"]
    system.submit("remove_day")
    system.submit("remove_day")
    assert db.session.scalars(select(OfficeDay)).all() == []
    acts = db.session.scalars(select(AdminAct).order_by(AdminAct.id)).all()
    assert [act.what for act in acts] == ["hours_changed"] * 5
    assert acts[0].after["周一"] == "8:30–11:30、13:30–17:00"
    assert "周六" not in acts[0].after


def test_the_page_of_hours_can_be_read_by_everybody(app: Flask, staff_logins: dict[str, dict[str, Any]]) -> None:
    with serving(app) as address, pages_browser() as chromium:
        page = chromium.desktop(base_url=address, width=1280)
        page.goto("/console/login")
        page.fill("[name=login]", "fw-system")
        page.fill("[name=password]", staff_logins["fw-system"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        page.goto(f"/console/admin/hours/{STATION}")
        page.fill("#f-week-day0", "8:30-11:30 13:30-17:00")
        page.click("form[data-action=save_week] button")
        expect(page.get_by_text("办公时间已保存")).to_be_visible()
        check_page(page, "console-hours", least=24)
        phone = chromium.phone(base_url=address)
        phone.goto("/h5/items/residence-permit-first")
        check_page(phone, "h5-item-hours")
        chromium.close()
