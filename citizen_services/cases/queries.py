"""What only reads cases: one person's, one office's desk, one case's history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select, tuple_
from sqlalchemy.orm import defer

from citizen_services import clock
from citizen_services.cases import permission, recusal
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Guard, ServiceItem, Step
from citizen_services.database import db
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.queries import answers_of
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import Roles, office, staff_name
from citizen_services.rules.dates import chinese_moment, end_of_day

#: Rows of a list's page.
PAGE = 20
#: A desk is counted up to here: what is more is "and more", and a count costs no more than that.
MOST_COUNTED = 1000
#: What a list does not show is not read, and not decrypted.
_UNSHOWN = (defer(Case.data), defer(Case.answers), defer(Case.results), defer(Case.head))


#: Register answers that one session remembers: more than any act needs.
_MOST_KEPT = 50


def _kept_answers() -> dict[str, tuple[str, dict[str, Any]]]:
    """What this session has read so far: ``{id: (source.topic, answer)}``."""
    # One act asks for them several times; an answer never changes once it is kept, and opening a portrait costs.
    kept: dict[str, tuple[str, dict[str, Any]]] = db.session.info.setdefault("register_answers", {})
    if len(kept) > _MOST_KEPT:
        kept.clear()
    return kept


def newest_answers(citizen_id: UUID, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """As ``exchange.queries.answers_of``; ``register_answers`` need not read these again."""
    answers = answers_of(citizen_id, keys)
    kept = _kept_answers()
    for key, one in answers.items():
        kept[one["id"]] = (key, {"outcome": one["outcome"], "content": one["content"], "at": one["at"]})
    return answers


def register_answers(ids: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The register answers of those ids: ``{source.topic: {outcome, content, at}}``."""
    kept = _kept_answers()
    missing = [UUID(id_) for id_ in ids.values() if id_ not in kept]
    if missing:
        for r in db.session.scalars(select(RegisterAnswer).where(RegisterAnswer.id.in_(missing))):
            kept[str(r.id)] = (f"{r.source}.{r.topic}", {"outcome": r.outcome, "content": r.content, "at": r.at})
    found = [kept[id_] for id_ in ids.values() if id_ in kept]
    return {key: dict(answer) for key, answer in found}


def actions_done_by(case_id: UUID, actor: Actor) -> frozenset[str]:
    """The actions that an actor did on a case; of a deputy also those of the colleague whose role they have."""
    lent = actor.roles.lent.values() if isinstance(actor.roles, Roles) else ()
    query = select(CaseEvent.action).where(
        CaseEvent.case_id == case_id, CaseEvent.actor_kind == actor.kind, CaseEvent.actor_id.in_({actor.id, *lent})
    )
    return frozenset(db.session.scalars(query))


def who_moved(case: Case) -> str:
    """Who did what on a case last, in the words that a colleague reads.

    ``李警官（岳林派出所）于2026年11月9日 09:12办理了“受理”``.
    """
    query = select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.seq.desc()).limit(1)
    event = db.session.scalars(query).first()
    if event is None:
        return ""
    when = chinese_moment(event.at)
    if event.actor_kind == "staff" and event.actor_id:
        place = office(event.actor_office).name if event.actor_office else ""
        who = f"{staff_name(event.actor_id)}（{place}）"
    else:
        who = "申请人" if event.actor_kind == "citizen" else "系统"
        if event.actor_kind == "citizen" and event.actor_role:
            who = "申请人的代办人" if event.actor_role == "agent" else "申请人的监护人"
    item = parts().catalogue.item(case.item, case.item_version)
    return f"{who}于{when}办理了“{item.words_of(event.from_state, event.action)}”"


def cases_of(citizen_id: UUID) -> Sequence[Case]:
    """A person's cases for a list, newest first, at most a hundred; what was filled in is read where asked for."""
    query = (
        select(Case).options(*_UNSHOWN).where(Case.citizen_id == citizen_id)
        .order_by(Case.submitted_at.desc(), Case.id.desc())
        .limit(100)
    )  # fmt: skip
    return db.session.scalars(query).all()


def of_citizen(
    citizen_id: UUID,
    *,
    item: str | None = None,
    state: str | None = None,
    after: tuple[datetime | None, UUID] | None = None,
    items: Collection[str] | None = None,
    ended_since: datetime | None = None,
) -> Page:
    """A person's cases page by page, newest first; for an agent only of ``items``, none that ended before a moment."""
    query = select(Case).options(*_UNSHOWN).where(Case.citizen_id == citizen_id)
    if items is not None:
        query = query.where(Case.item.in_(items))
    if ended_since is not None:
        query = query.where(or_(Case.ended_at.is_(None), Case.ended_at >= ended_since))
    if item:
        query = query.where(Case.item == item)
    if state:
        query = query.where(Case.state == state)
    return _newest(query, after)


