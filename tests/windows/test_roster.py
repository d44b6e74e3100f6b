"""Who works when: whatever clashes is shown, nothing is forbidden; one person's week is printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock, demo_traffic
from citizen_services.database import commit, db
from citizen_services.people.models import Staff
from citizen_services.windows import desks, plans, roster
from tests import factories
from tests.pages_kit import check_page, pages_browser, serving

OFFICE = demo_traffic.OFFICE


@pytest.fixture
def monday(app: Flask) -> date:
    """The demo traffic office; the Monday of its next published week."""
    desks.forget_desks()
    demo_traffic.seed()
    return plans.monday_of(clock.today()) + timedelta(days=7)


def member(login: str) -> UUID:
    return db.session.scalars(select(Staff.id).where(Staff.login == login)).one()


def said(monday: date, login: str | None) -> list[str]:
    """What is said of somebody's week, or of the windows of its Monday."""
    who = member(login) if login else None
    found = roster.clashes(roster.week(OFFICE, monday), plans.windows_of(plans.week_of(OFFICE, monday)))
    return [one.words for one in found if one.staff_id == who and (who is not None or one.day == monday)]


def test_each_kind_of_clash_is_shown_and_none_forbids(monday: date) -> None:
    planner, clerk = factories.staff("cg-planner"), member("cg-clerk")
    assert said(monday, "cg-clerk") == []
    roster.qualify(planner, clerk, ["violations"])
    roster.assign(planner, clerk, monday, time(8, 30), time(11, 30), 5)
    commit()
    assert said(monday, "cg-clerk") == []
    assert "08:30–11:30 5 号窗口" not in "".join(said(monday, None)), "somebody qualified is there"
    assert "11:30–13:30 5 号窗口没有排够有资格的人。" in said(monday, None)
    roster.assign(planner, clerk, monday, time(11), time(13, 30), 1)
    commit()
    words = said(monday, "cg-clerk")
    assert any("同时排了两个班" in one for one in words)
    assert any("没有休息" in one for one in words), "five hours on end"
    assert any("还不具备资格" in one for one in words), "counter 1 does vehicles"
    roster.be_away(planner, clerk, monday, monday, "sickness")
    commit()
    assert any("病假" in one for one in said(monday, "cg-clerk"))


def test_days_in_a_row_count_over_the_end_of_a_week_and_a_rest_ends_them(monday: date) -> None:
    planner, clerk = factories.staff("cg-planner"), member("cg-window")
    for day in range(-4, 3):
        roster.assign(planner, clerk, monday + timedelta(days=day), time(9), time(12), None)
    commit()
    assert said(monday, "cg-window") == ["已经连续上班 7 天，超过 6 天。"]
    found = roster.week(OFFICE, monday)
    roster.remove(planner, found.of(clerk, monday)[0].id)
    commit()
    assert said(monday, "cg-window") == []


def test_a_break_between_two_shifts_is_a_rest(monday: date) -> None:
    planner, clerk = factories.staff("cg-planner"), member("cg-window")
    for starts, ends in ((time(8, 30), time(11, 30)), (time(12), time(15)), (time(15, 30), time(17))):
        roster.assign(planner, clerk, monday, starts, ends, None)
    commit()
    assert said(monday, "cg-window") == []


def test_a_planner_rosters_on_the_page_and_reaches_nobody_of_another_office(
    monday: date, desk: Callable[[str], Any]
) -> None:
    planner, stranger = desk("cg-planner"), desk("fw-planner")
    here = f"/console/roster?week={monday.isoformat()}"
    planner.open(here)
    shift = {"staff": str(member("cg-clerk")), "day": monday.isoformat(), "starts": "8:30", "ends": "11:30"}
    planner.submit("assign", **shift | {"ends": "bald"})
    assert planner.errors == {"ends"}
    planner.submit("assign", **shift, counter="5")
    assert "5 号窗口" in planner.words
    planner.submit("assign", **shift | {"ends": "08:00"})
    assert planner.page.status_code == 422
    planner.open(here)
    planner.submit("skills", staff=str(member("cg-clerk")), groups="violations")
    assert "违法处理" in planner.words
    planner.submit(
        "away", staff=str(member("cg-clerk")), from_day=monday.isoformat(), until_day=monday.isoformat(), kind="leave"
    )
    assert "这一天休假，却排了班" in planner.words
    planner.submit("back")
    assert "却排了班" not in planner.words
    planner.submit("remove")
    stranger.open(here)
    stranger.submit("assign", **shift)
    assert stranger.page.status_code == 404
    assert stranger.open(f"/console/roster/{member('cg-clerk')}").status_code == 404
    assert planner.open(f"/console/roster/{member('cg-clerk')}").status_code == 200


def test_the_roster_looks_right(monday: date, desk: Callable[[str], Any], app: Flask) -> None:
    planner, clerk = factories.staff("cg-planner"), member("cg-clerk")
    roster.qualify(planner, clerk, ["violations"])
    roster.assign(planner, clerk, monday, time(8, 30), time(11, 30), 5)
    commit()
    here = desk("cg-planner")
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(base_url=site)
        token = here.cookie("console_session", "/console")
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto(f"/console/roster?week={monday.isoformat()}")
        check_page(page, "roster-week")
        page.goto(f"/console/roster/{clerk}?week={monday.isoformat()}")
        check_page(page, "roster-person")
