"""A permit that ends while its card is made, on its way or lost: the case ends in writing, and the card comes back.

By the register's word at any look, or by an officer; told once, the parcel cancelled or called back, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import audit, operations, permit_facts
from citizen_services.cases.errors import GuardFailed, InvalidInput, MovedOn, NotAllowed, NotPossible
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.database import Change, commit, db
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.registers.operations import end_permit
from citizen_services.registers.queries import permits_of
from notifications import parcels, tasks
from notifications.models import Notice, Parcel
from notifications.old_models import DocumentDue
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, act, applicant_acts, card_of, case_now, made_permit, parcels_now
from tests.notifications.test_by_hand import desk as desk
from tests.notifications.test_letters import event
from tests.notifications.test_parcel_life import arrive, posted_permit
from tests.notifications.test_parcels import ordered_permit

Answers = Mapping[str, Mapping[str, Any]]
MOVED: Answers = {"population.person": {"outcome": "found", "content": {"hukou_code": "330212", "status": "normal"}}}
DIED: Answers = {"population.person": {"outcome": "found", "content": {"hukou_code": "522601", "status": "deceased"}}}
BY_HAND: dict[str, Any] = {"fact": "hukou_moved", "day": "2026-11-02", "how": "已查看户口簿迁入页"}


def approved() -> UUID:
    """A case whose permit was granted and whose card is still to be made. Committed."""
    case_id = make.submitted_permit()
    act(case_id, "accept", "yl-clerk")
    act(case_id, "approve", "yl-officer")
    return case_id


def told_to(case_id: UUID) -> list[str]:
    """What its person heard of a permit's end, of the case or beside it."""
    db.session.rollback()
    citizen = case_now(case_id).citizen_id
    ended = select(Notice.kind).where(Notice.citizen_id == citizen, Notice.kind.like("%permit_ended%"))
    return list(db.session.scalars(ended.order_by(Notice.at, Notice.id)))


def register_tells(case_id: UUID, answers: Answers = MOVED) -> bool:
    """A look at the registers, as any page makes one. Committed."""
    ended = permit_facts.end_if_told(case_now(case_id).citizen_id, answers)
    commit()
    return ended


def cards_of(case_id: UUID) -> list[Parcel]:
    """The parcels that take the card out; the decision goes by a letter of its own."""
    return [parcel for parcel in parcels_now(case_id) if parcel.direction == "out"]


def due(case_id: UUID) -> DocumentDue | None:
    """What of a case is to come back."""
    db.session.rollback()
    query = select(DocumentDue).where(DocumentDue.case_id == case_id).execution_options(populate_existing=True)
    return db.session.scalars(query).one_or_none()


def ended_in_writing(case_id: UUID, kind: str = "ended") -> str:
    """Assert that a case has ended in writing, its clocks with it, and the record holds; the document's text."""
    case = case_now(case_id)
    assert (case.state, case.desk_code, case.next_due, case.claimed_by) == ("ended", None, None, None)
    assert case.ended_at is not None
    (paper,) = db.session.scalars(select(Document).where(Document.case_id == case_id, Document.kind == kind))
    (permit,) = permits_of(case.citizen_id)
    assert permit.state == "ended"
    events = db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq)).all()
    found = audit._Found()
    audit._verify_case(parts().catalogue, case, events, found)
    assert not found.broken
    return "\n".join(paper.content["paragraphs"])


def test_before_the_card_is_made_nothing_is_sent_and_the_decision_names_reason_ground_and_remedies(
    app: Flask, partners: Outside
) -> None:
    case_id = approved()
    assert register_tells(case_id)
    text = ended_in_writing(case_id)
    for words in ("户籍已迁入本市市区", "《浙江省流动人口居住登记条例》第二条", "行政复议", "行政诉讼"):
        assert words in text, words
    assert told_to(case_id) == ["permit_ended"]
    assert (cards_of(case_id), due(case_id)) == ([], None)
    assert not register_tells(case_id), "once"
    assert told_to(case_id) == ["permit_ended"]


