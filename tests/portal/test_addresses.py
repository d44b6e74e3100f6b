"""Addresses that no register knows: typed by hand, registered as of that day, looked for without anybody's trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Document
from citizen_services.database import db
from citizen_services.registers.models import ResidenceRegistration
from notifications.models import Delivery
from tests.console.conftest import Desk, desk
from tests.house import House
from tests.portal.acting import lapsed
from tests.portal.conftest import ADDRESS, Resident

__all__ = ["desk"]

REGISTRATION = "residence-registration"
BY_HAND: dict[str, Any] = {
    "station": "330213001000",
    "community": "上宋村",
    "typed_address": "上宋村机耕路桥头北侧第二间",
}
#: What each kind of home is asked for, besides the address.
KINDS: dict[str, dict[str, Any]] = {
    "rented": {"landlord_name": "宋阿根", "landlord_phone": "139 0013 9001"},
    "dormitory": {"dormitory_of": "奉化某某电器有限公司"},
    "building_site": {"site_name": "金海东路改造工程", "builder": "宁波某某建设有限公司", "site_contact": ""},
    "own_home": {"ownership": "bought"},
    "relatives": {"host_name": "宋大明", "host_relation": "friend"},
    "school": {"school_name": "奉化区职业教育中心"},
}


@pytest.fixture
def later() -> Iterator[Callable[[int], None]]:
    """Moves business time on by some days, until the test ends."""
    before = clock._clock

    def move(days: int) -> None:
        ahead = clock.now() - clock.protocol_now() + timedelta(days=days)
        clock.use(clock.Clock(round(ahead.total_seconds())))

    yield move
    clock.use(before)


def declare(person: Resident, kind: str = "rented", **changes: Any) -> UUID:
    """Register an address typed by hand; the case's id."""
    page = person.browser
    person.begin(REGISTRATION)
    page.submit("save", address_code="typed", residence_kind=kind, room="")
    page.submit("save", **(BY_HAND | changes))
    page.submit("save", **KINDS[kind])
    assert "submit" in page.actions, page.words
    page.submit("submit", commitment="yes")
    return person.cases()[-1].id


def registration(person: Resident) -> ResidenceRegistration:
    """The person's registration, as the database has it."""
    with person.app.app_context():
        query = select(ResidenceRegistration).where(ResidenceRegistration.citizen_id == person.id)
        return db.session.scalars(query.where(ResidenceRegistration.until.is_(None))).one()


def written(person: Resident) -> list[dict[str, Any]]:
    """What is to be written to the province's register of the person."""
    with person.app.app_context():
        query = select(Delivery.payload).where(Delivery.channel == "registration", Delivery.person == person.id)
        return list(db.session.scalars(query.order_by(Delivery.id)))


