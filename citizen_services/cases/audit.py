"""Audit: sealing the heads of the cases that changed, and verifying chains, seals and states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update

from citizen_services import clock
from citizen_services.cases import chain
from citizen_services.cases.disposal import disposal_of
from citizen_services.cases.models import Case, CaseEvent, Seal
from citizen_services.catalogue import Catalogue, UnknownItem
from citizen_services.catalogue.vocabulary import OF_ANY_ITEM
from citizen_services.database import db
from citizen_services.security import equal, keyring

_BATCH = 500
#: One sealer at a time: the number of the advisory lock.
_SEAL_LOCK = 33021301


def seal_due() -> int:
    """Seal the events that no seal covers yet; returns how many. The caller commits. Safe to run twice at once."""
    if not db.session.scalar(text(f"SELECT pg_try_advisory_xact_lock({_SEAL_LOCK})")):
        return 0
    open_events = db.session.execute(
        select(CaseEvent.id, CaseEvent.case_id)
        .where(CaseEvent.seal_id.is_(None))
        .order_by(CaseEvent.id)
        .limit(_BATCH * 10)
    ).all()
    if not open_events:
        return 0
    case_ids = sorted({row.case_id for row in open_events})
    newest = (
        select(CaseEvent.case_id, func.max(CaseEvent.seq).label("seq"))
        .where(CaseEvent.id.in_([row.id for row in open_events]))
        .group_by(CaseEvent.case_id)
        .subquery()
    )
    heads = db.session.execute(
        select(CaseEvent.case_id, CaseEvent.seq, CaseEvent.mark)
        .join(newest, (CaseEvent.case_id == newest.c.case_id) & (CaseEvent.seq == newest.c.seq))
        .where(CaseEvent.case_id.in_(case_ids))
        .order_by(CaseEvent.case_id)
    ).all()
    content = [[str(row.case_id), row.seq, bytes(row.mark).hex()] for row in heads]
    previous = db.session.scalar(select(Seal.mark).order_by(Seal.id.desc()).limit(1)) or chain.START
    seal = Seal(at=clock.now(), heads=content, mark=keyring().audit_mark(bytes(previous), content))
    db.session.add(seal)
    db.session.flush()
    db.session.execute(
        update(CaseEvent).where(CaseEvent.id.in_([row.id for row in open_events])).values(seal_id=seal.id)
    )
    return len(open_events)


@dataclass
class _Found:
    cases: int = 0
    events: int = 0
    broken: list[dict[str, Any]] = field(default_factory=list)
    #: Newest sequence number and every mark of each case, to hold the seals against.
    marks: dict[UUID, dict[int, str]] = field(default_factory=dict)

    def fault(self, case: UUID | str, seq: int, why: str) -> None:
        self.broken.append({"case": str(case), "seq": seq, "why": why})


def verify(catalogue: Catalogue) -> dict[str, Any]:
    """Verify everything: ``{ok, cases, events, sealed_until, broken: [{case, seq, why}]}``.

    Finds an altered, reordered, inserted or missing event, a vanished case, a case whose state its events don't give,
    and a broken seal.
    """
    found = _Found()
    last: UUID | None = None
    while True:
        query = select(Case).order_by(Case.id).limit(_BATCH)
        cases = db.session.scalars(query.where(Case.id > last) if last else query).all()
        if not cases:
            break
        by_case: dict[UUID, list[CaseEvent]] = {case.id: [] for case in cases}
        for event in db.session.scalars(
            select(CaseEvent).where(CaseEvent.case_id.in_(by_case)).order_by(CaseEvent.case_id, CaseEvent.seq)
        ):
            by_case[event.case_id].append(event)
        for case in cases:
            _verify_case(catalogue, case, by_case[case.id], found)
        last = cases[-1].id
        db.session.expunge_all()
    sealed_until = _verify_seals(found)
    return {
        "ok": not found.broken,
        "cases": found.cases,
        "events": found.events,
        "sealed_until": sealed_until,
        "broken": found.broken,
    }


def _verify_case(catalogue: Catalogue, case: Case, events: Sequence[CaseEvent], found: _Found) -> None:
    found.cases += 1
    found.events += len(events)
    head, state = chain.START, None
    # Of a file that was removed by rule only the marks are left, which the removal, the seals and the case hold.
    removed = disposal_of(case.id)
    marks = found.marks.setdefault(case.id, {})
    for place, event in enumerate(events, start=1):
        if event.seq != place:
            found.fault(case.id, place, "an event is missing")
            return
        head = bytes(event.mark) if removed is not None else _link(event).mark(head)
        if not equal(head, bytes(event.mark)):
            found.fault(case.id, event.seq, "the event was altered, reordered or inserted")
            return
        if event.from_state != state or not _declared(catalogue, case, event):
            found.fault(case.id, event.seq, "the event doesn't follow from the one before")
            return
        state = event.to_state
        marks[event.seq] = bytes(event.mark).hex()
    whole = removed is None or equal(bytes(removed.head), head)
    if case.version != len(events) or not equal(bytes(case.head), head) or not whole:
        found.fault(case.id, len(events), "events are missing at the end")
    elif case.state != state:
        found.fault(case.id, len(events), f"the case is {case.state}, its events give {state}")


def _declared(catalogue: Catalogue, case: Case, event: CaseEvent) -> bool:
    if event.action in OF_ANY_ITEM:
        return event.from_state == event.to_state
    try:
        step = catalogue.item(case.item, case.item_version).step(event.from_state, event.action)
    except UnknownItem:
        return True
    return step is not None and step.end == event.to_state


def _link(event: CaseEvent) -> chain.Link:
    return chain.Link(
        case_id=event.case_id,
        seq=event.seq,
        at=event.at,
        actor_kind=event.actor_kind,
        actor_id=event.actor_id,
        actor_office=event.actor_office,
        actor_role=event.actor_role,
        action=event.action,
        from_state=event.from_state,
        to_state=event.to_state,
        data=event.data,
    )


def _verify_seals(found: _Found) -> str | None:
    previous, number, until = chain.START, 0, None
    for seal in db.session.scalars(select(Seal).order_by(Seal.id)):
        if not equal(keyring().audit_mark(previous, seal.heads), bytes(seal.mark)):
            found.fault("seal", seal.id, "the seal was altered, or one before it is missing")
            return until
        previous, number, until = bytes(seal.mark), seal.id, seal.at.astimezone(clock.SHANGHAI).isoformat()
        _hold_against(seal.heads, found)
    covered = db.session.scalar(select(func.max(CaseEvent.seal_id)))
    if covered is not None and covered > number:
        found.fault("seal", covered, "a seal is missing at the end")
    return until


def _hold_against(heads: Iterable[Sequence[Any]], found: _Found) -> None:
    for case_id, seq, mark in heads:
        marks = found.marks.get(UUID(case_id))
        if marks is None:
            found.fault(case_id, seq, "the case has vanished")
        elif marks.get(seq) != mark and not any(b["case"] == case_id for b in found.broken):
            found.fault(case_id, seq, "the event differs from the one that was sealed")