def test_a_parcel_that_nobody_collected_is_cancelled_once(app: Flask, partners: Outside) -> None:
    case_id, tracking = ordered_permit(partners)
    assert register_tells(case_id)
    ended_in_writing(case_id)
    tasks.send("ems")
    (cancelled,) = partners.arrived("ems", "020006")
    assert (cancelled["outcome"], cancelled["detail"]["waybillNo"]) == ("ok", tracking)
    (parcel,) = cards_of(case_id)
    assert (parcel.state, parcel.course, parcel.told) == ("cancelled", "cancelled", "cancelled")
    ended = due(case_id)
    assert ended is not None
    assert (ended.kind, ended.ended_as) == ("called_back", "cancelled")
    tasks.send("ems")
    assert len(partners.arrived("ems", "020006")) == 1


def test_a_parcel_without_a_number_is_cancelled_as_soon_as_it_has_one(app: Flask, partners: Outside) -> None:
    case_id = made_permit()
    assert register_tells(case_id)
    assert partners.arrived("ems", "020003") == []
    tasks.send("ems")
    (parcel,) = cards_of(case_id)
    assert parcel.tracking is not None
    assert parcel.noted_at is not None, "nobody goes on telling a case that has ended"
    tasks.send("ems")
    assert len(partners.arrived("ems", "020006", "ok")) == 1
    assert cards_of(case_id)[0].state == "cancelled"


def test_a_card_on_its_way_is_called_back_and_its_coming_ends_the_duty(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "203", 1)
    assert register_tells(case_id)
    ended_in_writing(case_id)
    tasks.send("ems")
    assert partners.arrived("ems", "020006") == [], "what was collected can't be cancelled"
    waits = due(case_id)
    assert waits is not None
    assert (waits.kind, waits.ended_at) == ("called_back", None)
    arrive(client, tracking, "708", 3)
    arrive(client, tracking, "711", 9)
    came = due(case_id)
    assert came is not None
    assert came.ended_as == "came"
    assert case_now(case_id).state == "ended", "the courier's word moves nothing any more"


def test_whatever_became_of_the_parcel_the_case_ends(app: Flask, client: FlaskClient, partners: Outside) -> None:
    ways: dict[str, list[tuple[str, dict[str, str]]]] = {
        "returning": [("705", {"attemptDeliveryCode": "7"})],
        "returned": [("705", {"attemptDeliveryCode": "7"}), ("711", {})],
        "checking": [("704", {"deliverCode": "20"})],
        "lost": [("987", {})],
    }
    for state, events in ways.items():
        case_id, tracking = posted_permit(partners)
        for minute, (code, more) in enumerate(events, 1):
            arrive(client, tracking, code, minute, **more)
        assert case_now(case_id).state == state
        assert register_tells(case_id)
        ended_in_writing(case_id)
        # What is back already is not called back.
        assert (due(case_id) is None) is (state == "returned"), state
    assert partners.arrived("ems", "020006") == []


def test_the_dead_are_not_written_to_and_their_relatives_remedies_stand_in_the_file(
    app: Flask, partners: Outside
) -> None:
    case_id = approved()
    before = set(db.session.scalars(select(Notice.id)))
    assert register_tells(case_id, DIED)
    text = ended_in_writing(case_id, "ended_by_death")
    assert "近亲属对本决定不服的，可以自收到之日起60日内" in text
    assert set(db.session.scalars(select(Notice.id))) == before


