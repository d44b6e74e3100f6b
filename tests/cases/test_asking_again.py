"""Registers that were away when a case was sent are asked again until somebody decided, and not too often."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases import asking
from citizen_services.cases.models import Case
from citizen_services.database import db
from citizen_services.exchange.models import RegisterAnswer
from tests.console.applications import move, permit
from tests.house import House
from tests.notifications.conftest import later

AWAY = ("population", "migrants")


def rows() -> int:
    """How many answers are kept."""
    return db.session.scalars(select(func.count()).select_from(RegisterAnswer)).one()


def test_what_was_away_is_asked_again_after_a_rest_until_it_told(app: Flask, outside: House) -> None:
    case_id, person = permit(registers="unavailable")
    decided, _ = permit("韦小花", registers="unavailable", done=("accept", "approve", "make", "parcel_ordered", "post"))
    about = {"name": "李雷", "hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
    outside.control("PUT", f"people/{person.id_number}", about)
    outside.control("PUT", f"migrants/{person.id_number}", {"registrations": [], "permits": []})
    before = rows()
    assert asking.ask_away_registers() == 0
    assert rows() == before, "a register that was just away is left alone"
    for partner in AWAY:
        outside.control("PUT", f"faults/{partner}", {"mode": "http_500"})
    with later(minutes=11):
        assert asking.ask_away_registers() == 0
        tried = rows()
        assert tried > before
        assert asking.ask_away_registers() == 0
        assert rows() == tried
    for partner in AWAY:
        outside.control("PUT", f"faults/{partner}", {"mode": "none"})
    with later(minutes=22):
        assert asking.ask_away_registers() == 3
        told = asking.later_answers(db.session.get_one(Case, case_id))
        assert {key: one["outcome"] for key, one in told.items()} == {
            "population.person": "found", "population.portrait": "none", "migrants.history": "none",
        }  # fmt: skip
        assert asking.ask_away_registers() == 0, "what told is not asked again"
    assert asking.later_answers(db.session.get_one(Case, decided)) == {}, "nobody decides on that one any more"
    move(case_id, "accept")