def own_case(citizen_id: UUID, case_id: UUID) -> Case:
    """A person's own case; NoSuchCase for anybody else's."""
    case = db.session.get(Case, case_id)
    if case is None or case.citizen_id != citizen_id:
        raise NoSuchCase
    return case


def own_case_by_number(citizen_id: UUID, number: str) -> Case | None:
    """A person's own case of that number: a number is a name, not a key."""
    return db.session.scalars(select(Case).where(Case.number == number, Case.citizen_id == citizen_id)).one_or_none()


def case_for_staff(actor: Actor, case_id: UUID) -> Case:
    """A case of the actor's district; NoSuchCase for others."""
    case = db.session.get(Case, case_id)
    if case is None or case.district != actor.district:
        raise NoSuchCase
    return case


def events_of(case_id: UUID) -> Sequence[CaseEvent]:
    """A case's events, oldest first."""
    return db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.seq)).all()


def documents_of(case_id: UUID) -> Sequence[Document]:
    """A case's documents, oldest first."""
    return db.session.scalars(
        select(Document).where(Document.case_id == case_id).order_by(Document.at, Document.id)
    ).all()


def document(case_id: UUID, document_id: UUID) -> Document:
    """One document of a case; NoSuchCase where it is another's."""
    found = db.session.get(Document, document_id)
    if found is None or found.case_id != case_id:
        raise NoSuchCase("没有找到这份文书。")
    return found


def steps_for(item: ServiceItem, case: Case, actor: Actor) -> list[Step]:
    """The steps that this actor may take on a case as it stands: what buttons and API offer."""
    citizen_lookup = db.session.execute(select(Citizen.id_lookup).where(Citizen.id == case.citizen_id)).scalar_one()
    if actor.kind == "staff" and permission.held_by_another(
        case.claimed_by, case.claimed_until, actor, clock.protocol_now()
    ):
        return []
    did, apart = actions_done_by(case.id, actor), recusal.why_apart(case.id, citizen_lookup, actor)
    return [
        step
        for step in item.steps_from(case.state)
        if not step.automatic
        and permission.refusal(
            step.by,
            actor,
            citizen_id=case.citizen_id,
            citizen_id_lookup=citizen_lookup,
            district=case.district,
            office=case.office_code,
            did_before=did,
            apart=apart,
        )
        is None
    ]


class _NotGiven(Mapping[str, Any]):
    """What comes with an action, before it comes: whoever looks is told that it isn't known yet."""

    def __getitem__(self, key: str) -> Any:
        raise _LooksAtInput

    def __iter__(self) -> Iterator[str]:
        raise _LooksAtInput

    def __len__(self) -> int:
        raise _LooksAtInput


class _LooksAtInput(Exception):
    """A guard can't be tested before the action's input is there."""


def failing_guard(item: ServiceItem, case: Case, actor: Actor, step: Step) -> Guard | None:
    """The guard that a step would fail on as the case stands, whatever is given with it; None where it may go through.

    For pages, so that no button is offered that can only be refused; the engine tests again.
    """
    if not step.guard:
        return None
    situation = Situation(
        item=item,
        case_id=case.id,
        number=case.number,
        district=case.district,
        door=case.door,
        state=case.state,
        citizen=db.session.get_one(Citizen, case.citizen_id),
        actor=actor,
        at=clock.now(),
        data=case.data,
        answers=register_answers(case.answers),
        office=case.office_code,
        given=_NotGiven(),
        results=dict(case.results),
    )
    for guard in step.guard:
        try:
            if not guard.test(situation):
                return guard
        except _LooksAtInput:
            continue
    return None


@dataclass(frozen=True)
class Page:
    """A page of a list, and the place from which the next one goes on (None = the last)."""

    cases: Sequence[Case]
    after: tuple[datetime | None, UUID] | None


def desk(
    office_code: str,
    *,
    item: str | None = None,
    state: str | None = None,
    held_by: UUID | None = None,
    after: tuple[datetime | None, UUID] | None = None,
) -> Page:
    """The cases on an office's desk, the one whose clock runs out first on top. Keyset pages.

    No page costs more than the first.
    """
    query = select(Case).options(*_UNSHOWN).where(Case.desk_code == office_code)
    if item:
        query = query.where(Case.item == item)
    if state:
        query = query.where(Case.state == state)
    if held_by:
        query = query.where(Case.claimed_by == held_by)
    # Two looks, since only without an OR the index leads straight to the place: first by the clock, then what has none.
    moment, last = after or (None, None)
    rows: list[Case] = []
    if moment is not None or after is None:
        timed = query.where(Case.next_due.is_not(None))
        if last is not None:
            timed = timed.where(tuple_(Case.next_due, Case.id) > (moment, last))
        rows += db.session.scalars(timed.order_by(Case.next_due, Case.id).limit(PAGE + 1))
    if len(rows) <= PAGE:
        rest = query.where(Case.next_due.is_(None))
        if last is not None and moment is None:
            rest = rest.where(Case.id > last)
        rows += db.session.scalars(rest.order_by(Case.id).limit(PAGE + 1 - len(rows)))
    return _page(rows, "next_due")


