"""What was provisional for want of a year's calendar, when the State Council publishes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from uuid import UUID

from flask import Flask

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.automatic import lapse_overdue
from citizen_services.cases.models import Case
from citizen_services.cases.years import load_year
from citizen_services.database import commit, db
from citizen_services.rules.dates import SHANGHAI, local_date
from tests import factories as make
from tests.cases.test_decisions import ANSWER, ASKED, person_of
from tests.cases.test_engine import act

#: Invented, since the State Council has not published it yet: only its shape is real.
YEAR = {
    "year": 2027,
    "source": "为测试虚构",
    "invented": True,
    "holidays": [
        {"name": "元旦", "from": "2027-01-01", "to": "2027-01-03"},
        {"name": "劳动节", "from": "2027-05-01", "to": "2027-05-05"},
        {"name": "国庆节", "from": "2027-10-01", "to": "2027-10-07"},
    ],
    "workdays": [],
}


@contextmanager
def on(day: date) -> Iterator[None]:
    """Let it be ten o'clock of that day."""
    before, ten = clock._clock, datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI)
    clock.use(clock.Clock(round((ten - clock.protocol_now()).total_seconds())))
    try:
        yield
    finally:
        clock.use(before)


def case_of(case_id: UUID) -> Case:
    return db.session.get_one(Case, case_id, populate_existing=True)


def last_day(moment: datetime) -> date:
    """The day at whose 24:00 a period ends."""
    return date.fromordinal(local_date(moment).toordinal() - 1)


def test_the_answer_that_is_owed_anew_is_counted_from_the_correction_and_not_from_the_sending(app: Flask) -> None:
    with on(date(2026, 12, 21)):
        case_id = make.submitted_permit()
        act(case_id, "request_correction", make.staff("yl-clerk"), ASKED)
    with on(date(2026, 12, 31)):
        act(case_id, "answer_correction", make.applicant(person_of(case_id)), ANSWER)
        case = case_of(case_id)
        assert case.due_provisional
        assert load_year(json.dumps(YEAR))["recomputed"] == 1
        commit()
        case = case_of(case_id)
        assert not case.due_provisional
        # New Year's holidays end on Sunday the third.
        assert case.first_answer_due is not None
        assert last_day(case.first_answer_due) >= date(2027, 1, 4)
        assert case.next_due == case.first_answer_due


def test_a_correction_gets_its_last_day_never_an_earlier_one_and_can_lapse_from_then_on(app: Flask) -> None:
    with on(date(2026, 12, 21)):
        case_id = make.submitted_permit()
        act(case_id, "request_correction", make.staff("yl-clerk"), ASKED)
        asked = corrections.of_case(case_id)[0]
        told = asked.due
        assert asked.due_provisional
        corrections.note_reached(case_id, clock.now())
        commit()
    with on(date(2027, 3, 1)):
        assert lapse_overdue() == 0
        assert load_year(json.dumps(YEAR))["recomputed"] == 1
        commit()
        db.session.expire_all()
        asked = corrections.of_case(case_id)[0]
        assert not asked.due_provisional
        assert asked.due >= told
        assert lapse_overdue() == 1
    assert case_of(case_id).state == "lapsed"
