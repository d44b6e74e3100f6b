"""A case's clocks in words: one rule for its person and for the desk."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import update

from citizen_services import clock
from citizen_services.cases.deadlines import clocks_of, next_clock
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.parts import parts
from tests import factories as make
from tests.cases.test_engine import act


def test_days_left_are_of_the_promises_own_unit_and_a_provisional_date_is_never_late(app: Flask) -> None:
    case_id = make.submitted_permit()
    case = act(case_id, "accept", make.staff("yl-clerk"))
    item = parts().catalogue.item("residence-permit-first")
    first, promised, statutory = clocks_of(item, case)
    assert (first["label"], first["state"]) == ("首次答复", "met")
    assert (promised["left"], statutory["left"]) == ("还剩 2 个工作日", "还剩 15 天")
    found = next_clock(item, case)
    assert found is not None
    assert found["due"] == promised["due"]
    passed = {"promised_due": clock.now() - timedelta(days=1), "due_provisional": True}
    db.session.execute(update(Case).values(passed))
    commit()
    late = clocks_of(item, db.session.get_one(Case, case_id, populate_existing=True))[1]
    assert (late["state"], late["left"]) == ("provisional", "暂定日期已过")
