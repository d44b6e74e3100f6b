"""The planner's week: laid out from rules, holidays and days worked instead known, published in one action, closed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from citizen_services import clock, demo_traffic
from citizen_services.cases.clocks import calendar, forget_calendar
from citizen_services.cases.opening import hours_of
from citizen_services.database import commit, db, new_id
from citizen_services.rules.working_days import Holiday
from citizen_services.windows import desks, offered, plans, publishing, slots
from citizen_services.windows.booking_models import Appointment, WaitingEntry
from citizen_services.windows.models import OpeningException, PlanWindow, Slot
from notifications.models import Notice
from tests.pages_kit import check_page, pages_browser, serving
from tests.windows.test_booking import PERSON, book, driver

__all__ = ["driver"]

OFFICE = demo_traffic.OFFICE


@pytest.fixture
def office(app: Flask) -> date:
    """The demo traffic office with three published weeks; the Monday of the one after them."""
    desks.forget_desks()
    demo_traffic.seed()
    return plans.monday_of(clock.today()) + timedelta(days=7 * demo_traffic.WEEKS)


def laid_out(monday: date) -> dict[date, list[tuple[str, time, time]]]:
    """A week as it is laid out from the rules, by day."""
    week = plans.week_of(OFFICE, monday)
    plans.lay_out(week)
    found: dict[date, list[tuple[str, time, time]]] = {}
    for one in plans.windows_of(week):
        found.setdefault(one.day, []).append((one.group_code, one.starts, one.ends))
    commit()
    return found


def test_a_week_is_laid_out_with_lunch_and_saturday_and_without_holidays(office: date, monkeypatch: Any) -> None:
    found = laid_out(office)
    assert sorted(found) == [office + timedelta(days=n) for n in range(6)], "Monday to Saturday"
    assert ("vehicle", time(11, 30), time(13, 30)) in found[office], "open over lunch"
    assert ("vehicle", time(9), time(12)) in found[office + timedelta(days=5)]
    # The National Day of 2026: closed from the first to the seventh, worked on Saturday the tenth.
    monkeypatch.setattr(plans, "within", lambda monday: True)
    assert not laid_out(date(2026, 10, 5)).keys() & {date(2026, 10, 5), date(2026, 10, 6), date(2026, 10, 7)}
    saturday = laid_out(date(2026, 10, 5)).get(date(2026, 10, 10)) or []
    assert {group for group, *_ in saturday} == {"vehicle", "licence", "violations"}
    # A Sunday that is worked instead has no rule of its own: it is like a Monday.
    sunday = laid_out(date(2026, 9, 14))[date(2026, 9, 20)]
    assert sorted(sunday) == sorted(found[office])
    # A year that is not published yet is provisional.
    assert not plans.is_provisional(office)
    assert plans.is_provisional(date(2031, 3, 3))


def test_an_exception_closes_a_day_and_nothing_is_released_for_it(office: date) -> None:
    closed, other = office + timedelta(days=1), office + timedelta(days=2)
    db.session.add(OpeningException(office_code=OFFICE, day=closed, as_weekday=None, words="防汛值班"))
    db.session.add(OpeningException(office_code=OFFICE, day=other, as_weekday=5, words="设备检修"))
    commit()
    found = laid_out(office)
    assert closed not in found
    assert {starts for _, starts, _ in found[other]} == {time(9)}, "as on a Saturday"


def test_a_planner_opens_an_evening_and_publishes_it_in_one_action(
    office: date, desk: Callable[[str], Any], app: Flask
) -> None:
    planner, colleague = desk("cg-planner"), desk("cg-planner")
    here = f"/console/plan?week={office.isoformat()}"
    planner.open(here)
    planner.submit("lay_out")
    assert "段待公布" in planner.words
    window = {
        "day": office.isoformat(), "group_code": "vehicle", "starts": "18:00", "ends": "20:00", "slot_minutes": "30",
        "counters": ["1", "2"], "booked": "3", "walk_in": "1",
    }  # fmt: skip
    planner.submit("add", **window)
    assert "18:00–20:00" in planner.words
    for wrong, field in (
        ({"starts": "19:00", "ends": "19:30"}, "form"),
        ({"ends": "17:00"}, "form"),
        ({"starts": "bald"}, "starts"),
        ({"booked": "-1"}, "booked"),
    ):
        planner.open(here)
        planner.submit("add", **(window | {"starts": "20:30", "ends": "21:30"} | wrong))
        assert planner.page.status_code == 422
        assert field in planner.errors, (wrong, planner.errors)
    colleague.open(here)
    planner.open(here)
    planner.submit("publish")
    assert "已公布" in planner.words
    colleague.submit("publish")
    assert colleague.page.status_code == 422
    free = slots.free_slots("counter-vehicle-certificate", OFFICE, office, office, limit=200).items
    evening = [one for one in free if one.start.astimezone(clock.SHANGHAI).hour >= 18]
    assert [one.free for one in evening] == [3, 3, 3, 3]
    hours = hours_of([OFFICE])[0]
    assert hours.lines == [], "whose days are published has no week that is closed"
    guides = {
        code: app.test_client().get(f"/h5/items/{code}").text for code in ("residence-permit-first", "licence-renew")
    }
    assert "奉化交警大队车管所" not in guides["residence-permit-first"]
    assert "奉化交警大队车管所" in guides["licence-renew"]
    assert "居住地派出所" not in guides["licence-renew"]
    assert list(hours.on(office)) == ["08:30-17:00", "18:00-20:00"], "what is published is what everybody reads"
    assert list(hours.on(office + timedelta(days=6))) == []
    spread = db.session.scalars(select(Slot.released_at).where(Slot.starts_at > evening[0].start)).all()
    assert len(set(spread)) > 1, "released one after another"


def test_what_a_partner_s_desk_is_needed_for_is_offered_only_while_it_is_open(office: date) -> None:
    day = plans.monday_of(clock.today()) + timedelta(days=7)
    morning = datetime.combine(day, time(10), clock.SHANGHAI)
    lunch = datetime.combine(day, time(12), clock.SHANGHAI)
    services = plans.groups_of(OFFICE)["vehicle"].services
    assert offered.offers(OFFICE, morning, services, "counter-vehicle-register")
    assert not offered.offers(OFFICE, lunch, services, "counter-vehicle-register"), "the tax desk is at lunch"
    assert offered.offers(OFFICE, lunch, services, "counter-vehicle-transfer")
    assert offered.fall_out(OFFICE, lunch, services) == ["新车注册登记"]
    register = slots.free_slots("counter-vehicle-register", OFFICE, day, day, limit=200).items
    assert lunch not in {one.start for one in register}
    assert morning in {one.start for one in register}


def test_a_calendar_that_is_loaded_late_lists_the_windows_on_its_holidays_and_nothing_is_booked_there(
    office: date, desk: Callable[[str], Any], driver: Callable[[str], Any]
) -> None:
    service, closed = "counter-violations", plans.monday_of(clock.today()) + timedelta(days=8)
    who = driver("王一")
    free = slots.free_slots(service, OFFICE, closed, closed).items
    assert free
    assert publishing.contradicted(closed.year) == []
    commit()
    known = calendar().table(closed.year)
    assert known is not None
    holiday = Holiday("测试节", closed, closed)
    late = replace(known, source="为测试虚构", invented=True, holidays=(*known.holidays, holiday))
    system = desk("fw-system")
    system.open("/console/admin")
    system.submit("load_calendar", document=json.dumps(late.to_document(), ensure_ascii=False))
    assert "与开窗计划冲突" in system.words
    assert f"{closed.isoformat()}（测试节）8 段" in system.words
    db.session.rollback()
    forget_calendar()
    against = publishing.contradicted(closed.year)
    assert {(one["office"], one["day"], one["state"], one["why"]) for one in against} == {
        (OFFICE, closed.isoformat(), "published", "测试节")
    }
    assert len(against) == 8
    told = hours_of([OFFICE])[0]
    assert (list(told.on(closed)), told.days[closed][1]) == ([], "测试节"), "nobody is told another thing"
    # Nobody is offered it, nobody gets it by its id, and the planner sees each of them.
    assert slots.free_slots(service, OFFICE, closed, closed).items == []
    assert slots.free_slots(service, OFFICE, closed - timedelta(days=1), closed).items != []
    commit()
    answer = who.post("/holds", {"slot_id": str(free[0].slot_id), "service": service, "subject": PERSON})
    assert (answer.status_code, answer.get_json()["type"].rsplit("/", 1)[-1]) == (409, "window-closed")
    planner = desk("cg-planner")
    planner.open(f"/console/plan?week={closed.isoformat()}")
    assert planner.words.count("这一天不开（测试节），却安排了") == 8


def test_an_office_that_is_closed_by_an_exception_books_nothing_though_slots_are_out(office: date) -> None:
    service, closed = "counter-violations", plans.monday_of(clock.today()) + timedelta(days=8)
    assert slots.free_slots(service, OFFICE, closed, closed).items
    db.session.add(OpeningException(office_code=OFFICE, day=closed, as_weekday=None, words="防汛值班"))
    commit()
    desks.forget_desks()
    assert slots.free_slots(service, OFFICE, closed, closed).items == []


def test_a_window_is_closed_and_everybody_is_moved_or_waits_first_and_is_told(
    office: date, desk: Callable[[str], Any], driver: Callable[[str], Any], app: Flask
) -> None:
    service, day = "counter-violations", plans.monday_of(clock.today()) + timedelta(days=7)
    saturday = day + timedelta(days=5)
    window = db.session.scalars(
        select(PlanWindow).where(PlanWindow.day == saturday, PlanWindow.group_code == "violations")
    ).one()
    mine = db.session.scalars(select(Slot).where(Slot.window_id == window.id).order_by(Slot.starts_at, Slot.id)).all()
    people = [driver(f"王{name}") for name in "一二三四五"]
    booked = [book(who, mine[n].id, PERSON, service) for n, who in enumerate(people)]
    # Elsewhere only two places are left.
    others = db.session.scalars(
        select(Slot).where(Slot.group_code == "violations", Slot.id.not_in([one.id for one in mine]))
    ).all()
    keep = min(others, key=lambda one: (abs(one.starts_at - mine[0].starts_at), one.starts_at, one.id))
    for one in others:
        one.capacity = 2 if one.id == keep.id else 0
    commit()
    planner = desk("cg-planner")
    planner.open(f"/console/plan/windows/{window.id}")
    assert "关闭会影响 5 人" in planner.words
    assert all(one["number"] in planner.words for one in booked)
    planner.submit("close")
    assert "2 人改到别的时段，3 人排到候补最前面" in planner.words
    db.session.expire_all()
    states = db.session.execute(select(Appointment.state, func.count()).group_by(Appointment.state)).all()
    assert {state: count for state, count in states} == {"booked": 2, "cancelled": 3}  # noqa: C416
    assert set(db.session.scalars(select(WaitingEntry.rank))) == {0}
    assert db.session.get_one(Slot, keep.id).taken == 2
    kinds = db.session.execute(select(Notice.kind, func.count()).group_by(Notice.kind)).all()
    assert {k: n for k, n in kinds if k in ("appointment_moved_by_us", "appointment_closed")} == {
        "appointment_moved_by_us": 2,
        "appointment_closed": 3,
    }
    assert slots.free_slots(service, OFFICE, saturday, saturday).items == []
    # Whoever was moved may say no without a no-show.
    moved = next(
        one
        for one in booked
        if people[booked.index(one)].get(f"/appointments/{one['appointment_id']}").get_json()["decline_until"]
    )
    who = people[booked.index(moved)]
    assert who.post(f"/appointments/{moved['appointment_id']}/actions/cancel", {}).status_code == 200


def test_a_window_that_shrinks_lets_go_who_booked_last(
    office: date, driver: Callable[[str], Any], desk: Callable[[str], Any]
) -> None:
    service, day = "counter-violations", plans.monday_of(clock.today()) + timedelta(days=7)
    window = db.session.scalars(
        select(PlanWindow)
        .where(PlanWindow.day == day, PlanWindow.group_code == "violations")
        .order_by(PlanWindow.starts, PlanWindow.id)
    ).first()
    assert window is not None
    slot = db.session.scalars(select(Slot).where(Slot.window_id == window.id).order_by(Slot.starts_at, Slot.id)).first()
    assert slot is not None
    first, last = book(driver("王一"), slot.id, PERSON, service), book(driver("王二"), slot.id, PERSON, service)
    planner = desk("cg-planner")
    planner.open(f"/console/plan/windows/{window.id}")
    planner.submit("shrink", booked="9")
    assert planner.page.status_code == 422
    planner.open(f"/console/plan/windows/{window.id}?booked=1")
    assert "会影响 1 人" in planner.words
    planner.submit("shrink", booked="1")
    assert "1 人改到别的时段，0 人" in planner.words
    db.session.expire_all()
    where = {str(one.id): one.slot_id for one in db.session.scalars(select(Appointment))}
    assert where[first["appointment_id"]] == slot.id
    assert where[last["appointment_id"]] != slot.id


@given(starts=st.integers(0, 20 * 60), long=st.integers(5, 180), minutes=st.integers(5, 90), spread=st.integers(0, 120))
@settings(max_examples=150)
def test_no_slot_lies_outside_its_window_and_none_overlaps(starts: int, long: int, minutes: int, spread: int) -> None:
    ends = min(starts + long, 24 * 60 - 1)
    window = PlanWindow(
        id=new_id(), day=date(2026, 11, 16), starts=time(*divmod(starts, 60)), ends=time(*divmod(ends, 60)),
        slot_minutes=minutes, release_days=7, release_time=time(7), release_spread_s=spread,
    )  # fmt: skip
    found = list(publishing.pieces(window))
    assert len(found) == (ends - starts) // minutes
    for one, after in pairwise(found):
        assert one.ends_at == after.starts_at
        assert after.released_at - one.released_at == timedelta(seconds=spread)
    for one in found:
        assert window.starts <= one.starts_at.time() < one.ends_at.time() <= window.ends


def test_the_planner_s_week_looks_right(office: date, desk: Callable[[str], Any], app: Flask) -> None:
    here = desk("cg-planner")
    laid_out(office)
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(base_url=site)
        token = here.cookie("console_session", "/console")
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/plan")
        check_page(page, "plan-week")
        page.get_by_role("link", name=re.compile("08:30–11:30")).first.click()
        page.get_by_role("heading", name=re.compile("关闭会影响")).wait_for()
        check_page(page, "plan-window-published")
        page.goto(f"/console/plan?week={office.isoformat()}")
        check_page(page, "plan-week-planned")
        page.get_by_role("link", name=re.compile("08:30–11:30")).first.click()
        page.get_by_role("button", name="去掉这一段").wait_for()
        check_page(page, "plan-window-planned")
