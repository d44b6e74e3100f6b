"""The waiting-room board: numbers and counters, read across the hall, spoken where it was allowed to."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from citizen_services.database import commit
from citizen_services.windows import board, hall
from citizen_services.windows.models import Counter
from tests.cases.engine_world import Hands
from tests.pages_kit import check_page, pages_browser, serving
from tests.windows import hall as world
from tests.windows.test_hall import OFFICE, booked, clerk, counters, hands, walked_in

__all__ = ["counters", "hands"]


def hears(page: Page, words: str) -> None:
    """The page has said these words in text, which a screen asks for every two seconds."""
    expect(page.locator("[data-said]")).to_have_text(words, timeout=60_000)


def test_a_board_says_numbers_and_counters_and_the_phone_says_the_same(
    counters: list[Counter], client: Any, hands: Hands
) -> None:
    actor, one = clerk(), counters[0]
    person = booked("欧阳小明", 9)
    drawn = hall.check_in(OFFICE, person.checkin_code)
    behind = hall.draw(OFFICE, world.SERVICE)
    token = board.add_screen(actor, "大厅入口", False)
    named = board.add_screen(actor, "二楼", True)
    commit()
    assert "前面还有 1 人" in client.get(f"/h5/queue/{behind.token}").text
    hall.call_next(one, actor)
    commit()
    answer = client.get(f"/board/{token}/calls")
    assert answer.get_json() == {"calls": [{"number": drawn.number, "counter": 1, "calls": 1}], "waiting": 1}
    assert "欧阳" not in client.get(f"/board/{token}").text
    assert client.get(f"/board/{token}/calls", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert client.get(f"/board/{named}/calls").get_json()["calls"][0]["name"] != "欧阳小明"
    assert "请到 1 号窗口" in client.get(f"/h5/queue/{drawn.token}").text
    assert "前面还有 0 人" in client.get(f"/h5/queue/{behind.token}").text
    screen = board.screens_of(OFFICE)[0]
    board.revoke_screen(actor, screen.id)
    commit()
    assert client.get(f"/board/{token}/calls").status_code == 404
    assert client.get("/h5/queue/guessed").status_code == 404


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920)])
def test_a_board_is_read_across_the_hall(counters: list[Counter], app: Flask, width: int, height: int) -> None:
    actor = clerk()
    walked_in(4)
    token = board.add_screen(actor, "大厅入口", False)
    for counter in counters:
        hall.call_next(counter, actor)
        commit()
    with pages_browser() as chromium, serving(app) as site:
        page = chromium.desktop(width=width, height=height, base_url=site)
        page.goto(f"/board/{token}")
        page.get_by_text("号窗口").first.wait_for()
        check_page(page, f"board-{width}")
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")


#: The browser of the tests has no voices: this one has those of its languages, and keeps what it was to say.
VOICES = """
window.spoken = [];
window.SpeechSynthesisUtterance = function (words) { this.text = words; };
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: () => %s.map((lang) => ({ lang })), addEventListener: () => {}, cancel: () => {},
  speak: (said) => window.spoken.push([said.lang, said.text]),
} });
"""


def test_a_board_says_who_is_called_where_it_was_allowed_to_and_else_shows_it(
    counters: list[Counter], app: Flask, hands: Hands
) -> None:
    actor = clerk()
    walked_in(3)
    token = board.add_screen(actor, "大厅入口", False)
    commit()
    with pages_browser() as chromium, serving(app) as site:
        speaking = chromium.desktop(width=1920, height=1080, base_url=site)
        speaking.add_init_script(VOICES % "['en-US', 'zh-CN']")
        silent = chromium.desktop(width=1920, height=1080, base_url=site)
        silent.add_init_script(VOICES % "['en-US']")
        for page in (speaking, silent):
            with page.expect_response("**/calls"):
                page.goto(f"/board/{token}")
        expect(silent.get_by_text("这块屏没有中文语音")).to_be_visible(timeout=60_000)
        expect(silent.get_by_role("button")).to_have_count(0, timeout=60_000)
        check_page(speaking, "board-voice-off")
        speaking.get_by_role("button", name="打开语音播报").click()
        check_page(speaking, "board-voice-on")
        first = hall.call_next(counters[0], actor)
        commit()
        for page in (speaking, silent):
            hears(page, "请 A001 号到 1 号窗口")
        said = "请 A 零 零 一 号，到 1 号窗口。"
        assert speaking.evaluate("window.spoken") == [["zh-CN", "语音播报已打开"], ["zh-CN", said * 2]]
        assert silent.evaluate("window.spoken") == []
        # It is remembered; what was called before is not said again, and a recall is.
        speaking.goto("about:blank")
        with speaking.expect_response("**/calls"):
            speaking.goto(f"/board/{token}")
        expect(speaking.get_by_role("button", name="关闭语音播报")).to_be_visible(timeout=60_000)
        hall.call_next(counters[1], actor)
        commit()
        hears(speaking, "请 A002 号到 2 号窗口")
        hall.recall(hall.ticket_of(OFFICE, first.id))
        commit()
        hears(speaking, "请 A001 号到 1 号窗口")
        twice = "请 A 零 零 二 号，到 2 号窗口。" * 2
        assert speaking.evaluate("window.spoken") == [["zh-CN", twice], ["zh-CN", said * 2]]
