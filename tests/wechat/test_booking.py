"""Booking in the chat: what can be booked, when there is room, what one has; the page does it, the chat never."""

from __future__ import annotations

from datetime import date, time
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from citizen_services.database import commit, db, new_id
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_moment
from citizen_services.wechat.matters import MATTERS
from citizen_services.windows import appointments, holds, waiting
from citizen_services.windows.booking_models import Appointment, Hold, WaitingEntry
from citizen_services.windows.models import ServiceGroup
from citizen_services.windows.subjects import subject_of
from tests import factories
from tests.wechat.kit import ALICE, WeChatSide
from tests.wechat.test_conversation import links
from tests.wechat.test_once import BOB, bind
from tests.windows import hall

WEDNESDAY, THURSDAY = date(2026, 11, 11), date(2026, 11, 12)
BOOK = f"/h5/book/{hall.SERVICE}"


def name_of(code: str) -> str:
    return parts().catalogue.service(code).name


def once(person: Citizen) -> Once:
    """A submission of its own."""
    return Once.of(f"citizen:{person.id}", "test", str(new_id()), {})


def booked(person: Citizen, slot: UUID, service: str = hall.SERVICE) -> dict[str, Any]:
    """Book a slot for a person, as the page does."""
    kept = holds.take(once(person), person.id, slot, service, subject_of(person.id, "person"))
    return appointments.book(once(person), person.id, UUID(kept["hold_id"]), "h5")


def kept() -> tuple[int, int, int]:
    """How much is held, booked and waited for in all, whatever its state."""
    db.session.rollback()
    first, second, third = (
        db.session.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (Hold, Appointment, WaitingEntry)
    )
    return first, second, third


def test_what_can_be_booked_is_told_with_what_to_tap_and_what_to_type(wechat: WeChatSide) -> None:
    assert "目前没有需要预约的业务" in wechat.say("预约"), "before any hall is known"
    hall.office()
    for typed in ("预约", "我要预约", "怎么预约？", "可以预约吗", "預約", "网上预约办理"):
        answer = wechat.say(typed)
        assert links(answer) == {name_of(code): f"/h5/book/{code}" for code in (hall.SERVICE, hall.OTHER_SERVICE)}, (
            typed
        )
        assert f"“预约 {name_of(hall.SERVICE)}”" in answer
        assert "我的预约" in answer
        assert "人工服务" in answer
    unknown = wechat.say("预约恐龙")
    assert "没有找到" in unknown
    assert BOOK in links(unknown).values()
    assert "人工服务" in unknown
    assert "“预约”" in wechat.say("帮助")


def test_the_way_to_a_person_stays_whole_however_much_can_be_booked(wechat: WeChatSide) -> None:
    code = hall.office()
    every = [one.code for one in parts().catalogue.services()]
    db.session.get_one(ServiceGroup, (code, hall.GROUP)).services = every
    commit()
    answer = wechat.say("预约")
    assert 3 < len(links(answer)) < len(every), "as many as one message takes, each whole"
    assert "人工服务" in answer


def test_a_service_is_answered_with_its_next_three_times_and_its_page(wechat: WeChatSide) -> None:
    before = kept()
    hall.slot(day=THURSDAY, at=time(9))
    hall.slot(day=WEDNESDAY, at=time(15))
    hall.slot(day=WEDNESDAY, at=time(10))
    hall.slot(day=THURSDAY, at=time(14))
    hall.slot(day=WEDNESDAY, at=time(11), group="violations")
    full = hall.slot(day=WEDNESDAY, at=time(9))
    booked(factories.citizen("韩梅梅"), full)
    changed = kept()
    assert changed != before
    for typed in ("预约 登记证书", f"预约 {name_of(hall.SERVICE)}", "我想预约补领绿本", "登记证书预约"):
        answer = wechat.say(typed)
        told = [line for line in answer.split("\n") if line.startswith("· ")]
        assert told == [
            "· 11月11日（周三） 10:00–10:30，奉化车管所二分所",
            "· 11月11日（周三） 15:00–15:30，奉化车管所二分所",
            "· 11月12日（周四） 9:00–9:30，奉化车管所二分所",
        ], typed
        assert links(answer) == {"选时间预约": BOOK}
        assert "人工服务" in answer
    assert kept() == changed, "the chat keeps and books nothing"


