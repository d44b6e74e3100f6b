"""What must be true of a case whatever was done to it, told from its events alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from citizen_services.cases import audit, papers, queries
from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Case, CaseEvent, Correction, Document, Recusal, VisitCase
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.database import db
from citizen_services.fees.models import Refund
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, Staff, StaffRelation
from citizen_services.people.queries import service_centre
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.rules.periods import Period, deadline
from notifications.models import Notice, Parcel, ParcelEvent

#: Only an officer does these (宁波市公安机关警务辅助人员管理规定 arts 5, 6), and not who accepted.
DECISIONS = {"approve", "decline", "refuse", "revoke_acceptance", "end_for_fact", "end_for_death"}
NOT_WHO_ACCEPTED = {"approve", "refuse"}
ACCEPTING = {"accept", "accept_with_gaps"}


def holds(case_id: UUID) -> None:
    """Assert all of it of one case."""
    case = db.session.get_one(Case, case_id, populate_existing=True)
    item = parts().catalogue.item(case.item, case.item_version)
    events = db.session.scalars(
        select(CaseEvent)
        .where(CaseEvent.case_id == case_id)
        .order_by(CaseEvent.seq)
        .execution_options(populate_existing=True)
    ).all()
    _record(case, events)
    _who_acted(case, item, events)
    _told(case, item, events)
    _clocks(case, item, events)
    _corrections(case, events)
    _papers(case, item)
    db.session.rollback()


def _record(case: Case, events: Sequence[CaseEvent]) -> None:
    found = audit._Found()
    audit._verify_case(parts().catalogue, case, events, found)
    assert not found.broken, found.broken
    assert case.version == len(events), "the version is the number of events"
    assert list(events) == sorted(events, key=lambda e: e.at), "nothing happens before what happened before"
    assert case.moved_at == events[-1].at


def _who_acted(case: Case, item: ServiceItem, events: Sequence[CaseEvent]) -> None:
    applicant = db.session.get_one(Citizen, case.citizen_id)
    accepted = {e.actor_id for e in events if e.action in ACCEPTING}
    for event in events:
        before = item.state(event.from_state) if event.from_state else None
        assert before is None or not before.final, "nothing is done after the end"
        if event.actor_kind == "citizen":
            assert event.actor_id == case.citizen_id, "nobody acts for somebody else"
        if event.actor_kind != "staff":
            continue
        member = db.session.get_one(Staff, event.actor_id)
        assert member.id_lookup != applicant.id_lookup, "nobody works on their own case"
        assert _may_touch(case, applicant, event), "nobody works on a relative's case, or one they keep away from"
        if event.action in DECISIONS:
            assert member.standing == "officer", "only an officer decides"
        if event.action in NOT_WHO_ACCEPTED:
            assert event.actor_id not in accepted, "who accepted does not approve"
    assert (case.ended_at is not None) == item.state(case.state).final
    assert case.ended_at is None or case.claimed_by is None


def _may_touch(case: Case, applicant: Citizen, event: CaseEvent) -> bool:
    recused = select(Recusal.id).where(
        Recusal.case_id == case.id, Recusal.staff_id == event.actor_id, Recusal.at < event.at
    )
    related = select(StaffRelation.id).where(
        StaffRelation.staff_id == event.actor_id,
        StaffRelation.id_lookup == applicant.id_lookup,
        StaffRelation.declared_at < event.at,
        StaffRelation.ended_at.is_(None) | (StaffRelation.ended_at > event.at),
    )
    return db.session.scalar(select(recused.exists() | related.exists())) is False


def _notice_of(step: Step, event: CaseEvent) -> str:
    """How a step is told: whoever chose to come hears what to bring, everybody else the step's own words."""
    assert step.tell is not None
    comes = step.bring is not None and event.data.get("way") == "counter"
    return step.bring.notice.code if step.bring is not None and comes else step.tell.code


def _told(case: Case, item: ServiceItem, events: Sequence[CaseEvent]) -> None:
    steps = [item.step(event.from_state, event.action) for event in events]
    wanted = [
        _notice_of(step, event)
        for step, event in zip(steps, events, strict=True)
        if step is not None and step.tell is not None
    ]
    told = db.session.execute(
        select(Notice.id, Notice.kind, Notice.about, Notice.at).where(Notice.case_id == case.id)
        .order_by(Notice.at, Notice.id)
    ).all()  # fmt: skip
    # Beside the steps: a delivery that failed, once an event of the courier's; a correction's new date; money back.
    about = {*db.session.scalars(select(ParcelEvent.id)), *db.session.scalars(select(Correction.id))}
    about |= {*db.session.scalars(select(Refund.id)), *db.session.scalars(select(Parcel.id))}
    assert [n.kind for n in told if n.about is None] == wanted, "each step is told once, and nothing else"
    assert all(n.about in about for n in told if n.about is not None)


