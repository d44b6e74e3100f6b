"""The planner keeps what windows rest on: groups, counters, partners' desks, dates and rules, each change recorded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock, demo_traffic
from citizen_services.cases.opening import hours_of
from citizen_services.database import commit, db
from citizen_services.people import administration_record
from citizen_services.windows import desks, offered, plans, slots
from citizen_services.windows.models import Counter, OpeningException, OpeningRule, PartnerDesk
from tests.pages_kit import check_page, pages_browser, serving
from tests.windows.test_booking import book, car, driver

__all__ = ["driver"]

OFFICE = demo_traffic.OFFICE
GROUND = "/console/ground"


@pytest.fixture
def monday(app: Flask) -> date:
    """The demo traffic office; the Monday of its next published week."""
    desks.forget_desks()
    demo_traffic.seed()
    return plans.monday_of(clock.today()) + timedelta(days=7)


def recorded() -> list[tuple[str, dict[str, str]]]:
    """What was done to the ground, the oldest first: the act and what it left."""
    commit()
    db.session.expire_all()
    found = [(one.what, one.after) for one in administration_record.acts() if one.what == "ground_changed"]
    assert administration_record.verify() == []
    return found[::-1]


def test_a_planner_sets_up_a_group_a_counter_and_a_rule_and_a_week_is_laid_out_by_them(
    monday: date, desk: Callable[[str], Any]
) -> None:
    planner = desk("cg-planner")
    planner.open(f"{GROUND}/groups")
    planner.submit("save", name="x", letter="a", services=[])
    assert planner.errors == {"name", "letter"}
    planner.submit("save", name="寄递业务", letter="A", services=["licence-renew"])
    assert "字母 A 已经用在“机动车业务”上" in planner.words
    planner.submit("save", name="寄递业务", letter="D", services=[])
    assert "请至少选一项业务" in planner.words
    planner.submit("save", name="寄递业务", letter="D", services=["licence-renew", "nothing-of-ours"])
    assert planner.page.status_code == 200
    assert "寄递业务" in planner.words
    assert plans.groups_of(OFFICE)["group-d"].services == ["licence-renew"]
    commit()

    planner.open(f"{GROUND}/counters")
    assert planner.form("save").inputs["number"] == "7"
    planner.submit("save", name="寄递窗口", number="3", groups=["group-d"], active="yes")
    assert "已经有 3 号窗口" in planner.words
    planner.submit("save", name="寄递窗口", number="7", groups=[], active="yes")
    assert "请至少选一个业务组" in planner.words
    planner.submit("save", name="寄递窗口", number="7", groups=["group-d"], active="yes")
    assert planner.page.status_code == 200

    rule = {
        "group_code": "group-d", "weekday": "6", "starts": "09:00", "ends": "11:00", "slot_minutes": "30",
        "counters": ["7"], "booked": "2", "walk_in": "1", "release_days": "7", "release_time": "08:00",
        "release_spread_s": "10", "from_day": "2026-01-01", "until_day": "",
    }  # fmt: skip
    planner.open(f"{GROUND}/rules")
    for wrong, said in (
        ({"counters": ["5"]}, "5 号窗口不办寄递业务"),
        ({"ends": "08:00"}, "结束时间须晚于开始时间"),
        ({"release_days": "99"}, "须在 0 至 60 之间"),
        ({"until_day": "2025-12-31"}, "最后一天不能早于第一天"),
        ({"from_day": "morgen"}, "请填写从哪天起"),
    ):
        planner.open(f"{GROUND}/rules")
        planner.submit("save", **(rule | wrong))
        assert planner.page.status_code == 422
        assert said in planner.words, wrong
    planner.submit("save", **rule)
    assert "寄递业务 周日 09:00–11:00" in planner.words
    planner.open(f"{GROUND}/rules")
    planner.submit("save", **(rule | {"starts": "10:30", "ends": "12:00"}))
    assert "周日已经有 09:00–11:00 的规则" in planner.words

    after = monday + timedelta(days=7 * demo_traffic.WEEKS)
    week = plans.week_of(OFFICE, after)
    plans.lay_out(week)
    sunday = [one for one in plans.windows_of(week) if one.day == after + timedelta(days=6)]
    assert [(one.group_code, one.starts, one.counters, one.release_days) for one in sunday] == [
        ("group-d", time(9), [7], 7)
    ]
    db.session.rollback()
    found = [key for _, words in recorded() for key in words]
    assert found == ["业务组 group-d", "7 号窗口", "规则 寄递业务 周日"]


def test_what_is_changed_is_changed_for_the_office_alone_and_not_under_people_s_feet(
    monday: date, desk: Callable[[str], Any], driver: Callable[[str], Any]
) -> None:
    planner, stranger = desk("cg-planner"), desk("fw-planner")
    five = db.session.scalars(select(Counter).where(Counter.number == 5)).one()
    rule = db.session.scalars(select(OpeningRule).order_by(OpeningRule.id)).first()
    tax = db.session.scalars(select(PartnerDesk).where(PartnerDesk.partner == "purchase_tax")).one()
    assert rule is not None
    addresses = [f"counters/{five.id}", f"rules/{rule.id}", f"desks/{tax.id}", "groups/vehicle"]
    commit()
    for address in (*addresses, "counters/nothing", "groups/nothing"):
        assert stranger.open(f"{GROUND}/{address}").status_code == 404, address
        assert planner.open(f"{GROUND}/{address}").status_code == (404 if "nothing" in address else 200), address
    assert desk("cg-clerk").open(GROUND).status_code == 403

    slot = slots.free_slots("counter-violations", OFFICE, monday, monday).items[0]
    commit()
    book(driver("王一"), slot.slot_id, {"kind": "person"}, "counter-violations")
    planner.open(f"{GROUND}/groups/violations")
    planner.submit("save", services=["licence-renew"])
    assert "还有 1 人预约了" in planner.words
    planner.open(f"{GROUND}/counters/{five.id}")
    planner.submit("save", active="no", groups=[])
    assert "5 号（停用）" in planner.words
    planner.open(f"/console/plan?week={monday.isoformat()}")
    assert "没有 5 号窗口，或者已经停用" in planner.words
    assert [what for what, _ in recorded()] == ["ground_changed"]


def test_a_partner_s_desk_is_kept_by_week_and_day_and_what_needs_it_is_offered_only_then(
    monday: date, desk: Callable[[str], Any], driver: Callable[[str], Any]
) -> None:
    service, planner = "counter-vehicle-transfer", desk("cg-planner")
    insurance = db.session.scalars(select(PartnerDesk).where(PartnerDesk.partner == "insurance")).one()
    here = f"{GROUND}/desks/{insurance.id}"
    commit()

    def at(hour: int) -> bool:
        starts = datetime.combine(monday, time(hour), clock.SHANGHAI)
        desks.forget_desks()
        found = offered.offers(OFFICE, starts, plans.groups_of(OFFICE)["vehicle"].services, service)
        commit()
        return found

    assert [at(10), at(12)] == [True, True]
    slot = slots.free_slots(service, OFFICE, monday, monday).items[0]
    commit()
    booked = book(driver("王一"), slot.slot_id, car(), service)
    planner.open(here)
    assert "另有安排" in planner.words
    for wrong, field in (({"spans": "bald"}, "spans"), ({"day": "morgen"}, "day"), ({"words": "x"}, "words")):
        planner.open(here)
        planner.submit("save_day", **({"day": monday.isoformat(), "spans": "", "words": "系统升级"} | wrong))
        assert planner.errors == {field}
    planner.submit("save_day", day="2020-01-01", spans="", words="系统升级")
    assert "天以内的日期" in planner.words
    planner.open(here)
    planner.submit("save_day", day=monday.isoformat(), spans="12：00至13：00", words="系统升级")
    assert "12:00–13:00（系统升级）" in planner.words
    assert [at(10), at(12)] == [False, True]
    assert "1 个预约约在这个窗口不开的时候" in planner.words
    assert booked["number"] in planner.words
    planner.submit("remove_day")
    assert "另有安排" in planner.words
    assert "（系统升级）" not in planner.words
    assert [at(10), at(12)] == [True, True]
    planner.open(here)
    planner.submit("save", partner="insurance", day0="8:30-11:30", where="大厅西侧 2 号")
    assert "大厅西侧 2 号" in planner.open(GROUND).text
    assert [at(10), at(12)] == [True, False]
    planner.open(f"{GROUND}/desks")
    planner.submit("save", partner="insurance", name="另一个", where="大厅里")
    assert "已经有驻点窗口" in planner.words
    assert len(recorded()) == 3


def test_a_day_is_closed_or_opened_and_that_is_what_everybody_reads(monday: date, desk: Callable[[str], Any]) -> None:
    planner, tuesday = desk("cg-planner"), monday + timedelta(days=1)
    planner.open(GROUND)
    planner.submit("save_day", day=tuesday.isoformat(), how="closed", words="")
    assert planner.errors == {"words"}
    planner.submit("save_day", day=tuesday.isoformat(), how="closed", words="防汛值班")
    assert "开窗计划里还有 8 段" in planner.words
    assert "不开（防汛值班）" in planner.words
    assert slots.free_slots("counter-violations", OFFICE, tuesday, tuesday).items == []
    found = hours_of([OFFICE])[0]
    assert (list(found.on(tuesday)), found.days[tuesday][1]) == ([], "防汛值班")
    commit()
    planner.submit("remove_day")
    assert slots.free_slots("counter-violations", OFFICE, tuesday, tuesday).items != []
    assert list(hours_of([OFFICE])[0].on(tuesday)) == ["08:30-17:00"]
    commit()
    sunday = monday + timedelta(days=7 * demo_traffic.WEEKS + 6)
    planner.submit("save_day", day=sunday.isoformat(), how="5", words="便民开放日")
    planner.open(f"/console/plan?week={sunday.isoformat()}")
    planner.submit("lay_out")
    laid = plans.windows_of(plans.week_of(OFFICE, plans.monday_of(sunday)))
    assert {one.starts for one in laid if one.day == sunday} == {time(9)}, "as on a Saturday"
    # A holiday is no other: National Day of 2026, by the same row.
    assert desks.is_closed(OFFICE, date(2026, 10, 1))
    db.session.add(OpeningException(office_code=OFFICE, day=date(2026, 10, 1), as_weekday=3, words="节日值班"))
    db.session.flush()
    assert plans.closed_why(OFFICE, date(2026, 10, 1)) is None
    db.session.rollback()
    assert [words for _, words in recorded()] == [
        {tuesday.isoformat(): "不开（防汛值班）"},
        {tuesday.isoformat(): "按平时"},
        {sunday.isoformat(): "按周六开（便民开放日）"},
    ]


def test_the_pages_of_the_ground_look_right(monday: date, desk: Callable[[str], Any], app: Flask) -> None:
    here = desk("cg-planner")
    tax = db.session.scalars(select(PartnerDesk.id).where(PartnerDesk.partner == "purchase_tax")).one()
    rule = db.session.scalars(select(OpeningRule.id).order_by(OpeningRule.id)).first()
    commit()
    here.open(f"{GROUND}/desks/{tax}")
    here.submit("save_day", day=monday.isoformat(), spans="9:00-11:00", words="系统升级")
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(base_url=site)
        token = here.cookie("console_session", "/console")
        page.context.add_cookies([{"name": "console_session", "value": token, "url": f"{site}/console"}])
        page.goto("/console/ground")
        check_page(page, "ground")
        # By keyboard alone: the day, how, why, and Enter.
        page.get_by_label("日期").fill(monday.isoformat())
        page.get_by_label("这一天怎么开").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.insert_text("防汛值班")
        page.keyboard.press("Enter")
        page.get_by_text("不开（防汛值班）").wait_for()
        check_page(page, "ground-closed")
        for address in (f"/console/ground/desks/{tax}", f"/console/ground/rules/{rule}"):
            page.goto(address)
            check_page(page, f"ground-{address.split('/')[3]}")
