"""What can happen to a case besides going well: corrections, refusals, going back, going elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.audit import verify
from citizen_services.cases.automatic import lapse_overdue
from citizen_services.cases.errors import GuardFailed, InvalidInput, NotAllowed
from citizen_services.cases.models import Case, Correction, Document
from citizen_services.cases.queries import documents_of
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import SHANGHAI
from notifications.models import Notice
from tests import factories as make
from tests.cases.test_engine import act, refused

ASKED = {
    "items": [
        {"code": "delivery.postal_address", "why": "请写明楼栋和房间号"},
        {"code": "delivery.receiver_phone", "why": "这个号码打不通，请换一个"},
    ]
}
ANSWER = {"answers": {"delivery": {"postal_address": "岳林街道金钟路18号9幢101室", "receiver_phone": "13900139000"}}}
REASONS = {"reasons": "社会保险登记显示您已离职，目前没有合法稳定就业。", "ground": "《居住证暂行条例》第二条"}


def asked() -> UUID:
    """A case that waits for a correction."""
    case_id = make.submitted_permit()
    act(case_id, "request_correction", make.staff("yl-clerk"), ASKED)
    return case_id


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let it be that moment."""
    before = clock._clock
    clock.use(clock.Clock(round((moment - clock.protocol_now()).total_seconds())))
    try:
        yield
    finally:
        clock.use(before)


def person_of(case_id: UUID) -> Citizen:
    return db.session.get_one(Citizen, db.session.get_one(Case, case_id).citizen_id)


def test_a_correction_names_everything_stops_the_clock_and_is_answered_by_one_button(app: Flask) -> None:
    case_id = asked()
    case = db.session.get_one(Case, case_id, populate_existing=True)
    assert (case.state, case.desk_code, case.next_due) == ("correcting", None, None)
    assert case.first_answer_met_at
    text = "".join(documents_of(case_id)[0].content["paragraphs"])
    assert "2项" in text
    assert "详细地址：请写明楼栋和房间号" in text
    case = act(case_id, "answer_correction", make.applicant(person_of(case_id)), ANSWER)
    assert case.state == "submitted"
    assert case.data["delivery"]["postal_address"].endswith("9幢101室")
    assert case.data["delivery"]["city"] == "宁波市"
    # The office owes an answer anew, from the day on which the person answered.
    assert case.next_due == case.first_answer_due
    assert case.first_answer_met_at is None
    assert corrections.open_correction(case_id) is None
    assert verify(parts().catalogue)["ok"]


def test_only_what_was_named_can_be_changed_and_must_be_right(app: Flask) -> None:
    case_id = asked()
    sneaky = {"answers": {"delivery": {**ANSWER["answers"]["delivery"], "receiver": "别人", "city": "杭州市"}}}
    case = act(case_id, "answer_correction", make.applicant(person_of(case_id)), sneaky)
    assert (case.data["delivery"]["receiver"], case.data["delivery"]["city"]) == ("李雷", "宁波市")
    other = asked()
    wrong = {"answers": {"delivery": {"postal_address": "", "receiver_phone": "123"}}}
    fault = refused(other, "answer_correction", make.applicant(person_of(other)), wrong)
    assert isinstance(fault, InvalidInput)
    assert set(fault.errors) == {"delivery.postal_address", "delivery.receiver_phone"}


def test_something_new_is_asked_for_only_with_a_reason(app: Flask) -> None:
    case_id = asked()
    act(case_id, "answer_correction", make.applicant(person_of(case_id)), ANSWER)
    act(case_id, "request_correction", make.staff("yl-clerk"), {"items": ASKED["items"][:1]})
    act(case_id, "answer_correction", make.applicant(person_of(case_id)), ANSWER)
    new = {"items": [{"code": "employment", "why": "请补充劳动合同"}]}
    fault = refused(case_id, "request_correction", make.staff("yl-clerk"), new)
    assert isinstance(fault, InvalidInput)
    assert "new_because" in fault.errors
    act(case_id, "request_correction", make.staff("yl-clerk"), new | {"new_because": "社保登记今天显示已停保"})
    assert [c.new_because for c in corrections.of_case(case_id)] == [None, None, "社保登记今天显示已停保"]
    numbers = db.session.scalars(select(Document.number).where(Document.case_id == case_id)).all()
    assert len(set(numbers)) == 3


