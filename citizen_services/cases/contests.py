"""Contests (申诉复核): an office holds a bad rating to be mistaken or malicious; somebody of another office decides.

国办发〔2019〕51号 (excerpt): mistaken and malicious ratings may be left out after a review. While one is contested its
rectification stands still; who rated is told only where their rating counts no more, and nobody learns who they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, select, union, update

from citizen_services.cases.clocks import calendar
from citizen_services.cases.contest_models import RatingContest
from citizen_services.cases.errors import GuardFailed, MovedOn, NoSuchCase, NotAllowed
from citizen_services.cases.models import Case, CaseEvent, Rating, Rectification
from citizen_services.cases.recusal import apart_of, why_apart
from citizen_services.cases.signals import contest_decided, rating_set_aside
from citizen_services.database import Change, db, new_id
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import Roles
from citizen_services.rules.periods import Period, deadline

#: Who decides: of another office, and not whoever contested.
ROLE = "supervisor"
#: Rows of a list.
PAGE = 50
#: Why whoever took a step on the rated case does not review its rating.
HANDLED = "您办理过被评价的这个办件，须回避，由其他督办人员复核。"


@dataclass(frozen=True)
class Contested:
    """A contest with its rating and its case."""

    contest: RatingContest
    rating: Rating
    case: Case


def contest(change: Change, task: Rectification, rating: Rating, actor: Actor, reason: str) -> None:
    """Add to a change that the rated office contests a rating; its rectification stands still.

    Raises GuardFailed where the days for it are over, MovedOn where it was put right or contested before.
    """
    last = deadline(rating.at, Period(parameters.number("rating_contest_days"), "working"), calendar())
    if change.at >= last.at:
        raise GuardFailed("contest_days", "申诉的期限已经过了，请按整改办理。")
    if db.session.scalars(select(RatingContest.id).where(RatingContest.rating_id == rating.id)).first() is not None:
        raise MovedOn(sentence="这个评价已经申诉过了，每个评价申诉一次。")
    here = update(Rectification).where(Rectification.id == task.id, Rectification.state == "open")
    change.guard(here.values(state="contested"), _moved_on)
    change.add(
        RatingContest,
        id=new_id(),
        rating_id=rating.id,
        case_id=task.case_id,
        office_code=task.office_code,
        state="open",
        asked_at=change.at,
        asked_by=actor.id,
        reason=reason,
        decided_at=None,
        decided_by=None,
        decision=None,
    )


def decide(change: Change, contest_id: UUID, actor: Actor, *, upheld: bool, decision: str) -> None:
    """Add to a change what became of a contest: the rating counts no more, or its rectification goes on.

    Raises NoSuchCase, NotAllowed (of the rated office, who contested, who had a hand in the case or has a part in it),
    MovedOn.
    """
    found = db.session.get(RatingContest, contest_id, populate_existing=True)
    if found is None:
        raise NoSuchCase("没有找到这个申诉。")
    if ROLE not in actor.roles or actor.office == found.office_code or actor.id == found.asked_by:
        raise NotAllowed("申诉须由被评价单位以外的督办人员复核。")
    case = db.session.get_one(Case, found.case_id)
    applicant = db.session.get_one(Citizen, case.citizen_id)
    why = why_apart(case.id, applicant.id_lookup, actor) or _apart(actor, [case]).get(case.id)
    if why is not None:
        raise NotAllowed(why)
    here = update(RatingContest).where(RatingContest.id == found.id, RatingContest.state == "open")
    state = "upheld" if upheld else "rejected"
    change.guard(here.values(state=state, decided_at=change.at, decided_by=actor.id, decision=decision), _moved_on)
    task = db.session.scalars(select(Rectification).where(Rectification.rating_id == found.rating_id)).one()
    goes_on = {"state": "dropped"} if upheld else {"state": "open", "due": task.due + (change.at - found.asked_at)}
    change.guard(
        update(Rectification).where(Rectification.id == task.id, Rectification.state == "contested").values(**goes_on),
        _moved_on,
    )
    rating = db.session.get_one(Rating, found.rating_id)
    contest_decided.send(found.case_id, case=case, grade=rating.grade, upheld=upheld, change=change)
    if upheld:
        change.guard(update(Rating).where(Rating.id == found.rating_id).values(set_aside_at=change.at))
        rating_set_aside.send(found.case_id, case=case, decision=decision, change=change)


def _apart(actor: Actor, cases: Sequence[Case]) -> dict[UUID, str]:
    """Of which of these cases somebody reviews no rating, and why: they had a hand in them, or keep away."""
    apart = dict(apart_of(cases, actor))
    ids = [case.id for case in cases]
    lent = actor.roles.lent.values() if isinstance(actor.roles, Roles) else ()
    acted = select(CaseEvent.case_id).where(
        CaseEvent.case_id.in_(ids), CaseEvent.actor_kind == "staff", CaseEvent.actor_id.in_({actor.id, *lent})
    )
    called = select(Rectification.case_id).where(Rectification.case_id.in_(ids), Rectification.called_by == actor.id)
    for case_id in db.session.scalars(union(acted, called)):
        apart.setdefault(case_id, HANDLED)
    return apart


def _moved_on() -> MovedOn:
    return MovedOn(sentence="刚刚有同事处理过了，请刷新查看。")


def of_office(office_code: str) -> Sequence[Contested]:
    """The contests of an office, open ones first, then the latest decided; at most PAGE."""
    query = _contested().where(RatingContest.office_code == office_code)
    order = (RatingContest.decided_at.desc().nulls_first(), RatingContest.id.desc())
    return [Contested(*row) for row in db.session.execute(query.order_by(*order).limit(PAGE))]


def to_decide(actor: Actor) -> Sequence[Contested]:
    """The open contests that somebody may decide, the oldest first; at most PAGE."""
    if ROLE not in actor.roles:
        return []
    query = _contested().where(
        RatingContest.state == "open",
        RatingContest.office_code != (actor.office or ""),
        RatingContest.asked_by != actor.id,
    )
    order = (RatingContest.asked_at, RatingContest.id)
    found = [Contested(*row) for row in db.session.execute(query.order_by(*order).limit(PAGE))]
    apart = _apart(actor, [one.case for one in found])
    return [one for one in found if one.case.id not in apart]


def _contested() -> Select[RatingContest, Rating, Case]:
    return (
        select(RatingContest, Rating, Case)
        .join(Rating, Rating.id == RatingContest.rating_id)
        .join(Case, Case.id == RatingContest.case_id)
    )