def of_office(
    office_code: str,
    *,
    item: str | None = None,
    state: str | None = None,
    after: tuple[datetime | None, UUID] | None = None,
) -> Page:
    """Every case that belongs to an office, newest first.

    To a service centre no case belongs: there it is what lies on its desk.
    """
    column = Case.desk_code if office(office_code).kind == "service_centre" else Case.office_code
    query = select(Case).options(*_UNSHOWN).where(column == office_code)
    if item:
        query = query.where(Case.item == item)
    if state:
        query = query.where(Case.state == state)
    return _newest(query, after)


def _newest(query: Select[Case], after: tuple[datetime | None, UUID] | None) -> Page:
    if after and after[0]:
        query = query.where(tuple_(Case.submitted_at, Case.id) < (after[0], after[1]))
    rows = db.session.scalars(query.order_by(Case.submitted_at.desc(), Case.id.desc()).limit(PAGE + 1)).all()
    return _page(rows, "submitted_at")


@dataclass(frozen=True)
class DeskFigures:
    """How many cases lie on a desk; each number counts up to MOST_COUNTED cases, the most urgent ones."""

    waiting: int
    #: Whose running clock is over, and whose ends today.
    late: int
    due_today: int
    #: Which nobody holds, and which the one who asks holds.
    free: int
    mine: int


def desk_figures(office_code: str, staff_id: UUID) -> DeskFigures:
    """The figures of an office's desk, as one of its people sees it."""
    now, today, machine = clock.now(), end_of_day(clock.today()), clock.protocol_now()
    most_urgent = (
        select(Case.next_due, Case.claimed_by, Case.claimed_until)
        .where(Case.desk_code == office_code)
        .order_by(Case.next_due, Case.id)
        .limit(MOST_COUNTED)
        .subquery()
    )
    due, holder, until = most_urgent.c
    count = func.count()
    row = db.session.execute(
        select(
            count,
            count.filter(due <= now),
            count.filter(due > now, due <= today),
            count.filter(or_(holder.is_(None), until <= machine)),
            count.filter(holder == staff_id),
        ).select_from(most_urgent)
    ).one()
    return DeskFigures(*row)


def applicant_names(cases: Sequence[Case]) -> Mapping[UUID, str]:
    """The applicants' names of a list, by citizen's id."""
    ids = {case.citizen_id for case in cases}
    if not ids:
        return {}
    return {row.id: row.name for row in db.session.execute(select(Citizen.id, Citizen.name).where(Citizen.id.in_(ids)))}


def _concerns(office_code: str) -> ColumnElement[bool]:
    """Whether a case belongs to an office, lies on its desk, or was worked on there."""
    worked_on = exists().where(CaseEvent.case_id == Case.id, CaseEvent.actor_office == office_code)
    return or_(Case.office_code == office_code, Case.desk_code == office_code, worked_on)


def concerns_office(case: Case, office_code: str) -> bool:
    """Whether a case belongs to an office, lies on its desk, or was worked on there: its people may see it."""
    if office_code in (case.office_code, case.desk_code):
        return True
    found = select(Case.id).where(Case.id == case.id, _concerns(office_code))
    return db.session.execute(found).first() is not None


def cases_of_people(citizen_ids: Collection[UUID], office_code: str) -> Sequence[Case]:
    """The cases of some people that concern an office, newest first, at most a hundred."""
    if not citizen_ids:
        return []
    query = (
        select(Case).options(*_UNSHOWN).where(Case.citizen_id.in_(citizen_ids), _concerns(office_code))
        .order_by(Case.submitted_at.desc(), Case.id.desc())
        .limit(100)
    )  # fmt: skip
    return db.session.scalars(query).all()


def _page(rows: Sequence[Case], column: str) -> Page:
    shown = rows[:PAGE]
    more = len(rows) > PAGE
    return Page(shown, (getattr(shown[-1], column), shown[-1].id) if more else None)


def by_number(district: str, number: str) -> Case | None:
    """The case of that number in a district, for staff."""
    return db.session.scalars(select(Case).where(Case.number == number, Case.district == district)).one_or_none()
