"""The engine: the only way in which a case begins or moves. It decides first, then writes once.

Everything that one act stores — the case's guarded update, its events, what follows from them, notices, the
idempotency row — goes into one Change, in the caller's transaction. Whoever opened the door commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases import chain, charging, clocks, papers, permission, recusal, standing, visits
from citizen_services.cases.at_sending import AtSending, at_sending
from citizen_services.cases.errors import (
    AlreadyOpen,
    GuardFailed,
    InvalidInput,
    MovedOn,
    NoSuchCase,
    NotAllowed,
    NotPossible,
)
from citizen_services.cases.models import Case, CaseEvent, Document, Draft
from citizen_services.cases.queries import actions_done_by, register_answers, who_moved
from citizen_services.cases.signals import case_moved
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import Catalogue, forms
from citizen_services.catalogue.vocabulary import ServiceItem, State, Step
from citizen_services.database import Change, db, new_id, violated_constraint
from citizen_services.database.direct import Direct
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Consent
from citizen_services.people.queries import office
from citizen_services.registers.errors import TAKEN
from citizen_services.rules.dates import chinese_moment

#: How long a claim holds without an act, machine time.
CLAIM_LEASE = timedelta(minutes=30)
#: A chain of automatic steps longer than this is a declaration's mistake.
_MOST_AUTOMATIC = 5


@dataclass(frozen=True)
class Outcome:
    """What an act led to."""

    case_id: UUID
    number: str
    state: str
    version: int


class _Act:
    """One act being decided: the situation, the change, and the events so far."""

    def __init__(self, situation: Situation, version: int, head: bytes) -> None:
        self.situation = situation
        self.change = Change(situation.at)
        self.version = version
        self.head = head
        self.clock_dates: dict[str, Any] = {}

    def take(self, step: Step, given: Mapping[str, Any]) -> None:
        """Take one step: guards, effects, event, signal."""
        situation = self.situation
        situation.given, situation.seq = given, self.version + 1
        for guard in step.guard:
            if not guard.test(situation):
                raise GuardFailed(guard.name, guard.sentence)
        before, after = _state(situation.item, step.start), situation.item.state(step.end)
        situation.columns.update(clocks.turned(situation, before, after, self.clock_dates))
        situation.values |= {"state": after.word, "at": chinese_moment(situation.at)}
        for effect in step.then:
            effect.do(situation, self.change)
        charging.settle(situation, step, self.change)
        self._record(step, given)
        situation.state = step.end
        situation.columns |= {"state": step.end, "desk_code": clocks.desk(situation, after)}
        if after.final:
            situation.columns |= {"ended_at": situation.at, "claimed_by": None, "claimed_until": None}
        case_moved.send(step.action, situation=situation, step=step, change=self.change)

    def _record(self, step: Step, given: Mapping[str, Any]) -> None:
        situation, actor = self.situation, self.situation.actor
        self.version += 1
        role = permission.role_in(step.by, actor)
        link = chain.Link(
            case_id=situation.case_id,
            seq=self.version,
            at=situation.at,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_office=actor.office,
            actor_role=role,
            action=step.action,
            from_state=step.start,
            to_state=step.end,
            data=_plain(given) | permission.by_right(actor, role),
        )
        self.head = link.mark(self.head)
        self.change.add(CaseEvent, id=new_id(), mark=self.head, seal_id=None, **vars(link))

    def run_automatic(self) -> None:
        """Take the system's own steps that follow at once."""
        for _ in range(_MOST_AUTOMATIC):
            step = next((s for s in self.situation.item.steps_from(self.situation.state) if self._follows(s)), None)
            if step is None:
                return
            who, self.situation.actor = self.situation.actor, Actor.system("engine")
            self.take(step, {})
            self.situation.actor = who
        raise RuntimeError(f"{self.situation.item.code}: automatic steps don't end")

    def _follows(self, step: Step) -> bool:
        return step.automatic and all(guard.test(self.situation) for guard in step.guard)


def perform(
    catalogue: Catalogue,
    case_id: UUID,
    action: str,
    actor: Actor,
    version: int | None,
    data: Mapping[str, Any] | None = None,
    *,
    once: Once | None = None,
) -> Outcome:
    """Take one step on a case, all of it or nothing.

    ``version`` is the version that the actor decided on (None only for the system, which decides on what it finds).
    Raises a CaseError: NoSuchCase, MovedOn (another was faster; says who did what), NotPossible, NotAllowed,
    GuardFailed, InvalidInput.
    """
    return _write(_decide(catalogue, case_id, action, actor, version, data or {}), once)


