"""Reviewing at the desk: what a register says beside the answer, and the letter seen before it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases.models import Document
from citizen_services.database import db
from notifications.models import Notice
from tests.console.applications import case_now, looks_at, permit
from tests.console.conftest import Desk

Sit = Callable[[str], Desk]
WORDS: dict[str, Any] = {
    "reasons": "社会保险登记显示您已离职，目前没有合法稳定就业。",
    "ground": "《居住证暂行条例》第二条",
}


def written() -> tuple[int, int]:
    """How many documents and notices there are."""
    db.session.rollback()
    documents = db.session.execute(select(func.count()).select_from(Document)).scalar_one()
    return documents, db.session.execute(select(func.count()).select_from(Notice)).scalar_one()


def test_the_letter_of_a_refusal_to_take_it_in_is_seen_before_it_is_sent(app: Flask, desk: Sit) -> None:
    case_id, person = permit("李雷")
    officer = desk("yl-both")
    before = written()
    officer.open(f"/console/cases/{case_id}/actions/decline")
    officer.submit("decline", preview="1", **WORDS)
    assert "不予受理决定书" in officer.words
    # It names the person in full, whose case's page was never opened.
    assert [(what, reason) for what, _, _, reason in looks_at(person)] == [("opened", "handling")]
    assert "理由：社会保险登记显示您已离职" in officer.words
    assert "60日内向宁波市奉化区人民政府申请行政复议" in officer.words
    # Nothing is done yet, and what was typed still stands in the form.
    assert (written(), case_now(case_id).state, case_now(case_id).version) == (before, "submitted", 1)
    assert officer.form("decline").inputs["ground"] == WORDS["ground"]
    officer.submit("decline", preview="1", **{**WORDS, "reasons": ""})
    assert (officer.page.status_code, officer.errors) == (422, {"reasons"})
    officer.submit("decline", preview=None, **WORDS)
    assert case_now(case_id).state == "declined"
    assert written()[0] == before[0] + 1


def test_what_the_register_says_stands_beside_the_answer_that_is_judged(app: Flask, desk: Sit) -> None:
    case_id, _ = permit("李雷", correct="no")
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    assert "登记：奉化区宏达机械厂" in clerk.words
    # Acting follows the going through: the buttons come after the list.
    assert clerk.actions.index("request_correction") < clerk.actions.index("accept")
