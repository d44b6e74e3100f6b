"""Visits (跑动): who came to which office, and which of their cases were served then. Rates are made from these rows.

One check-in is one visit, shared by all cases served in it. A person is taken to be at an office for PRESENCE after
they were noted there; what is noted of them within that time belongs to the same visit. Whoever went away and came
back sooner than that is noted anew where staff say so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.cases.models import Case, Draft, Visit, VisitCase
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, db, new_id
from citizen_services.parts import parts
from citizen_services.people.actors import Actor

#: How long a person is taken to be at an office, business time.
PRESENCE = timedelta(hours=2)
#: Somebody of the office came to the person: nobody's trip, and counted for no case.
HOME = "home"


@dataclass(frozen=True)
class Served:
    """A visit, and the cases for which it counts from now on; those that it counted for already are left out."""

    visit_id: UUID
    counted: frozenset[UUID]
    #: Whether the person was not here until now.
    new: bool


def present(citizen_id: UUID, office_code: str, at: datetime | None = None, *, home: bool = False) -> Visit | None:
    """The visit in which a person is at an office, now or at that moment; None where they are not.

    ``home``: in which somebody of the office is with them instead.
    """
    moment = at or clock.now()
    query = select(Visit).where(
        Visit.citizen_id == citizen_id,
        Visit.office_code == office_code,
        Visit.at > moment - PRESENCE,
        Visit.at <= moment,
        Visit.known_by == HOME if home else Visit.known_by != HOME,
    )
    return db.session.scalars(query.order_by(Visit.at.desc(), Visit.id.desc()).limit(1)).first()


def serve(
    change: Change,
    citizen_id: UUID,
    actor: Actor,
    served: Mapping[UUID, bool],
    *,
    known_by: str,
    again: bool = False,
    card_seen: bool = False,
    home: bool = False,
) -> Served:
    """Add to a change that a person is at the actor's office, for these cases (``{case id: by choice}``).

    ``again``: they went away and came back, so that this is another visit; ``card_seen``: the actor compared them with
    the identity card; ``home``: the actor is with them, which is nobody's trip. The caller raises ``Case.visits`` of
    those cases that are ``counted``.
    """
    if actor.office is None:
        raise ValueError("a visit is noted by somebody of an office")
    # Two desks that note one person at once must note one visit.
    db.session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(citizen_id.bytes[8:], signed=True))))
    if home:
        served, known_by = {}, HOME
    here = None if again else present(citizen_id, actor.office, change.at, home=home)
    visit_id = here.id if here is not None else new_id()
    seen = {"card_seen_by": actor.id, "card_seen_at": change.at} if card_seen else {}
    if here is None:
        row = {"card_seen_by": None, "card_seen_at": None, **seen}
        change.add(
            Visit,
            id=visit_id,
            citizen_id=citizen_id,
            office_code=actor.office,
            at=change.at,
            known_by=known_by,
            noted_by=actor.id,
            **row,
        )
    elif seen:
        change.guard(update(Visit).where(Visit.id == visit_id).values(**seen))
    had = served_in(visit_id) if here is not None else frozenset()
    counted = frozenset(served) - had
    for case_id in sorted(counted):
        change.add(VisitCase, visit_id=visit_id, case_id=case_id, by_choice=served[case_id])
    return Served(visit_id, counted, here is None)


def check_in(
    change: Change,
    citizen_id: UUID,
    actor: Actor,
    cases: Sequence[Case],
    *,
    known_by: str,
    again: bool = False,
    card_seen: bool = False,
    home: bool = False,
) -> Served:
    """Note that a person came to the actor's office for these cases of theirs, and count it for each of them once."""
    served = {case.id: chosen(_item(case), case.door, case.state) for case in cases}
    done = serve(change, citizen_id, actor, served, known_by=known_by, again=again, card_seen=card_seen, home=home)
    for case_id in sorted(done.counted):
        change.count(update(Case).where(Case.id == case_id).values(visits=Case.visits + 1))
    return done


def see_card(visit: Visit, actor: Actor, change: Change) -> None:
    """Note that the actor compared the person with the identity card."""
    change.guard(update(Visit).where(Visit.id == visit.id).values(card_seen_by=actor.id, card_seen_at=change.at))


def of_application(change: Change, draft: Draft, actor: Actor, case_id: UUID, item: ServiceItem, door: str) -> int:
    """Add to the change that sends a draft the visits that it took so far; returns how many.

    The one in which it is sent at the counter, and the one in which it was begun there.
    """
    choice = any(way.code == "online" and way.visits == 0 for way in item.doors)
    ids: set[UUID] = set()
    if door == "counter":
        ids.add(serve(change, draft.citizen_id, actor, {case_id: choice}, known_by="step").visit_id)
    if draft.door == "counter":
        begun = select(Visit.id).where(
            Visit.citizen_id == draft.citizen_id,
            Visit.at > draft.started_at - PRESENCE,
            Visit.at <= draft.started_at,
            Visit.known_by != HOME,
        )
        first = db.session.scalars(begun.order_by(Visit.at.desc(), Visit.id.desc()).limit(1)).first()
        if first is not None and first not in ids:
            change.add(VisitCase, visit_id=first, case_id=case_id, by_choice=choice)
            ids.add(first)
    return len(ids)


def chosen(item: ServiceItem, door: str, state: str | None) -> bool:
    """Whether nothing that comes next in a state needs the person to come: they chose to."""
    return not any(step.presence and door in step.presence.doors for step in item.steps_from(state))


def served_in(visit_id: UUID) -> frozenset[UUID]:
    """The ids of the cases that were served in a visit."""
    return frozenset(db.session.scalars(select(VisitCase.case_id).where(VisitCase.visit_id == visit_id)))


def of_case(case_id: UUID) -> Sequence[tuple[Visit, bool]]:
    """The visits of a case, oldest first, each with whether it was by choice."""
    query = (
        select(Visit, VisitCase.by_choice)
        .join(VisitCase, VisitCase.visit_id == Visit.id)
        .where(VisitCase.case_id == case_id)
    )
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(Visit.at, Visit.id))]


def open_cases(citizen_id: UUID, district: str) -> Sequence[Case]:
    """The open cases of a person in a district, newest first."""
    query = select(Case).where(Case.citizen_id == citizen_id, Case.district == district, Case.ended_at.is_(None))
    return db.session.scalars(query.order_by(Case.submitted_at.desc(), Case.id.desc())).all()


def at_office(cases: Collection[Case], office_code: str) -> list[Case]:
    """Those of the cases that an office works on: they belong to it, or lie on its desk."""
    return [case for case in cases if office_code in (case.office_code, case.desk_code)]


def _item(case: Case) -> ServiceItem:
    return parts().catalogue.item(case.item, case.item_version)
