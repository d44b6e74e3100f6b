"""The engine: who may do what, one change an act, and the second of two officers is told what the first did."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.errors import (
    AlreadyOpen,
    CaseError,
    GuardFailed,
    InvalidInput,
    MovedOn,
    NoSuchCase,
    NotAllowed,
    NotPossible,
)
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.cases.queries import desk, steps_for
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.registers.models import ResidencePermit
from citizen_services.rules.dates import local_date
from notifications.models import Delivery, Notice, Parcel
from tests import factories as make

TRACKING = "1119044791429"


def act(
    case_id: UUID, action: str, actor: Actor, data: dict[str, Any] | None = None, version: int | None = None
) -> Case:
    """Take a step as somebody who has just read the case, and commit."""
    case = db.session.get_one(Case, case_id, populate_existing=True)
    operations.perform(parts().catalogue, case_id, action, actor, case.version if version is None else version, data)
    commit()
    return db.session.get_one(Case, case_id, populate_existing=True)


def refused(case_id: UUID, action: str, actor: Actor, data: dict[str, Any] | None = None) -> CaseError:
    """The error of a step that must be refused, after which nothing has changed."""
    before = db.session.get_one(Case, case_id, populate_existing=True)
    version, events = before.version, db.session.scalar(select(func.count()).select_from(CaseEvent))
    with pytest.raises(CaseError) as caught:
        act(case_id, action, actor, data)
    rollback()
    assert db.session.get_one(Case, case_id, populate_existing=True).version == version
    assert db.session.scalar(select(func.count()).select_from(CaseEvent)) == events
    return caught.value


def test_a_permit_goes_from_submission_to_signature_without_a_visit(app: Flask) -> None:
    person = make.citizen()
    case_id = make.submitted_permit(person)
    case = db.session.get_one(Case, case_id)
    assert (case.state, case.version, case.office_code, case.desk_code) == (
        "submitted", 1, make.STATION, make.STATION
    )  # fmt: skip
    assert case.first_answer_due is not None
    assert case.next_due == case.first_answer_due
    # Sent on a Monday: the one working day of the first answer ends with Tuesday.
    assert local_date(case.first_answer_due).isoformat() == "2026-11-11"

    act(case_id, "claim", make.staff("yl-clerk"))
    case = act(case_id, "accept", make.staff("yl-clerk"))
    assert case.first_answer_met_at
    assert case.promised_due
    assert case.statutory_due
    assert case.promised_due < case.statutory_due
    assert case.next_due == case.promised_due
    voucher = db.session.scalars(select(Document).where(Document.case_id == case_id)).one()
    assert person.name in voucher.content["paragraphs"][0]
    case = act(case_id, "approve", make.staff("yl-officer"))
    assert case.desk_code == "330213000000"
    permit = db.session.scalars(select(ResidencePermit)).one()
    assert (permit.state, permit.issued_on) == ("approved", clock.today())

    act(case_id, "make", make.staff("fw-clerk"), {"card_number": "33021326000001"})
    db.session.refresh(permit)
    assert (permit.state, permit.card_number) == ("current", "33021326000001")
    assert db.session.scalars(select(Parcel.state)).all() == ["ordered"]
    assert isinstance(refused(case_id, "post", make.staff("fw-clerk"), {"tracking": TRACKING}), GuardFailed)
    act(case_id, "parcel_ordered", Actor.system("ems_order"), {"tracking": TRACKING})
    wrong = refused(case_id, "post", make.staff("fw-clerk"), {"tracking": "1119188661129"})
    assert "面单" in wrong.sentence
    case = act(case_id, "post", make.staff("fw-clerk"), {"tracking": TRACKING})
    assert case.result_met_at
    assert case.next_due is None
    assert case.desk_code is None
    case = act(case_id, "complete", Actor.system("ems_receipt"))
    assert (case.state, case.visits, case.version) == ("completed", 0, 8)
    assert case.ended_at
    told = db.session.scalars(select(Notice.kind).order_by(Notice.at, Notice.id)).all()
    assert told == ["submitted", "accepted", "approved", "made", "posted", "completed"]
    assert {d.channel for d in db.session.scalars(select(Delivery))} == {"sms", "ems", "registration"}


def test_registering_an_address_is_done_at_once_and_ends_the_one_before(app: Flask) -> None:
    from citizen_services.cases import drafts
    from citizen_services.registers.queries import current_registration, registrations_of

    person = make.citizen()
    make.registered(person)
    item = parts().catalogue.item("residence-registration")
    address = {"code": "330213002000000009", "text": "奉化区锦屏街道南山路26号", "station": "330213002000"}
    draft = drafts.begin(
        item, person.id, "wechat", {"addresses.address": make.answer(person, "addresses", "address", address)}
    )
    draft.data = {"address": {"address_code": address["code"], "room": "2幢301室", "residence_kind": "rented"}}
    commit()
    outcome = operations.submit(parts().catalogue, draft, make.applicant(person))
    commit()
    assert (outcome.state, outcome.version) == ("completed", 2)
    current = current_registration(person.id)
    assert current is not None
    assert (current.address, current.office_code) == ("奉化区锦屏街道南山路26号2幢301室", "330213002000")
    assert [row.until for row in registrations_of(person.id)] == [None, clock.today()]


@pytest.mark.parametrize(
    ("login", "action", "why"),
    [
        ("jp-clerk", "accept", "another station's clerk"),
        ("fw-clerk", "accept", "the service centre's clerk"),
        ("yl-officer", "accept", "an approver who is no clerk"),
        ("fw-supervisor", "accept", "a supervisor"),
        ("fw-cashier", "accept", "a cashier, who never accepts"),
        ("yl-clerk", "approve", "not in this state"),
    ],
)
def test_who_may_not_act_is_told_and_nothing_changes(app: Flask, login: str, action: str, why: str) -> None:
    fault = refused(make.submitted_permit(), action, make.staff(login))
    assert isinstance(fault, NotAllowed | NotPossible), why


def test_who_accepted_does_not_approve_and_an_auxiliary_never_does(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "accept", make.staff("yl-both"))
    assert "同一个人" in refused(case_id, "approve", make.staff("yl-both")).sentence
    assert isinstance(refused(case_id, "approve", make.staff("yl-auxiliary")), NotAllowed)
    assert act(case_id, "approve", make.staff("yl-officer")).state == "approved"


def test_nobody_works_on_their_own_case(app: Flask) -> None:
    person = make.citizen()
    case_id = make.submitted_permit(person)
    clerk = make.staff("yl-clerk")
    own = Actor(**{**vars(clerk), "id_lookup": person.id_lookup})
    assert "本人" in refused(case_id, "accept", own).sentence


def test_another_citizen_finds_no_case(app: Flask) -> None:
    case_id = make.submitted_permit()
    stranger = make.citizen("韩梅梅")
    assert isinstance(refused(case_id, "withdraw", make.applicant(stranger)), NoSuchCase)


def test_the_second_of_two_officers_is_shown_what_the_first_did(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "claim", make.staff("yl-clerk"))
    with pytest.raises(MovedOn) as caught:
        act(case_id, "accept", make.staff("yl-both"), version=1)
    rollback()
    assert "陈静（岳林派出所）" in caught.value.sentence
    assert "领取" in caught.value.sentence
    # Also with the newest version: the case is held by the colleague.
    assert isinstance(refused(case_id, "accept", make.staff("yl-both")), MovedOn)
    item = parts().catalogue.item("residence-permit-first")
    assert steps_for(item, db.session.get_one(Case, case_id), make.staff("yl-both")) == []


def test_of_two_officers_who_press_at_once_exactly_one_decides(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "accept", make.staff("yl-clerk"))
    db.session.execute(text('UPDATE "case" SET claimed_by = NULL, claimed_until = NULL'))
    commit()
    version = db.session.get_one(Case, case_id, populate_existing=True).version
    together, results = threading.Barrier(4), []

    def press(login: str) -> None:
        with app.app_context():
            actor = make.staff(login)
            together.wait()
            try:
                operations.perform(parts().catalogue, case_id, "approve", actor, version)
                commit()
                results.append("done")
            except MovedOn as fault:
                rollback()
                results.append(fault.sentence)

    threads = [threading.Thread(target=press, args=(login,)) for login in ("yl-officer", "yl-both") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("done") == 1
    assert all("批准" in sentence for sentence in results if sentence != "done")
    assert db.session.scalar(select(func.count()).select_from(ResidencePermit)) == 1
    kinds = db.session.scalars(select(Notice.kind)).all()
    assert kinds.count("approved") == 1


def test_a_person_has_one_open_case_of_an_item(app: Flask) -> None:
    person = make.citizen()
    make.submitted_permit(person)
    with pytest.raises(AlreadyOpen):
        operations.submit(parts().catalogue, make.permit_draft(person), make.applicant(person))
    rollback()


def test_a_draft_is_sent_once(app: Flask) -> None:
    person = make.citizen()
    make.registered(person)
    draft = make.permit_draft(person)
    once = Once.of(f"citizen:{person.id}", "submit", "token", {"a": 1})
    outcome = operations.submit(parts().catalogue, draft, make.applicant(person), once=once)
    commit()
    remembered = once.answer()
    told = {"case_id": str(outcome.case_id), "number": outcome.number, "state": "submitted", "version": 1}
    assert remembered == told
    with pytest.raises(MovedOn):
        operations.submit(parts().catalogue, draft, make.applicant(person))
    rollback()


def test_what_a_step_needs_must_be_given(app: Flask) -> None:
    case_id = make.submitted_permit()
    act(case_id, "accept", make.staff("yl-clerk"))
    act(case_id, "approve", make.staff("yl-officer"))
    fault = refused(case_id, "make", make.staff("fw-clerk"), {"card_number": "x"})
    assert isinstance(fault, InvalidInput)
    assert "6 至 32 位" in fault.errors["card_number"][0]


def test_a_failure_in_what_follows_undoes_the_whole_act(app: Flask) -> None:
    from citizen_services.cases.signals import case_moved

    case_id = make.submitted_permit()

    def fails(sender: str, **_: object) -> None:
        raise RuntimeError("planted")

    case_moved.connect(fails)
    try:
        with pytest.raises(RuntimeError, match="planted"):
            act(case_id, "accept", make.staff("yl-clerk"))
    finally:
        case_moved.disconnect(fails)
        rollback()
    assert db.session.get_one(Case, case_id, populate_existing=True).state == "submitted"
    assert db.session.scalars(select(Document)).all() == []


def test_an_office_sees_the_case_whose_clock_runs_out_first_on_top(app: Flask) -> None:
    first, second = make.submitted_permit(), make.submitted_permit()
    act(first, "accept", make.staff("yl-clerk"))
    assert [case.id for case in desk(make.STATION).cases] == [second, first]
    assert desk("330213002000").cases == []