def test_what_was_named_is_asked_again_until_its_date_and_what_comes_on_top_is_counted(app: Flask) -> None:
    case_id, clerk = asked(), make.staff("yl-clerk")
    person, same = make.applicant(person_of(case_id)), {"items": ASKED["items"][:1]}
    first_day = corrections.of_case(case_id)[0].due
    assert first_day == datetime(2026, 11, 24, tzinfo=SHANGHAI)
    act(case_id, "answer_correction", person, ANSWER)
    # Asked for again in time: no reason is needed, one that is given all the same is not kept, and the date stays.
    act(case_id, "request_correction", clerk, same | {"new_because": "写错了地方"})
    again = corrections.of_case(case_id)[1]
    assert (again.due, again.new_because) == (first_day, None)
    act(case_id, "answer_correction", person, ANSWER)
    with at(datetime(2026, 11, 23, 16, tzinfo=SHANGHAI)):
        # On the last afternoon: nobody can mend anything within hours.
        act(case_id, "request_correction", clerk, same)
        assert corrections.of_case(case_id)[2].due == datetime(2026, 11, 27, tzinfo=SHANGHAI)
        act(case_id, "answer_correction", person, ANSWER)
    with at(datetime(2026, 11, 24, 9, tzinfo=SHANGHAI)):
        # The date that was told first has passed: the short one since does not carry on for ever.
        fault = refused(case_id, "request_correction", clerk, same)
        assert isinstance(fault, InvalidInput)
        assert "期限已过" in fault.errors["new_because"][0]
        act(case_id, "request_correction", clerk, same | {"new_because": "门牌昨天改了号"})
        assert corrections.of_case(case_id)[3].due == datetime(2026, 12, 9, tzinfo=SHANGHAI)
    kept = [one.new_because for one in corrections.of_case(case_id)]
    assert kept == [None, None, None, "门牌昨天改了号"], "what supervisors count"


def test_nothing_can_be_asked_that_the_form_does_not_have(app: Flask) -> None:
    case_id = make.submitted_permit()
    strange = {"items": [{"code": "delivery.favourite_colour", "why": "好奇"}]}
    assert isinstance(refused(case_id, "request_correction", make.staff("yl-clerk"), strange), InvalidInput)
    assert isinstance(refused(case_id, "request_correction", make.staff("yl-clerk"), {"items": []}), InvalidInput)


@pytest.mark.parametrize("reached", [True, False])
def test_a_missed_date_lapses_only_where_the_person_was_reached(app: Flask, reached: bool) -> None:
    case_id = asked()
    assert lapse_overdue() == 0
    if reached:
        corrections.note_reached(case_id, clock.now())
    db.session.execute(update(Correction).values(due=clock.now() - timedelta(seconds=1)))
    commit()
    assert lapse_overdue() == (1 if reached else 0)
    case = db.session.get_one(Case, case_id, populate_existing=True)
    assert case.state == ("lapsed" if reached else "correcting")
    if reached:
        assert "行政复议" in "".join(documents_of(case_id)[-1].content["paragraphs"])
        # The way is free to apply again.
        make.permit_draft(person_of(case_id))


@pytest.mark.parametrize("by", ["receipt", "call"])
def test_who_is_reached_after_the_date_has_some_days_more_and_is_told_which(app: Flask, by: str) -> None:
    case_id = asked()
    db.session.execute(update(Correction).values(due=clock.now() - timedelta(days=1)))
    commit()
    if by == "call":
        act(case_id, "note_call", make.staff("yl-clerk"))
    else:
        corrections.note_reached(case_id, clock.now())
        # A second receipt of the same request gives no more days.
        corrections.note_reached(case_id, clock.now() + timedelta(days=2))
        commit()
    db.session.expire_all()
    correction = corrections.of_case(case_id)[0]
    # Three working days after Monday 9 November end with Thursday.
    assert correction.due == datetime(2026, 11, 13, tzinfo=SHANGHAI)
    told = db.session.scalars(select(Notice).where(Notice.kind == "correction_extended")).all()
    assert [("11月12日" in one.text) for one in told] == [True]
    assert lapse_overdue() == 0
    db.session.execute(update(Correction).values(due=clock.now() - timedelta(seconds=1)))
    commit()
    assert lapse_overdue() == 1


