"""The lists: what lies on an office's desk, in which order, what is told of it, and how it keeps itself up to date."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import update

from citizen_services.cases.models import Case
from citizen_services.cases.queries import PAGE
from citizen_services.database import commit, db
from tests.console.applications import case_now, due, move, permit
from tests.console.conftest import Desk
from tests.house import House

Desks = Callable[[str], Desk]
POLL = {"HX-Request": "true"}


def numbers(desk: Desk) -> list[str]:
    """The numbers of the cases that the page lists, in order."""
    return re.findall(r'class="ws-no">([^<]+)<', desk.page.text)


def test_the_desk_begins_with_what_runs_out_first_and_tells_each_clock_in_words(desk: Desks) -> None:
    later, _ = permit("王大明")
    today, _ = permit("韦小花")
    over, person = permit("阿卜杜拉·买买提")
    due(today, 0)
    due(over, -3)
    provisional, _ = permit("赵四")
    due(provisional, 5)
    db.session.execute(update(Case).where(Case.id == provisional).values(due_provisional=True))
    commit()
    clerk = desk("yl-clerk")
    assert numbers(clerk) == [case_now(id).number for id in (over, today, later, provisional)]
    for words in ("已超期 1 个工作日", "今天到期", "还剩 1 个工作日", "还剩 4 个工作日（暂定）", "阿***提", "无人领取"):
        assert words in clerk.words, words
    for secret in ("阿卜杜拉", person.id_number, person.phone):
        assert secret not in clerk.page.text
    assert clerk.page.headers["Cache-Control"] == "no-store"


def test_a_case_lies_on_the_desk_of_whoever_has_to_act_and_on_no_other(desk: Desks) -> None:
    case_id, _ = permit()
    number = case_now(case_id).number
    station, other, centre = desk("yl-officer"), desk("jp-officer"), desk("fw-clerk")
    for action, lies_at in ((None, station), ("accept", station), ("approve", centre), ("make", centre)):
        if action:
            move(case_id, action)
        for officer in (station, other, centre):
            officer.open("/console/cases")
            assert (numbers(officer) == [number]) is (officer is lies_at), (action, officer.words)
    assert "喝口水" in other.words
    station.open("/console/cases/all")
    assert numbers(station) == [number]
    other.open("/console/cases/all")
    assert numbers(other) == []


def test_what_one_holds_is_in_ones_own_list_and_colleagues_see_who_holds_it(desk: Desks) -> None:
    held, _ = permit("王大明")
    permit("韦小花")
    mine, colleague = desk("yl-clerk"), desk("yl-both")
    mine.open(f"/console/cases/{held}")
    mine.submit("claim")
    mine.open("/console/cases/mine")
    assert numbers(mine) == [case_now(held).number]
    colleague.open("/console/cases/mine")
    assert numbers(colleague) == []
    assert "您手上没有正在办理的件" in colleague.words
    colleague.open("/console/cases")
    assert "陈静" in colleague.words
    assert len(numbers(colleague)) == 2
    colleague.open(f"/console/cases/{held}")
    assert "陈静正在办理" in colleague.words
    assert colleague.actions == ["reveal"]


def test_filters_and_pages_reach_every_case_once(desk: Desks) -> None:
    all_of_them = [
        permit(f"王{index}明".replace(str(index), "一二三四五六七八九十"[index % 10]))[0] for index in range(PAGE + 3)
    ]
    move(all_of_them[0], "accept")
    clerk = desk("yl-clerk")
    first = numbers(clerk)
    following = re.search(r'rel="next" href="([^"]+)"', clerk.page.text)
    assert following is not None
    clerk.open(following[1].replace("&amp;", "&"))
    second = numbers(clerk)
    assert (len(first), len(second)) == (PAGE, 3)
    assert len(set(first + second)) == PAGE + 3
    clerk.open("/console/cases?state=accepted")
    assert numbers(clerk) == [case_now(all_of_them[0]).number]
    clerk.open("/console/cases?item=residence-registration")
    assert "没有符合条件的办件" in clerk.words
    clerk.open("/console/cases/all?state=submitted")
    first = numbers(clerk)
    clerk.open(re.search(r'rel="next" href="([^"]+)"', clerk.page.text)[1].replace("&amp;", "&"))  # type: ignore[index]
    assert len(set(first + numbers(clerk))) == PAGE + 2


def test_addresses_that_nobody_of_us_made_begin_at_the_top(desk: Desks) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    for query in ("after=%00", "after=AAAA", "after=" + "9" * 300, "after=MjAyNi0wMS0wMVQwMDowMDowMHx4", "state='--",
                  "item=<script>", "state=a&state=b", "after=fA"):  # fmt: skip
        clerk.open(f"/console/cases?{query}")
        assert clerk.page.status_code == 200, query
        assert numbers(clerk) == [case_now(case_id).number], query
        assert "<script>" not in clerk.page.text.replace("<script src", ""), query


def test_a_list_that_is_open_learns_of_changes_and_is_left_alone_while_there_are_none(desk: Desks) -> None:
    first, _ = permit("王大明")
    clerk = desk("yl-clerk")
    mark = clerk.page.headers["ETag"]
    assert mark.strip('"') in clerk.page.text
    for path in ("/console/cases", "/console/cases/mine", "/console/cases/all"):
        clerk.open(path)
        kept = clerk.page.headers["ETag"]
        clerk.open(path, headers=POLL | {"If-None-Match": kept})
        assert (clerk.page.status_code, clerk.page.data) == (204, b"")
    permit("韦小花")
    clerk.open("/console/cases", headers=POLL | {"If-None-Match": mark})
    assert clerk.page.status_code == 200
    assert len(numbers(clerk)) == 2
    assert "<html" not in clerk.page.text
    assert clerk.page.headers["ETag"] != mark
    changed = clerk.page.headers["ETag"]
    move(first, "accept")
    clerk.open("/console/cases", headers=POLL | {"If-None-Match": changed})
    assert clerk.page.status_code == 200


def test_figures_count_what_is_late_due_today_free_and_ones_own(desk: Desks) -> None:
    cases = [permit(name)[0] for name in ("王大明", "韦小花", "赵四", "钱五")]
    due(cases[0], -1)
    due(cases[1], -8)
    due(cases[2], 0)
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{cases[3]}")
    clerk.submit("claim")
    clerk.open("/console/cases")
    figures = dict(re.findall(r'fg-l">([^<]+)</span><span class="fg-v">([^<]+)<', clerk.page.text))
    assert figures == {"本所待办": "4", "已超期": "2", "今天到期": "1", "还没人领取": "3", "我办理中": "1"}


def test_only_those_whose_roles_have_to_do_with_cases_come_in(desk: Desks, app: Flask) -> None:
    case_id, _ = permit()
    paths = (
        "/console/cases",
        "/console/cases/mine",
        "/console/cases/all",
        "/console/search",
        f"/console/cases/{case_id}",
    )
    for login in ("fw-planner", "fw-cashier", "fw-editor", "fw-reception", "fw-system", "fw-security", "fw-audit"):
        outsider = desk(login)
        for path in paths:
            outsider.open(path)
            assert outsider.page.status_code == 403, (login, path)
            assert case_now(case_id).number not in outsider.page.text
            assert "退出" in outsider.words
    stranger = Desk(app, "http://127.0.0.1")
    for path in paths:
        stranger.open(path, follow=False)
        assert stranger.page.status_code == 303
        assert stranger.page.headers["Location"].startswith("/console/login")
        stranger.open(path, follow=False, headers=POLL)
        assert (stranger.page.status_code, stranger.page.headers["HX-Redirect"]) == (401, "/console/login")
    stranger.open("/console/")
    assert stranger.at.startswith("/console/login")


@pytest.mark.parametrize(
    ("login", "place"),
    [
        ("yl-clerk", "/console/cases"),
        ("fw-planner", "/console/plan"),
        ("fw-cashier", "/console/fees"),
        ("fw-system", "/console/admin"),
        ("fw-audit", "/console/admin/record"),
        ("fw-reception", "/console/relations"),
    ],
)
def test_whoever_logs_in_stands_before_their_own_work(
    app: Flask, house: House, staff_logins: dict[str, dict[str, str]], login: str, place: str
) -> None:
    here = Desk(app, house.web_url)
    here.open("/console/login")
    here.submit("login", login=login, password=staff_logins[login]["password"])
    assert (here.page.status_code, here.at) == (200, place)
