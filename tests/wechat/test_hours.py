"""Opening hours in the chat: whose office, which day, and always the way to a person."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

from citizen_services import demo_traffic
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.people.administration_models import OfficeDay, OfficeHours
from citizen_services.rules.opening import break_of, day_meant, holiday_meant
from citizen_services.rules.working_days import packaged_calendar
from citizen_services.wechat.hours import opening_answer
from citizen_services.windows import desks
from citizen_services.windows.models import OpeningException
from tests import factories
from tests.wechat.kit import ALICE, WeChatSide
from tests.wechat.test_conversation import links
from tests.wechat.test_once import BOB, bind

MONDAY = date(2026, 11, 9)
STATION, OTHER, CENTRE = "330213001000", "330213002000", "330213000000"
HALVES, WHOLE = ["08:30-11:30", "13:30-17:00"], ["09:00-16:30"]


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("周六开吗", date(2026, 11, 14)),
        ("礼拜天开门吗", date(2026, 11, 15)),
        ("周末上班吗", date(2026, 11, 14)),
        ("周一上班吗", MONDAY),
        ("下周三上班吗", date(2026, 11, 18)),
        ("今天几点下班", MONDAY),
        ("大后天上班吗", date(2026, 11, 12)),
        ("14号上班吗", date(2026, 11, 14)),
        ("8号上班吗", date(2026, 12, 8)),
        ("12月8日上班吗", date(2026, 12, 8)),
        ("2月30日上班吗", None),
        ("几点上班", None),
        ("国庆上班吗", None),
    ],
)
def test_the_day_that_is_meant_is_the_next_one_of_its_name(typed: str, day: date | None) -> None:
    assert day_meant(typed, MONDAY, packaged_calendar()) == day


def test_a_holiday_is_its_first_day_of_the_year_s_notice() -> None:
    october = day_meant("国庆放假吗", date(2026, 9, 1), packaged_calendar())
    assert october is not None
    assert packaged_calendar().holiday_name(october)
    assert holiday_meant("五一开门吗") == "五一"
    assert holiday_meant("十一月开门吗") is None
    assert (break_of(HALVES), break_of(WHOLE), break_of([])) == ("11:30-13:30", None, None)


def written() -> None:
    """Hours of a station and of the centre; one date that is otherwise. Committed."""
    db.session.add_all(OfficeHours(office_code=STATION, weekday=day, spans=HALVES) for day in range(5))
    db.session.add_all(OfficeHours(office_code=CENTRE, weekday=day, spans=WHOLE) for day in range(6))
    db.session.add(OfficeDay(office_code=STATION, day=date(2026, 11, 13), spans=[], words="停电检修"))
    commit()


def test_a_named_office_is_told_by_day_with_noon_closed_days_and_the_way_to_a_person(wechat: WeChatSide) -> None:
    written()
    told = wechat.say("岳林派出所今天几点上班？")
    assert told.startswith("【岳林派出所】\n今天11月9日（周一）：8:30–11:30、13:30–17:00\n平时：周一至周五 8:30–11:30")
    assert "中午" not in told
    assert links(told)["在线办理"] == "/h5/"
    assert "人工服务" in told
    assert "中午 11:30–13:30 休息" in wechat.say("岳林派出所中午休息吗")
    assert "中午不休息" in wechat.say("服务中心午休吗")
    saturday = wechat.say("周六岳林派出所开吗")
    assert "11月14日（周六）：不办公\n之后最近的办公日：11月16日（周一） 8:30–11:30、13:30–17:00" in saturday
    assert "11月13日（周五）：不办公（停电检修）" in wechat.say("岳林派出所周五开门吗")
    assert "元旦的安排还没有公布" in wechat.say("岳林派出所元旦上班吗")
    without = wechat.say("锦屏派出所几点开门")
    assert "请先打电话问" in without
    assert "0574-88580112" in without


def test_whoever_has_an_open_case_is_told_of_its_office_and_anybody_else_is_asked_back(wechat: WeChatSide) -> None:
    written()
    asked = wechat.say("周六开吗", sender=BOB)
    assert "1. 奉化行政服务中心" in asked
    assert "2. 岳林派出所" in asked
    assert wechat.say("2", sender=BOB).startswith("【岳林派出所】\n11月14日（周六）：不办公")
    assert wechat.say("1", sender=BOB).startswith("【奉化行政服务中心】\n11月14日（周六）：9:00–16:30")
    person = factories.citizen()
    case = db.session.get_one(Case, factories.submitted_permit(person))
    assert case.office_code == STATION
    bind(ALICE, person)
    assert wechat.say("周六开吗").startswith("【岳林派出所】\n11月14日（周六）：不办公")
    assert wechat.say("服务中心周六开吗").startswith("【奉化行政服务中心】"), "what is named goes before one's case"


def test_a_service_that_is_named_is_told_by_its_own_windows_while_the_desks_that_it_needs_are_open(
    wechat: WeChatSide, app: Flask
) -> None:
    demo_traffic.seed()
    commit()
    desks.forget_desks()
    # The hall is open from 8:30 to 17:00; the register needs the tax desk, which is at lunch and away on Sundays.
    office = wechat.say("奉化交警大队车管所周一上班吗")
    assert "今天11月9日（周一）：8:30–17:00" in office
    told = wechat.say("新车上牌周一能办吗")
    assert told.startswith("【新车注册登记】\n奉化交警大队车管所")
    assert "今天11月9日（周一）：8:30–11:30、13:30–17:00（要用的合作窗口开着的时候）" in told
    assert "中午 11:30–13:30 休息" in wechat.say("新车上牌中午能办吗")
    assert "中午不休息" in wechat.say("违章中午能办吗")
    assert "11月14日（周六）：9:00–12:00" in wechat.say("上牌周六开吗")
    sunday = wechat.say("上牌周日能办吗")
    assert "11月15日（周日）：不办公\n之后最近的办公日：11月16日（周一） 8:30–11:30、13:30–17:00" in sunday
    assert links(sunday)["预约时间"] == "/h5/book/counter-vehicle-register"
    assert links(sunday)["查看指南"] == "/h5/items/counter-vehicle-register"
    # An item's part needs a desk as well: medical examiners don't come on Saturdays, though licences are done then.
    exam = wechat.say("驾照期满换证周六能办吗")
    assert "【驾驶证期满换证】" in exam
    assert "11月14日（周六）：不办公" in exam
    assert "11月14日（周六）：9:00–12:00" in wechat.say("驾照遗失补证周六能办吗")
    # Neither a day nor the noon asked after: the guide, as ever.
    assert "办公" not in wechat.say("上牌")
    guide = app.test_client().get("/h5/items/counter-vehicle-register").text
    assert "11月9日（周一） 8:30–11:30、13:30–17:00（要用的合作窗口开着的时候）" in guide
    assert (
        "11月9日（周一） 8:30–17:00（按公布的开窗安排）" in app.test_client().get("/h5/items/counter-violations").text
    )
    saturday = "11月14日（周六）"
    assert saturday in app.test_client().get("/h5/items/licence-replace-lost").text
    assert saturday not in app.test_client().get("/h5/items/licence-renew").text
    # Closed by the planner: nobody is told another thing.
    db.session.add(OpeningException(office_code=demo_traffic.OFFICE, day=MONDAY, as_weekday=None, words="防汛值班"))
    commit()
    desks.forget_desks()
    assert "今天11月9日（周一）：不办公（防汛值班）" in wechat.say("违章周一能办吗")


def test_the_one_question_is_answered_with_the_day_its_reason_and_the_week(wechat: WeChatSide) -> None:
    assert opening_answer(STATION, MONDAY) is None
    written()
    known = opening_answer(STATION, date(2026, 11, 13))
    assert known is not None
    assert (list(known.spans), known.why, known.week) == (
        [], "停电检修", ("周一至周五 8:30–11:30、13:30–17:00", "周六至周日 不办公"),
    )  # fmt: skip