def test_a_provisional_date_lapses_nothing(app: Flask) -> None:
    case_id = asked()
    db.session.execute(update(Correction).values(due=clock.now() - timedelta(days=1), due_provisional=True))
    corrections.note_reached(case_id, clock.now())
    commit()
    assert lapse_overdue() == 0


def test_declining_is_a_written_decision_of_an_officer_with_remedies(app: Flask) -> None:
    case_id = make.submitted_permit()
    assert isinstance(refused(case_id, "decline", make.staff("yl-clerk"), REASONS), NotAllowed)
    assert isinstance(refused(case_id, "decline", make.staff("yl-both"), {"reasons": "不"}), InvalidInput)
    case = act(case_id, "decline", make.staff("yl-both"), REASONS)
    assert (case.state, bool(case.ended_at), bool(case.first_answer_met_at)) == ("declined", True, True)
    text = "".join(documents_of(case_id)[0].content["paragraphs"])
    for words in (REASONS["reasons"], REASONS["ground"], "60日", "六个月", "奉化区人民政府", "奉化区人民法院"):
        assert words in text


def test_refusing_ends_an_accepted_case_with_a_document(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "accept", make.staff("yl-both"))
    assert isinstance(refused(case_id, "refuse", make.staff("yl-both"), REASONS), NotAllowed)
    case = act(case_id, "refuse", make.staff("yl-officer"), REASONS)
    assert case.state == "refused"
    assert [d.kind for d in documents_of(case_id)] == ["voucher", "refused"]


def test_nobody_is_granted_a_second_permit_and_the_approver_reads_why(app: Flask) -> None:
    first = make.submitted_permit()
    act(first, "accept", make.staff("yl-clerk"))
    act(first, "approve", make.staff("yl-officer"))
    person = person_of(first)
    act(first, "make", make.staff("fw-clerk"), {"card_number": "33021300000077"})
    # As where two were on their way when neither was granted: another's case, given to the person who holds one.
    second = make.submitted_permit(make.citizen("韩梅梅"))
    db.session.execute(update(Case).where(Case.id == first).values(ended_at=clock.now()))
    db.session.execute(update(Case).where(Case.id == second).values(citizen_id=person.id))
    commit()
    act(second, "accept", make.staff("yl-clerk"))
    fault = refused(second, "approve", make.staff("yl-officer"))
    assert isinstance(fault, GuardFailed)
    assert "已有" in fault.sentence


def test_an_approver_sends_a_case_back_and_decides_after_the_clerk_looked_again(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "accept", make.staff("yl-clerk"))
    before = db.session.get_one(Case, case_id).promised_due
    act(case_id, "send_back", make.staff("yl-officer"), {"note": "请核对参保单位"})
    assert isinstance(refused(case_id, "approve", make.staff("yl-officer")), GuardFailed)
    case = act(case_id, "resubmit", make.staff("yl-clerk"))
    assert case.promised_due == before
    assert act(case_id, "approve", make.staff("yl-officer")).state == "approved"


def test_a_misrouted_case_goes_to_its_station_with_its_clocks_running_on(app: Flask) -> None:
    case_id = make.submitted_permit()
    due = db.session.get_one(Case, case_id).first_answer_due
    for wrong in ("330213000000", make.STATION, "999"):
        assert isinstance(refused(case_id, "hand_over", make.staff("yl-clerk"), {"office": wrong}), InvalidInput)
    case = act(case_id, "hand_over", make.staff("yl-clerk"), {"office": "330213002000"})
    assert (case.office_code, case.desk_code, case.first_answer_due) == ("330213002000", "330213002000", due)
    assert isinstance(refused(case_id, "accept", make.staff("yl-clerk")), NotAllowed)
    assert act(case_id, "accept", make.staff("jp-clerk")).state == "accepted"


def test_a_person_withdraws_while_correcting_and_may_apply_again(app: Flask) -> None:
    case_id = asked()
    case = act(case_id, "withdraw", make.applicant(person_of(case_id)))
    assert case.state == "withdrawn"
    states: list[Any] = list(db.session.scalars(select(Correction.state)))
    assert states == ["dropped"]