def _clocks(case: Case, item: ServiceItem, events: Sequence[CaseEvent]) -> None:
    owed_since = answered_at = accepted_at = left_at = None
    for event in events:
        before = item.state(event.from_state).clock if event.from_state else None
        after = item.state(event.to_state).clock
        if after == "first_answer" != before:
            owed_since, answered_at = event.at, None
        elif after != "first_answer" and (before == "first_answer" or event.from_state is None):
            answered_at = event.at
        if after == "result" and accepted_at is None:
            accepted_at = event.at
        if before == "result" != after and left_at is None:
            left_at = event.at
    assert (case.first_answer_met_at, case.accepted_at, case.result_met_at) == (answered_at, accepted_at, left_at)
    state = item.state(case.state)
    desks = {"own": case.office_code, "service_centre": service_centre(case.district).code, None: None}
    assert case.desk_code == desks[state.desk]
    if case.ended_at is not None:
        return
    assert case.first_answer_due == _due(owed_since, item.clocks.first_answer)
    assert case.promised_due == _due(accepted_at, item.clocks.promised)
    assert case.statutory_due == _due(accepted_at, item.clocks.statutory)
    running = [case.first_answer_due] if state.clock == "first_answer" else []
    if state.clock == "result" and left_at is None:
        running = [case.promised_due, case.statutory_due]
    assert case.next_due == min((due for due in running if due), default=None), "a paused clock runs for nobody"


def _due(since: datetime | None, period: Period | None) -> datetime | None:
    """The day of start isn't counted; what was paused has begun anew."""
    return deadline(since, period, calendar()).at if since and period else None


def _corrections(case: Case, events: Sequence[CaseEvent]) -> None:
    rows = db.session.scalars(
        select(Correction)
        .where(Correction.case_id == case.id)
        .order_by(Correction.asked_at, Correction.id)
        .execution_options(populate_existing=True)
    ).all()
    asked = [event for event in events if event.to_state == "correcting" != event.from_state]
    assert [row.asked_at for row in rows] == [event.at for event in asked]
    assert [row.state for row in rows if row.state == "open"] == (["open"] if case.state == "correcting" else [])
    named: set[str] = set()
    until: datetime | None = None
    for row in rows:
        codes = {one["code"] for one in row.items}
        unusual = until is not None and (row.asked_at >= until or bool(codes - named))
        assert bool(row.new_because) == unusual, "something new, or the same after its date, only for a reason"
        until = row.due if until is None or unusual else until
        named |= codes
        if row.state == "lapsed":
            assert row.reached_at is not None, "nothing lapses of which the person did not know"
            assert row.ended_at is not None
            assert row.ended_at > row.due, "nothing lapses before its day is over"
            assert not row.due_provisional


def _papers(case: Case, item: ServiceItem) -> None:
    documents = db.session.scalars(select(Document).where(Document.case_id == case.id)).all()
    for document in documents:
        canonical = json.dumps(document.content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(canonical.encode()).digest() == document.sha256, "a document is what its hash says"
    numbers = [document.number for document in documents]
    assert len(set(numbers)) == len(numbers)
    visits = db.session.scalar(select(func.count()).select_from(VisitCase).where(VisitCase.case_id == case.id))
    assert case.visits == visits
    if case.state == "submitted":
        brought = {piece.code for piece in papers.queries.of_case(case.id)}
        answers = queries.register_answers(case.answers)
        wanted = papers.wanted(item, case.data, answers, case.submitted_at.date())
        assert {material.code for material in wanted} <= brought, "what the answers want was brought"


def registers_hold() -> None:
    """At most one registration and one permit of a person are current."""
    current: list[Any] = [
        select(ResidenceRegistration.citizen_id).where(ResidenceRegistration.until.is_(None)),
        select(ResidencePermit.citizen_id).where(ResidencePermit.state != "ended"),
    ]
    for query in current:
        people = db.session.scalars(query).all()
        assert len(set(people)) == len(people)
    db.session.rollback()