def test_where_nothing_is_free_the_waiting_list_is_named_and_where_none_is_needed_it_is_said(
    wechat: WeChatSide,
) -> None:
    hall.office()
    answer = wechat.say("预约违章")
    assert "约满" in answer
    assert links(answer) == {"登记候补": f"/h5/book/{hall.OTHER_SERVICE}/wait"}
    assert "人工服务" in answer
    for typed, code, how in (
        ("预约居住证首次申领", "residence-permit-first", "在手机上就能办"),
        ("预约过户", "counter-vehicle-transfer", "直接到窗口取号办理"),
    ):
        answer = wechat.say(typed)
        assert f"【{name_of(code)}】不用预约，{how}" in answer
        assert links(answer) == {"查看指南": f"/h5/items/{code}"}
        assert "人工服务" in answer
    assert wechat.say("预约护照") == MATTERS["others"].say(), "what is no service of ours is told as without the word"


def test_where_two_may_be_meant_we_ask_back_and_a_digit_brings_its_times(wechat: WeChatSide) -> None:
    code = hall.office()
    group = db.session.get_one(ServiceGroup, (code, hall.GROUP))
    group.services = [hall.SERVICE, "counter-vehicle-transfer", "counter-vehicle-deregister"]
    commit()
    hall.slot(day=WEDNESDAY)
    asked = wechat.say("预约过户报废")
    assert f"1. {name_of('counter-vehicle-transfer')}" in asked
    assert f"2. {name_of('counter-vehicle-deregister')}" in asked
    answer = wechat.say("2")
    assert "11月11日（周三） 10:00–10:30" in answer
    assert links(answer) == {"选时间预约": "/h5/book/counter-vehicle-deregister"}


def test_one_s_own_appointments_and_waiting_are_told_to_oneself_alone(wechat: WeChatSide) -> None:
    person, other = factories.citizen(), factories.citizen("韩梅梅")
    later, sooner = hall.slot(day=THURSDAY), hall.slot(day=WEDNESDAY, group="violations")
    first, second = booked(person, later), booked(person, sooner, hall.OTHER_SERVICE)
    assert links(wechat.say("我的预约"))["身份绑定"] == "/h5/bind"
    bind(ALICE, person)
    bind(BOB, other)
    before = kept()
    for typed in ("我的预约", "取消预约", "怎么取消我的预约？", "预约改期", "查询预约", "我已经预约了"):
        answer = wechat.say(typed)
        places = [answer.index(words) for words in (second["number"], first["number"])]
        assert places == sorted(places), "the soonest first"
        assert f"{name_of(hall.SERVICE)}：11月12日（周四） 10:00–10:30，奉化车管所二分所" in answer
        assert links(answer)[f"编号 {first['number']}"] == f"/h5/appointments/{first['appointment_id']}"
        assert links(answer)["全部预约和候补"] == "/h5/appointments"
        assert "人工服务" in answer
        assert person.name not in answer
    none = wechat.say("我的预约", sender=BOB)
    assert "没有还没办的预约" in none
    assert first["number"] not in none
    assert kept() == before, "nothing is given up by asking"

    subject = subject_of(other.id, "person")
    entry = waiting.wait(other.id, hall.SERVICE, hall.OFFICE, WEDNESDAY, THURSDAY, subject)
    commit()
    waits = wechat.say("我的候补", sender=BOB)
    assert f"{name_of(hall.SERVICE)}：奉化车管所二分所，11月11日（周三）至11月12日（周四）" in waits
    assert "保留" not in waits
    appointments.cancel(once(person), person.id, UUID(first["appointment_id"]), None)
    commit()
    assert first["number"] not in wechat.say("我的预约")
    db.session.expire_all()
    hold = db.session.get_one(Hold, db.session.get_one(WaitingEntry, entry).hold_id)
    until = chinese_moment(hold.expires_at)
    commit()
    assert f"保留到{until}" in wechat.say("我的预约", sender=BOB)


def test_many_appointments_keep_the_way_to_all_of_them_and_to_a_person(wechat: WeChatSide) -> None:
    person = factories.citizen()
    bind(ALICE, person)
    plates = [f"浙B1234{n}" for n in range(7)]
    for at, plate in enumerate(plates):
        slot = hall.slot(day=date(2026, 11, 11 + at))
        vehicle = subject_of(person.id, "vehicle", "02", plate)
        hold = holds.take(once(person), person.id, slot, hall.SERVICE, vehicle)
        appointments.book(once(person), person.id, UUID(hold["hold_id"]), "h5")
    answer = wechat.say("我的预约")
    assert answer.count("编号 ") == 5
    assert links(answer)["全部预约和候补"] == "/h5/appointments"
    assert "人工服务" in answer
    assert not any(plate in answer for plate in plates), "a chat may be read over a shoulder"
