"""Plans and rosters that are sent things no page of ours sends: said on the page, never an error of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services.database import commit, db
from citizen_services.windows.hall_models import RosterShift, StaffAbsence
from citizen_services.windows.models import PlanWindow
from tests.windows.test_planning import office
from tests.windows.test_roster import member

__all__ = ["office"]

FAR = date.max.isoformat()


@pytest.mark.parametrize("wrong", [{"counters": "99999"}, {"starts": "08:00Z"}, {"ends": "09:00+08:00"}])
def test_a_window_of_no_counter_or_of_another_zone_s_time_is_refused(
    office: date, desk: Callable[[str], Any], app: Flask, wrong: dict[str, str]
) -> None:
    monday = office + timedelta(days=7)
    planner = desk("cg-planner")
    planner.open(f"/console/plan?week={monday}")
    good = {
        "day": monday.isoformat(), "group_code": "vehicle", "starts": "18:00", "ends": "19:00", "slot_minutes": "30",
        "counters": "1", "booked": "2", "walk_in": "1",
    }  # fmt: skip
    planner.submit("add", **(good | wrong))
    assert planner.page.status_code == 422
    commit()
    assert db.session.scalars(select(PlanWindow.id).where(PlanWindow.day == monday)).all() == []


@pytest.mark.parametrize("week", ["0001-01-01", FAR, "2099-01-05"])
def test_a_week_that_nobody_can_plan_is_no_page(
    office: date, desk: Callable[[str], Any], app: Flask, week: str
) -> None:
    planner = desk("cg-planner")
    planner.open(f"/console/plan?week={office}")
    token = planner.form("publish").inputs
    for page in ("plan", "roster", "roster/skills"):
        assert planner.open(f"/console/{page}?week={week}").status_code == 404
    for action in ("plan/lay-out", "plan/copy", "plan/publish"):
        answer = planner.open(f"/console/{action}?week={week}", "POST", data=token)
        assert answer.status_code == 404


def test_a_ground_that_is_asked_for_what_there_is_not_is_refused(
    office: date, desk: Callable[[str], Any], app: Flask
) -> None:
    planner, ground = desk("cg-planner"), "/console/ground"
    planner.open(ground)
    for days in (
        {"day": FAR, "how": "closed", "words": "防汛值班"},
        {"day": "2026-12-01", "how": "9", "words": "值班"},
    ):
        planner.open(ground)
        planner.submit("save_day", **days)
        assert planner.page.status_code == 422
    token = planner.form("save_day").inputs
    for path in ("groups/%00", "counters/%00", "rules/1", f"desks/{FAR}", f"desks/{office}/days"):
        assert planner.open(f"{ground}/{path}", "POST", data=token).status_code == 404, path
    answer = planner.open(f"{ground}/days/remove", "POST", data=token | {"day": FAR})
    assert answer.status_code == 422
    assert "这一天已经改回按平时了" in answer.text


def test_a_roster_of_days_and_counters_that_there_are_not_is_refused(
    office: date, desk: Callable[[str], Any], app: Flask
) -> None:
    who = str(member("cg-clerk"))
    planner = desk("cg-planner")
    planner.open(f"/console/roster?week={office}")
    shift = {"staff": who, "day": office.isoformat(), "starts": "09:00", "ends": "12:00", "counter": "99999"}
    planner.submit("assign", **shift)
    assert planner.page.status_code == 422
    planner.open(f"/console/roster?week={office}")
    planner.submit("assign", **(shift | {"counter": "1", "starts": "09:00Z"}))
    assert planner.page.status_code == 422
    planner.open(f"/console/roster?week={office}")
    planner.submit("away", staff=who, from_day=FAR, until_day=FAR, kind="leave")
    assert planner.page.status_code < 400
    commit()
    assert db.session.scalars(select(RosterShift.id)).all() == []
    assert db.session.scalars(select(StaffAbsence.until_day)).all() == [date.max]
