"""Finding a case: exactly, within the own office, recorded, with nothing of it in any address."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.console.applications import case_now, looks_at, permit
from tests.console.conftest import Desk

Desks = Callable[[str], Desk]
STATION, OTHER = "330213001000", "330213002000"


def found(desk: Desk) -> list[str]:
    """The numbers of the cases that a search shows."""
    return re.findall(r'class="ws-no">([^<]+)<', desk.page.text)


def ask(desk: Desk, q: str, **more: str) -> list[str]:
    """Search from the search page."""
    desk.open("/console/search")
    desk.submit("search", follow=False, q=q, reason="handling", **more)
    return found(desk)


def test_a_case_is_found_by_number_code_and_exactly_by_person(desk: Desks) -> None:
    case_id, person = permit("阿卜杜拉·买买提")
    other_id, _ = permit("阿卜杜拉·买买")
    number = case_now(case_id).number
    clerk = desk("yl-clerk")
    for q in (number, number.lower(), f" {number} ", f"https://example.org/h5/cases/{case_id}"):
        ask(clerk, q)
        assert (clerk.page.status_code, clerk.page.headers["Location"]) == (303, f"/console/cases/{case_id}")
    assert looks_at(person) == []
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in person.phone)
    for q in (
        person.id_number,
        person.phone,
        full_width,
        f"+86 {person.phone}",
        "阿卜杜拉•买买提",
        " 阿卜杜拉·买买提 ",
    ):
        assert ask(clerk, q) == [number], q
        assert clerk.page.status_code == 200
        assert clerk.page.request.full_path.rstrip("?") == "/console/search"
        assert person.id_number not in clerk.page.text.replace(f'value="{q}"', "")
    assert looks_at(person) == [("searched", STATION, "clerk", "handling")] * 6
    # One in eleven numbers ends with 0 itself.
    other_end = "1" if person.id_number.endswith("0") else "0"
    for q in ("阿卜杜拉", "买买提", person.id_number[:17] + other_end, person.phone[:-1]):
        assert number not in ask(clerk, q), q
    assert case_now(other_id).number not in ask(clerk, "阿卜杜拉·买买提")


def test_the_search_line_of_every_page_works_and_the_reason_goes_on_record(desk: Desks) -> None:
    _, person = permit("韦小花")
    clerk = desk("yl-clerk")
    clerk.submit("search", q=person.phone)
    assert len(found(clerk)) == 1
    assert clerk.page.request.query_string == b""
    form = clerk.form("search").inputs | {"q": person.phone, "reason": "call"}
    for _ in range(2):
        clerk.open("/console/search", "POST", data=form)
        assert len(found(clerk)) == 1
    # The same form sent twice is one look; with other words it is refused.
    assert looks_at(person) == [
        ("searched", STATION, "clerk", "handling"),
        ("searched", STATION, "clerk", "申请人来电咨询"),
    ]
    clerk.open("/console/search", "POST", data=form | {"q": "韦小花"})
    assert clerk.page.status_code == 422
    assert found(clerk) == []


def test_other_offices_people_are_not_found_and_a_number_only_for_a_reason(desk: Desks) -> None:
    case_id, person = permit("韦小花")
    number = case_now(case_id).number
    other = desk("jp-clerk")
    for q in (person.id_number, person.phone, "韦小花"):
        assert ask(other, q) == []
        assert "本单位没有查到" in other.words
    answers = []
    for q in (number, "JZ20261109-999999"):
        ask(other, q)
        assert other.page.status_code == 200
        answers.append(other.words.replace(q, ""))
    assert answers[0] == answers[1]
    assert looks_at(person) == []
    ask(other, number)
    other.submit("elsewhere", why="看")
    assert (other.page.status_code, other.errors) == (422, {"why"})
    other.submit("elsewhere", why="申请人到本窗口咨询")
    assert other.page.status_code == 200
    assert number in other.words
    assert looks_at(person) == [("opened", OTHER, "clerk", "申请人到本窗口咨询")]
    ask(other, "JZ20261109-999999")
    other.submit("elsewhere", why="申请人到本窗口咨询")
    assert other.page.status_code == 422
    assert "全区都没有这个编号的办件" in other.words


def test_what_can_be_no_search_is_told_kindly_and_never_breaks(desk: Desks) -> None:
    clerk = desk("yl-clerk")
    nothing = ("", "   ", "\x00", "\u202e\u202d")
    spoilt = ("12345", "JZ2026", "９" * 400, "﷽" * 60, "110105194912310021", "https://example.org/cases/not-an-id")
    for q in (*nothing, *spoilt, "<script>alert(1)</script>", "'; DROP TABLE x; --"):
        ask(clerk, q)
        assert (clerk.page.status_code, clerk.errors) == (422, {"q"}), q
        assert "<script>alert" not in clerk.page.text
    clerk.open("/console/search")
    clerk.submit("search", q="韦小花", reason="curious")
    assert clerk.page.status_code == 422