def act(officer: Desk, case: UUID, action: str, **fields: Any) -> None:
    """Open a case at the desk and take a step by its form; a dangerous one over its page that asks again."""
    officer.open(f"/console/cases/{case}")
    if action not in officer.actions:
        officer.open(f"/console/cases/{case}/actions/{action}")
    officer.submit(action, **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_that_no_register_knows_is_registered_that_day_and_found_by_the_community_officer(
    resident: Callable[..., Resident], desk: Callable[[str], Desk], later: Callable[[int], None], kind: str
) -> None:
    person = resident(months=0)
    today = clock.today()
    case = declare(person, kind)
    page = person.browser
    assert person.cases()[-1].state == "verifying"
    for words in ("待核实", "不需要您到场", "从申报当天起算"):
        assert words in page.words, words
    row = registration(person)
    assert (row.since, row.confirmed_by, row.kind, row.office_code) == (today, "open", kind, "330213001000")
    assert row.address == "宁波市奉化区上宋村机耕路桥头北侧第二间"
    assert written(person) == [], "the province hears of an address that is there"
    page.open("/h5/items/residence-permit-first")
    assert "已在本区办理居住登记" in page.words
    officer = desk("yl-community")
    officer.open("/console/checks")
    assert "上宋村" in officer.words
    assert "机耕路桥头北侧第二间" not in officer.words, "masked in a list"
    later(3)
    act(officer, case, "confirm", how="入户见到本人")
    assert person.cases()[-1].state == "completed"
    row = registration(person)
    assert (row.since, row.confirmed_by) == (today, "officer"), "the day of declaring stays"
    (sent,) = written(person)
    assert (sent["since"], sent["address"]) == (today.isoformat(), row.address)
    page.open(f"/h5/cases/{case}")
    assert "地址已核实，登记完成" in page.words
    officer.open("/console/checks")
    assert "没有要核实的地址" in officer.words


def test_the_officer_finds_a_better_address_and_the_receipt_says_so(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident(months=0)
    case = declare(person)
    better = "宁波市奉化区岳林街道上宋村机耕路7号"
    act(desk("yl-community"), case, "correct_address", found_address=better, how="房东电话确认")
    row = registration(person)
    assert (row.address, row.confirmed_by, row.since) == (better, "officer", clock.today())
    assert [one["address"] for one in written(person)] == [better]
    with person.app.app_context():
        papers = db.session.scalars(
            select(Document).where(Document.case_id == case).order_by(Document.at, Document.id)
        ).all()
    assert [paper.kind for paper in papers] == ["receipt", "receipt"]
    assert "由社区民警核实，不需要您到场" in papers[0].content["paragraphs"][1]
    assert papers[1].content["paragraphs"][1] == f"登记地址：{better}。地址已由社区民警核实。"
    day = registration(person).since
    assert f"您于{day.year}年{day.month}月{day.day}日" in papers[1].content["paragraphs"][0]


def asked_for(person: Resident, officer: Desk) -> UUID:
    """An address of the person's that the community officer did not find; the case's id."""
    case = declare(person)
    act(officer, case, "not_found", why="机耕路桥头北侧没有找到住人的房子，请写明房东和楼层")
    return case


def test_an_address_that_was_not_found_is_mended_online_by_hand_and_keeps_its_day(
    resident: Callable[..., Resident], desk: Callable[[str], Desk], later: Callable[[int], None]
) -> None:
    person, today = resident(months=0), clock.today()
    case = asked_for(person, desk("yl-community"))
    later(2)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    for words in ("机耕路桥头北侧没有找到住人的房子", "已经登记的不受影响"):
        assert words in page.words, words
    assert "视为撤回" not in page.words
    assert {"typed_address", "station", "landlord_phone"} <= set(page.form("answer_correction").inputs)
    page.submit("answer_correction", address_code="typed", **(BY_HAND | {"typed_address": ""}))
    assert page.errors == {"typed_address"}
    mended = BY_HAND | {"station": "330213002000", "typed_address": "机耕路9号二楼", "landlord_phone": "13900139002"}
    page.submit("answer_correction", address_code="typed", **mended)
    row, now = registration(person), person.cases()[-1]
    assert (row.address, row.since) == ("宁波市奉化区上宋村机耕路9号二楼", today)
    assert (row.confirmed_by, row.office_code, now.office_code) == ("open", "330213002000", "330213002000")
    assert (now.state, now.data["rented"]["landlord_phone"]) == ("verifying", "13900139002")


def test_an_address_that_was_not_found_is_chosen_from_the_register_after_all(
    resident: Callable[..., Resident], desk: Callable[[str], Desk], later: Callable[[int], None]
) -> None:
    person, today = resident(months=0), clock.today()
    case = asked_for(person, desk("yl-community"))
    later(2)
    page = person.browser
    page.open(f"/h5/cases/{case}")
    page.submit("answer_correction", lookup="address_code", q="金钟路", address_code=None)
    assert ADDRESS in page.page.text
    page.submit("answer_correction", address_code="330213001000009999")
    assert page.errors == {"address_code"}
    assert "没有这个地址" in page.words
    page.submit("answer_correction", address_code=ADDRESS)
    row, now = registration(person), person.cases()[-1]
    assert (now.state, set(now.data)) == ("completed", {"address"})
    assert (row.address_code, row.confirmed_by, row.since) == (ADDRESS, "register", today)
    assert [one["address_code"] for one in written(person)] == [ADDRESS]


def test_who_does_not_answer_keeps_the_registration_and_the_search_goes_on_until_it_is_given_up(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person, officer = resident(months=0), desk("yl-community")
    case = declare(person)
    act(officer, case, "close_unfound", how="两次上门未遇")
    assert person.cases()[-1].state == "verifying", "first the person is asked"
    act(officer, case, "not_found", why="没有找到，请补充")
    lapsed(person, case)
    assert person.cases()[-1].state == "verifying"
    act(officer, case, "close_unfound", how="两次上门、三次电话均未联系上")
    assert (person.cases()[-1].state, registration(person).confirmed_by) == ("completed", "not_found")
    assert written(person) == []


def test_a_station_that_is_none_is_refused_where_it_is_chosen_and_a_misrouted_check_is_handed_over(
    resident: Callable[..., Resident], desk: Callable[[str], Desk]
) -> None:
    person = resident(months=0)
    page = person.browser
    person.begin(REGISTRATION)
    page.submit("save", address_code="typed", residence_kind="own_home", room="")
    for stray in ("330213000000", "330213009999", "x"):
        answer = page.submit("save", **(BY_HAND | {"station": stray}))
        assert (answer.status_code, page.errors) == (422, {"station"})
    page.submit("save", **BY_HAND)
    page.submit("save", ownership="own")
    page.submit("submit", commitment="yes")
    case = person.cases()[-1].id
    act(desk("yl-community"), case, "hand_over", office="330213002000")
    assert (person.cases()[-1].office_code, registration(person).office_code) == ("330213002000", "330213002000")
    other = desk("jp-community")
    other.open("/console/checks")
    assert person.cases()[-1].number in other.words


def test_while_the_register_of_addresses_is_away_one_registers_by_hand_all_the_same(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = resident(months=0)
    person.begin(REGISTRATION)
    outside.control("PUT", "faults/addresses", {"mode": "http_500"})
    page = person.browser
    page.submit("save", lookup="address_code", q="金钟路", address_code=None, residence_kind="school")
    assert "标准地址库暂时连不上" in page.words
    assert "列表里没有我的住址，自己填写" in page.words
    page.submit("save", address_code="typed", residence_kind="school", room="")
    page.submit("save", **BY_HAND)
    page.submit("save", **KINDS["school"])
    page.submit("submit", commitment="yes")
    assert registration(person).since == clock.today()