def letters(
    catalogue: Catalogue, case_id: UUID, action: str, actor: Actor, version: int | None, data: Mapping[str, Any]
) -> list[tuple[str, list[str]]]:
    """The documents that a step would issue, each its title and paragraphs: decided like the step, nothing written.

    The caller rolls back. Raises what ``perform`` raises.
    """
    act = _decide(catalogue, case_id, action, actor, version, data)
    return [(row["title"], row["content"]["paragraphs"]) for row in act.change.rows(Document)]


def _decide(
    catalogue: Catalogue, case_id: UUID, action: str, actor: Actor, version: int | None, data: Mapping[str, Any]
) -> _Act:
    """All that one step leads to, still to be written."""
    case = db.session.get(Case, case_id, populate_existing=True)
    if case is None:
        raise NoSuchCase
    item = catalogue.item(case.item, case.item_version)
    citizen = db.session.get_one(Citizen, case.citizen_id)
    step = item.step(case.state, action)
    if actor.kind == "citizen" and actor.stands_for != case.citizen_id:
        raise NoSuchCase
    standing.refuse_agent(item, actor)
    if version != case.version and (version is not None or actor.kind != "system"):
        raise MovedOn(who_moved(case))
    if step is None:
        raise NotPossible
    why_not = permission.refusal(
        step.by,
        actor,
        citizen_id=case.citizen_id,
        citizen_id_lookup=citizen.id_lookup,
        district=case.district,
        office=case.office_code,
        did_before=actions_done_by(case.id, actor) if step.by.not_who else frozenset(),
        apart=recusal.why_apart(case.id, citizen.id_lookup, actor),
    )
    if why_not:
        raise NotAllowed(why_not)
    if actor.kind == "staff" and permission.held_by_another(
        case.claimed_by, case.claimed_until, actor, clock.protocol_now()
    ):
        raise MovedOn(who_moved(case))
    situation = Situation(
        item=item,
        case_id=case.id,
        number=case.number,
        district=case.district,
        door=case.door,
        state=case.state,
        citizen=citizen,
        actor=actor,
        at=clock.now(),
        data=case.data,
        answers=register_answers(case.answers),
        office=case.office_code,
        results=dict(case.results),
        values=_standing_values(case.number, item, case.office_code, case.visits) | clocks.due_value(case),
    )
    act = _Act(situation, case.version, case.head)
    act.clock_dates = clocks.dates_of(case)
    situation.columns |= _claim(step, actor)
    act.take(step, _load(step, data))
    act.run_automatic()
    situation.columns |= {
        "version": act.version,
        "head": act.head,
        "moved_at": situation.at,
        "results": situation.results,
    }
    act.change.guard(
        # A calendar that arrives at this moment changes the dates that the act was decided on, and no version.
        update(Case)
        .where(Case.id == case.id, Case.version == case.version, Case.due_provisional.is_(case.due_provisional))
        .values(**situation.columns),
        otherwise=lambda: MovedOn(who_moved(case)),
    )
    return act


def submit(
    catalogue: Catalogue,
    draft: Draft,
    actor: Actor,
    *,
    once: Once | None = None,
    door: str = "",
    given: Mapping[str, Any] | None = None,
    known: AtSending | None = None,
    last: bool = False,
) -> Outcome:
    """Make a case of a draft that is complete.

    Version 1, event 1, a number. The draft must have passed ``drafts.complete``. ``door`` is where it is sent (else
    where it was begun), ``given`` what is noted with the sending, ``known`` what was just read for it. What the item
    has its person promise is kept as agreed to. ``last``: the caller commits next, which does the writing and may raise
    what stands here (Change.write).

    Raises AlreadyOpen where the person has an open case of the item, GuardFailed, MovedOn (the draft was sent already),
    InvalidInput by the codes of materials of which no photo was brought.
    """
    item = catalogue.item(draft.item)
    citizen = db.session.get_one(Citizen, draft.citizen_id)
    standing.refuse(item, actor, citizen)
    at = clock.now()
    known = known or at_sending(citizen.id)
    data = forms.active_data(item, draft.data)
    situation = Situation(
        item=item,
        case_id=new_id(),
        number=_case_number(item, at, known.number),
        district=parts().settings.district,
        door=door or draft.door,
        state=None,
        citizen=citizen,
        actor=actor,
        at=at,
        data=data,
        answers=register_answers(draft.answers),
        homes=known.held.homes,
    )
    situation.office = item.route(situation)
    situation.values = _standing_values(situation.number, item, situation.office, 0)
    step = item.step(None, "submit")
    if step is None:
        raise NotPossible
    standing.keep(situation)
    act = _Act(situation, 0, chain.START)
    act.change.guard(_SENT, otherwise=MovedOn, draft=draft.id, seen=draft.version, ended=at, made=situation.case_id)
    if item.commitment:
        words = item.commitment
        act.change.add(Consent, id=new_id(), citizen_id=citizen.id, purpose="commitment", words=words, at=at)
    missing = papers.hand_in(
        act.change, draft.id, situation.case_id, papers.wanted(item, data, situation.answers, situation.today)
    )
    if missing:
        raise InvalidInput(missing)
    came = visits.of_application(act.change, draft, actor, situation.case_id, item, situation.door)
    situation.values["visits"] = str(came)
    act.take(step, _plain(given or {}))
    act.run_automatic()
    columns = dict.fromkeys(_NULLABLE) | {"due_provisional": False} | situation.columns
    act.change.add(
        Case,
        id=situation.case_id,
        number=situation.number,
        district=situation.district,
        item=item.code,
        item_version=item.version,
        citizen_id=citizen.id,
        door=situation.door,
        version=act.version,
        office_code=situation.office,
        data=data,
        answers=draft.answers,
        results=situation.results,
        submitted_at=at,
        moved_at=at,
        visits=came,
        head=act.head,
        **columns,
    )
    return _write(act, once, last=last)