def test_an_officer_ends_it_at_the_desk_and_an_auxiliary_or_clerk_never(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    case_id, _ = posted_permit(partners)
    for login in ("yl-auxiliary", "fw-clerk"):
        with pytest.raises(NotAllowed):
            act(case_id, "end_for_fact", login, BY_HAND)
        db.session.rollback()
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    with pytest.raises(InvalidInput) as wrong:
        act(case_id, "end_for_fact", "yl-officer", BY_HAND | {"day": tomorrow})
    assert "day" in wrong.value.errors
    db.session.rollback()
    officer = desk("yl-officer")
    officer.open(f"/console/cases/{case_id}")
    assert "居住证已终止，终止办理" in officer.words
    # What can't be undone has a page of its own.
    officer.open(f"/console/cases/{case_id}/actions/end_for_fact")
    officer.submit("end_for_fact", **BY_HAND)
    assert "户籍已迁入本市市区" in ended_in_writing(case_id)
    assert told_to(case_id) == ["permit_ended"]


def test_a_case_that_lost_its_permit_before_has_an_exit_and_its_lost_card_no_server_error(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "987", 1)
    (permit,) = permits_of(case_now(case_id).citizen_id)
    change = Change(clock.now())
    end_permit(change, permit, reason="new_permit", day=clock.today(), told=True)
    change.write()
    commit()
    with pytest.raises((MovedOn, GuardFailed)):
        act(case_id, "make_again", "fw-clerk", {"how": "EMS 确认丢失"})
    db.session.rollback()
    # What the register knows is said, whatever the officer chose.
    act(case_id, "end_for_fact", "yl-officer", BY_HAND)
    assert "已在别处领取新的居住证" in ended_in_writing(case_id)


def test_a_case_of_before_goes_on_by_the_version_that_continues_its_own(app: Flask, partners: Outside) -> None:
    case_id, tracking = ordered_permit(partners)
    db.session.execute(update(Case).where(Case.id == case_id).values(item_version=1))
    commit()
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    assert (case_now(case_id).state, case_now(case_id).item_version) == ("posted", 1)
    assert register_tells(case_id), "what was added since is there for it"
    ended_in_writing(case_id)
    again, tracking = posted_permit(partners)
    db.session.execute(update(Case).where(Case.id == again).values(item_version=1))
    commit()
    (parcel,) = cards_of(again)
    parcels.record(parcels.lock(parcel.id), [event(tracking, "704", 1, "10")])
    commit()
    assert case_now(again).state == "completed"


def test_somebody_at_work_on_the_case_at_that_moment_undoes_the_ending_alone(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = approved()
    citizen = case_now(case_id).citizen_id
    db.session.execute(update(Citizen).where(Citizen.id == citizen).values(phone="13900001111"))
    asked: list[object] = []
    real: Callable[..., Any] = operations.perform

    def busy(*args: object, **named: object) -> Any:
        asked.append(args)
        raise MovedOn

    monkeypatch.setattr(permit_facts, "perform", busy)
    assert permit_facts.end_if_told(citizen, MOVED) is False
    commit()
    assert len(asked) == permit_facts._DECISIONS
    assert permits_of(citizen)[0].state == "approved"
    assert db.session.get_one(Citizen, citizen, populate_existing=True).phone == "13900001111", "the caller's own stays"
    turns = iter([busy, real])
    monkeypatch.setattr(permit_facts, "perform", lambda *args, **named: next(turns)(*args, **named))
    assert permit_facts.end_if_told(citizen, MOVED) is True
    commit()
    ended_in_writing(case_id)


def test_nobody_acts_on_a_case_that_ended_with_its_permit(app: Flask, partners: Outside) -> None:
    case_id, tracking = ordered_permit(partners)
    card = card_of(case_id)
    assert register_tells(case_id)
    for action, login, given in (
        ("post", "fw-clerk", {"tracking": tracking}),
        ("collect", "fw-clerk", {"card_number": card}),
        ("end_for_fact", "yl-officer", BY_HAND),
    ):
        with pytest.raises(NotPossible):
            act(case_id, action, login, given)
        db.session.rollback()
    with pytest.raises(NotPossible):
        applicant_acts(case_id, "choose_delivery", {"way": "counter"})
