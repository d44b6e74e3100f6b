"""What supervision changes: clocks are put before a supervisor once, what somebody holds is given to another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases import figures, permission, recusal
from citizen_services.cases.errors import GuardFailed, MovedOn
from citizen_services.cases.figure_models import Escalation
from citizen_services.cases.models import Case
from citizen_services.cases.queries import actions_done_by
from citizen_services.database import db, new_id
from citizen_services.parts import parts
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import record
from citizen_services.people.models import Citizen, RoleGrant, Staff
from citizen_services.people.queries import offices, roles_of, staff_name, staff_names
from citizen_services.people.sessions import staff_actor
from citizen_services.rules.dates import end_of_day

#: How long a case stays with whom it was given to without an act, machine time: they may not be at their desk now.
ASSIGNED_LEASE = timedelta(hours=24)
#: The level at which a clock is put before whoever holds the case.
SOON = "soon"
#: The level of whoever answers for the district: what stayed late at an office that has a supervisor of its own.
ABOVE = "above"
#: The kind of the office that answers for the district.
TOP = "service_centre"
#: Clocks put before somebody in one go.
_MOST = 500
#: Rows of the supervisor's list.
MOST_SHOWN = 50


def escalate() -> int:
    """Put each clock that runs out before the next one up: first before whoever holds the case, else the desk.

    Today, and once it ran out, before whoever supervises the office; some days later before the district's, who hears
    of everything at once where an office has no supervisor. The days are parameters. Once for each date and level; a
    date that only rests on an unpublished calendar is left alone. Returns how many are new. The caller commits; safe
    to run twice at once.
    """
    new, supervised = 0, _supervised()
    now, spans = clock.now(), figures.spans()
    tonight = end_of_day(clock.today())
    lead = end_of_day(clock.today() + timedelta(days=parameters.number("escalation_lead_days")))
    stayed = figures.Span(None, now - timedelta(days=parameters.number("escalation_above_days")))
    levels = [("late", spans["late"]), ("today", spans["today"]), (SOON, figures.Span(tonight, lead))]
    for code, desk in sorted(offices().items()):
        above = [(ABOVE, stayed)] if desk.kind != TOP and code in supervised else []
        for kind, span in (*levels, *above):
            told = select(Escalation.id).where(
                Escalation.case_id == Case.id, Escalation.kind == kind, Escalation.due == Case.next_due
            )
            waiting = cast("Select[Any]", select(Case.id, Case.next_due, Case.claimed_by))
            waiting = figures.within(waiting, [code], span)
            rows = db.session.execute(
                waiting.where(Case.due_provisional.is_(False), ~told.exists())
                .order_by(Case.next_due, Case.id)
                .limit(_MOST)
            ).all()
            if not rows:
                continue
            at = clock.now()
            shared = {"office_code": code, "kind": kind, "at": at}
            write = insert(Escalation).values(
                [{"id": new_id(), "case_id": id_, "due": due, "holder_id": who, **shared} for id_, due, who in rows]
            )
            done = db.session.execute(write.on_conflict_do_nothing().returning(Escalation.id))
            new += len(done.all())
    return new


def _supervised() -> frozenset[str]:
    """The offices that have a supervisor of their own."""
    query = select(Staff.office_code).join(RoleGrant, RoleGrant.staff_id == Staff.id)
    return frozenset(db.session.scalars(query.where(RoleGrant.role == "supervisor", Staff.active).distinct()))


def _before(actor: Actor, codes: Collection[str]) -> list[ColumnElement[bool]]:
    """What of these offices' reminders is for a supervisor: their own office's, what stayed late elsewhere.

    Two conditions at most, each led by an index of its own.
    """
    supervised = _supervised()
    # Nobody else hears of what runs out where an office has no supervisor.
    mine = {code for code in codes if code == actor.office or code not in supervised}
    others = set(codes) - mine
    level = Escalation.kind.in_(("today", "late")), Escalation.seen_at.is_(None)
    found = [and_(Escalation.office_code.in_(mine), *level)] if mine else []
    if others:
        found.append(and_(Escalation.office_code.in_(others), Escalation.kind == ABOVE, Escalation.seen_at.is_(None)))
    return found


def unseen(actor: Actor, codes: Collection[str]) -> Sequence[tuple[Escalation, Case]]:
    """What was put before a supervisor of these offices and not taken note of yet, the earliest date on top.

    At most MOST_SHOWN.
    """
    rows: list[tuple[Escalation, Case]] = []
    for condition in _before(actor, codes):
        query = (
            select(Escalation, Case)
            .join(Case, Case.id == Escalation.case_id)
            .where(condition)
            .order_by(Escalation.due, Escalation.id)
            .limit(MOST_SHOWN)
        )
        rows += [(row[0], row[1]) for row in db.session.execute(query)]
    return sorted(rows, key=lambda row: (row[0].due, row[0].id))[:MOST_SHOWN]


def soon_of(actor: Actor) -> Sequence[tuple[Escalation, Case]]:
    """What runs out tomorrow of the cases that somebody holds, or that nobody at their desk does; bounded."""
    query = (
        select(Escalation, Case)
        .join(Case, Case.id == Escalation.case_id)
        .where(*_soon(actor), Case.next_due == Escalation.due)
        .order_by(Escalation.due, Escalation.id)
        .limit(MOST_SHOWN)
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]


def take_note_of_soon(actor: Actor) -> None:
    """Note that the actor saw what runs out tomorrow. The caller commits."""
    db.session.execute(update(Escalation).where(*_soon(actor)).values(seen_at=clock.now(), seen_by=actor.id))


def _soon(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    mine = Escalation.holder_id.is_(None) & (Escalation.office_code == (actor.office or ""))
    return (
        Escalation.kind == SOON,
        Escalation.seen_at.is_(None),
        (Escalation.holder_id == actor.id) | mine,
        Escalation.due > clock.now(),
    )


def unseen_count(actor: Actor, codes: Collection[str]) -> int:
    """How many wait to be taken note of by a supervisor; counted up to MOST_SHOWN."""
    counted = 0
    for condition in _before(actor, codes):
        counted += len(db.session.execute(select(Escalation.id).where(condition).limit(MOST_SHOWN)).all())
    return min(counted, MOST_SHOWN)


def take_note(actor: Actor, codes: Collection[str], ids: Collection[UUID]) -> int:
    """Note that the actor saw these; returns how many were still to be seen. The caller commits."""
    theirs = _before(actor, codes)
    if not theirs:
        return 0
    done = db.session.execute(
        update(Escalation)
        .where(Escalation.id.in_(ids), or_(*theirs))
        .values(seen_at=clock.now(), seen_by=actor.id)
        .returning(Escalation.case_id)
    ).all()
    if done:
        record(actor, "escalation_seen", actor.office or "", {}, {"件数": str(len(done))})
    return len(done)


def may_work(case: Case) -> list[tuple[Staff, Actor]]:
    """Who of the desk's office may take a step that comes next on a case, by the engine's own rule."""
    if case.desk_code is None:
        return []
    item = parts().catalogue.item(case.item, case.item_version)
    applicant = db.session.get_one(Citizen, case.citizen_id)
    steps = [step for step in item.steps_from(case.state) if not step.automatic and step.action not in _HOLDING]
    people = db.session.scalars(
        select(Staff).where(Staff.office_code == case.desk_code, Staff.active).order_by(Staff.login)
    ).all()
    found = []
    for one in people:
        actor = staff_actor(one, roles_of(one.id))
        did = actions_done_by(case.id, actor)
        apart = recusal.why_apart(case.id, applicant.id_lookup, actor)
        if any(
            permission.refusal(
                step.by,
                actor,
                citizen_id=case.citizen_id,
                citizen_id_lookup=applicant.id_lookup,
                district=case.district,
                office=case.office_code,
                did_before=did,
                apart=apart,
            )
            is None
            for step in steps
        ):
            found.append((one, actor))
    return found


#: Steps that only take a case or let go of it.
_HOLDING = frozenset({"claim", "release"})


def assign(actor: Actor, case: Case, version: int, to: UUID | None, reason: str) -> None:
    """Give a case to somebody of its desk, or (``to`` is None) lay it back on the desk; written to the record.

    A lease is no event of the case. Raises MovedOn where the case moved since ``version``, GuardFailed where that
    person may take none of its next steps. The caller commits.
    """
    if case.desk_code is None or case.version != version:
        raise MovedOn
    if to is not None and to not in {one.id for one, _ in may_work(case)}:
        raise GuardFailed("assign", "这位同事不能办理这个办件的下一步：岗位、身份不符，或者须回避。")
    held = case.claimed_by is not None and case.claimed_until is not None and case.claimed_until > clock.protocol_now()
    if to is None and not held:
        raise GuardFailed("assign", "这个办件现在没有人领取，不用放回。")
    names = staff_names({who for who in (case.claimed_by, to) if who is not None})
    until = clock.protocol_now() + ASSIGNED_LEASE if to is not None else None
    done = db.session.execute(
        update(Case)
        .where(Case.id == case.id, Case.version == version, Case.claimed_by.is_not_distinct_from(case.claimed_by))
        .values(claimed_by=to, claimed_until=until)
        .execution_options(synchronize_session=False)
        .returning(Case.id)
    ).first()
    if done is None:
        raise MovedOn
    before = names.get(case.claimed_by, "") if held and case.claimed_by else "无人领取"
    after = names.get(to, "") or staff_name(to) if to is not None else "无人领取"
    what = "case_released" if to is None else "case_assigned"
    record(actor, what, case.number, {"经办": before}, {"经办": after, "理由": reason})