_SENT = Direct(
    update(Draft)
    .where(Draft.id == bindparam("draft"), Draft.version == bindparam("seen"), Draft.ended_at.is_(None))
    .values(ended_at=bindparam("ended"), case_id=bindparam("made"))
)

_NULLABLE = (
    "claimed_by", "claimed_until", "accepted_at", "ended_at", "desk_code", "first_answer_due", "first_answer_met_at",
    "statutory_due", "promised_due", "result_met_at", "next_due",
)  # fmt: skip


def _write(act: _Act, once: Once | None, *, last: bool = False) -> Outcome:
    situation = act.situation
    assert situation.state is not None  # noqa: S101 - a taken step always ends in a state
    outcome = Outcome(situation.case_id, situation.number, situation.state, act.version)
    if once is not None:
        once.remember(act.change, told(outcome))
    act.change.write(last=last, refused=_refusal)
    return outcome


def _refusal(fault: Exception) -> Exception:
    """What a write that was refused means to the person; the fault itself where it means nothing to them."""
    if not isinstance(fault, IntegrityError):
        # A photo was taken out at this very moment.
        return MovedOn()
    constraint = violated_constraint(fault) or ""
    if constraint == "uq_case_open_per_person":
        return AlreadyOpen()
    if constraint in TAKEN:
        field, sentence = TAKEN[constraint]
        return InvalidInput({field: [sentence]}) if field else GuardFailed(constraint, sentence)
    return fault


def told(outcome: Outcome) -> dict[str, Any]:
    """What an act led to as it is remembered: a repetition is told the same."""
    answer = {"case_id": str(outcome.case_id), "number": outcome.number}
    return {**answer, "state": outcome.state, "version": outcome.version}


def _standing_values(number: str, item: ServiceItem, office_code: str, visits: int) -> dict[str, str]:
    return {"number": number, "item": item.name, "office": office(office_code).name, "visits": str(visits)}


def _claim(step: Step, actor: Actor) -> dict[str, Any]:
    """Who holds the case after a step: whoever claimed it; every other act of the staff lets go of it."""
    if actor.kind != "staff":
        return {}
    if step.action != "claim":
        return {"claimed_by": None, "claimed_until": None}
    return {"claimed_by": actor.id, "claimed_until": clock.protocol_now() + CLAIM_LEASE}


def _load(step: Step, data: Mapping[str, Any]) -> dict[str, Any]:
    if step.input is None:
        return {}
    try:
        loaded = step.input.load(data)
    except ValidationError as fault:
        raise InvalidInput(fault.normalized_messages()) from fault
    return _plain(loaded)


def _plain(data: Any) -> dict[str, Any]:
    """Plain JSON values, so that what is marked equals what is read back."""
    plain: dict[str, Any] = json.loads(json.dumps(data, ensure_ascii=False, default=str))
    return plain


def _state(item: ServiceItem, code: str | None) -> State | None:
    return item.state(code) if code else None


def _case_number(item: ServiceItem, at: datetime, taken: int) -> str:
    return f"{item.number_prefix}{at.astimezone(clock.SHANGHAI):%Y%m%d}-{taken % 1_000_000:06d}"
