"""Who works when: whatever clashes is shown, nothing is forbidden; one person's week is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock, demo_traffic
from citizen_services.database import commit, db
from citizen_services.people import administration_record
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


def test_days_that_are_over_are_not_warned_of_and_nothing_is_left_out(monday: date, desk: Callable[[str], Any]) -> None:
    planner, clerk, day = factories.staff("cg-planner"), member("cg-clerk"), clock.today() - timedelta(days=1)
    for at in (day, monday):
        roster.assign(planner, clerk, at, time(9), time(12), None)
        roster.assign(planner, clerk, at, time(10), time(12), None)
    commit()
    assert said(plans.monday_of(day), "cg-clerk") == []
    assert said(monday, "cg-clerk") == ["10:00 同时排了两个班。"]
    browser = desk("cg-planner")
    browser.open(f"/console/roster?week={monday.isoformat()}")
    empty = said_of_windows(monday)
    assert len(empty) > 30, "every window of the week"
    assert f"{len(empty)} 段窗口还没有排够有资格的人" in browser.words
    assert all(words in browser.words for words in empty)
    assert "最多连续上班 6 天（《劳动法》第三十八条" in browser.words, "what decides, and where it comes from"


def said_of_windows(monday: date) -> list[str]:
    """What is said of the windows of a week."""
    found = roster.clashes(roster.week(OFFICE, monday), plans.windows_of(plans.week_of(OFFICE, monday)))
    commit()
    return [one.words for one in found if one.staff_id is None]


def test_who_is_qualified_for_what_is_kept_on_a_page_and_two_planners_dont_undo_one_another(
    monday: date, desk: Callable[[str], Any]
) -> None:
    clerk, officer = member("cg-clerk"), member("cg-window")
    planner, colleague = desk("cg-planner"), desk("cg-planner")
    commit()

    def known() -> dict[UUID, frozenset[str]]:
        db.session.rollback()
        return dict(roster.week(OFFICE, monday).skills)

    assert known()[officer] == {"vehicle", "licence", "violations"}, "the demo's clerks are qualified"
    kept = [f"{who}:{code}" for who, codes in known().items() for code in codes if who != clerk]
    for browser in (planner, colleague):
        browser.open("/console/roster/skills")
    planner.submit("skills", skill=[*kept, f"{clerk}:violations"])
    assert planner.page.status_code == 200, planner.words
    assert known()[clerk] == {"violations"}
    colleague.submit("skills", skill=[])
    assert colleague.page.status_code == 422
    assert "同事刚刚改过资格" in colleague.words
    for wrong in (f"{clerk}:nothing-here", "x", f"{'-' * 36}:vehicle"):
        planner.open("/console/roster/skills")
        planner.submit("skills", skill=[*kept, wrong])
        assert planner.page.status_code == 422, wrong
    assert known()[clerk] == {"violations"}
    assert len(known()) == 4
    acts = [one for one in administration_record.acts() if one.what == "skills_changed"]
    assert [(one.before, one.after) for one in acts] == [({"邱月": "机动车业务、驾驶证业务"}, {"邱月": "违法处理"})]


def test_a_week_in_conflict_is_published_for_a_written_reason_alone(monday: date, desk: Callable[[str], Any]) -> None:
    later = monday + timedelta(days=7 * (demo_traffic.WEEKS - 1))
    planner, clerk = factories.staff("cg-planner"), member("cg-clerk")
    browser, here = desk("cg-planner"), f"/console/plan?week={later.isoformat()}"
    browser.open(here)
    browser.submit("lay_out")
    roster.assign(planner, clerk, later, time(8, 30), time(11, 30), 5)
    roster.assign(planner, clerk, later, time(11), time(13, 30), 1)
    commit()
    browser.submit("publish", reason="先公布，人另外调")
    assert browser.page.status_code == 422, "what clashes was not seen yet"
    for line in (
        "邱月 08:30 的窗口要办的业务，还不具备资格：违法处理",
        "邱月 11:00 同时排了两个班",
        "邱月 08:30 起连续上班，没有休息",
    ):
        assert line in browser.words
    for reason in ("", "急"):
        browser.open(here)
        browser.submit("publish", reason=reason)
        assert browser.errors == {"reason"}, "nothing is published without a reason"
    db.session.rollback()
    assert plans.week_of(OFFICE, later).published_at is None
    roster.be_away(planner, clerk, later, later, "sickness")
    commit()
    browser.submit("publish", reason="先公布，人另外调")
    assert "冲突刚刚有变化" in browser.words
    browser.submit("publish", reason="先公布，人另外调")
    assert "已公布" in browser.words
    db.session.rollback()
    act = administration_record.acts()[0]
    assert act.what == "week_published"
    assert (act.after["周"], act.after["仍然公布的原因"]) == (later.isoformat(), "先公布，人另外调")
    assert "病假" in act.after["冲突"]
    # A week without conflict asks for none; that nobody is rostered yet is none.
    browser.open(f"/console/plan?week={(later + timedelta(days=7)).isoformat()}")
    browser.submit("lay_out")
    assert "仍要公布的原因" not in browser.words
    browser.submit("publish")
    assert "已公布" in browser.words


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
        page.goto("/console/roster/skills")
        check_page(page, "roster-skills")
        # By keyboard alone: from an empty cell of the plan into the form, its day and group chosen.
        page.goto(f"/console/plan?week={(monday + timedelta(days=7 * (demo_traffic.WEEKS - 1))).isoformat()}")
        page.get_by_role("link", name=re.compile("一段：违法处理.*周日")).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**#f-starts")
        assert page.evaluate("document.querySelector('#f-group_code').value") == "violations"
        assert page.evaluate("document.querySelector('#f-day').selectedOptions[0].text").endswith("（周日）")
        page.keyboard.insert_text("20:00")
        page.keyboard.press("Tab")
        page.keyboard.insert_text("21:00")
        page.get_by_label("5 号 违法处理窗口").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        page.get_by_role("link", name=re.compile("20:00–21:00")).wait_for()
        check_page(page, "plan-add")
