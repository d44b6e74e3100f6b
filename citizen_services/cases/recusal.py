"""Recusal (回避): who may have nothing to do with a case, since it is their own, a near relative's, or concerns them.

宁波市公安机关警务辅助人员管理规定 art 16. The engine refuses them every act; the case goes to somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select, update
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.cases import chain
from citizen_services.cases.errors import MovedOn, NotAllowed, NotPossible
from citizen_services.cases.household_models import HouseholdMember
from citizen_services.cases.models import Case, CaseEvent, Recusal
from citizen_services.database import Change, db, new_id
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Consent, StaffRelation
from citizen_services.people.relations import related

OWN = "这是您本人的申请，须由其他同事办理。"
RELATIVE = "申请人是您登记的近亲属，您须回避，由其他同事办理。"
ACTED = "这个办件是您代为办理的，您须回避，由其他同事办理。"
BOUND = "申请人委托您代办，或者是您监护的孩子、和您一起登记的同住人，您须回避，由其他同事办理。"
PART = "您已申请回避这个办件，由其他同事办理。"


def why_apart(case_id: UUID, citizen_lookup: bytes, actor: Actor) -> str | None:
    """Why somebody of the staff may have nothing to do with a case, in a sentence; None where they may."""
    if actor.kind != "staff" or actor.id is None:
        return None
    if actor.id_lookup is not None and actor.id_lookup == citizen_lookup:
        return OWN
    recused = select(Recusal.id).where(Recusal.case_id == case_id, Recusal.staff_id == actor.id).exists()
    relative = related(actor.id).where(StaffRelation.id_lookup == citizen_lookup).exists()
    bound = _bound_to(actor, Citizen.id_lookup == citizen_lookup)
    row = db.session.execute(select(recused, relative, _acted_as_citizen(case_id, actor), bound)).one()
    return RELATIVE if row[1] else ACTED if row[2] else BOUND if row[3] else PART if row[0] else None


def why_apart_from(citizen_lookup: bytes, actor: Actor) -> str | None:
    """Why somebody of the staff may do nothing for a person before there is a case; None where they may."""
    if actor.kind != "staff" or actor.id is None:
        return None
    if actor.id_lookup is not None and actor.id_lookup == citizen_lookup:
        return OWN
    relative = related(actor.id).where(StaffRelation.id_lookup == citizen_lookup).exists()
    row = db.session.execute(select(relative, _bound_to(actor, Citizen.id_lookup == citizen_lookup))).one()
    return RELATIVE if row[0] else BOUND if row[1] else None


def _bound_to(actor: Actor, whom: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether somebody of the staff may act as a citizen for one of these, or registered in one household with them."""
    if actor.id_lookup is None:
        return false()
    self_ = aliased(Citizen)
    me = select(self_.id).where(self_.id_lookup == actor.id_lookup)
    principals = select(Authorisation.principal_id).where(
        Authorisation.agent_id.in_(me),
        Authorisation.given_at.is_not(None),
        Authorisation.ended_at.is_(None),
        Authorisation.until_day >= clock.today(),
    )
    children = select(Consent.citizen_id).where(Consent.purpose == "guardian", Consent.by_id.in_(me))
    mine, theirs = aliased(HouseholdMember), aliased(HouseholdMember)
    # Only who confirmed or was registered: naming an officer keeps no officer away.
    household = (
        select(theirs.citizen_id)
        .join(mine, mine.household_id == theirs.household_id)
        .where(mine.citizen_id.in_(me), theirs.citizen_id.is_not(None))
    )
    theirs_ = or_(Citizen.id.in_(principals), Citizen.id.in_(children), Citizen.id.in_(household))
    return select(Citizen.id).where(whom, theirs_).exists()


def _acted_as_citizen(case_id: UUID, actor: Actor) -> ColumnElement[bool]:
    """Whether somebody of the staff acted on the case for its applicant, as an agent or a guardian."""
    acted = select(CaseEvent.id).join(Citizen, Citizen.id == CaseEvent.actor_id)
    acted = acted.where(CaseEvent.case_id == case_id, CaseEvent.actor_kind == "citizen")
    return acted.where(Citizen.id_lookup == actor.id_lookup).exists() if actor.id_lookup is not None else false()


def apart_of(cases: Sequence[Case], actor: Actor) -> Mapping[UUID, str]:
    """Of which of these cases somebody must keep away, and why: for lists."""
    if not cases or actor.kind != "staff" or actor.id is None:
        return {}
    recused = select(Recusal.case_id).where(Recusal.staff_id == actor.id)
    someone = aliased(Citizen)
    query = (
        select(
            Case.id,
            someone.id_lookup,
            Case.id.in_(recused).label("recused"),
            someone.id_lookup.in_(related(actor.id)).label("relative"),
        )
        .join(someone, someone.id == Case.citizen_id)
        .where(
            Case.id.in_([case.id for case in cases]),
            or_(
                Case.id.in_(recused),
                someone.id_lookup.in_(related(actor.id)),
                _bound_to(actor, Citizen.id == someone.id),
                *([] if actor.id_lookup is None else [someone.id_lookup == actor.id_lookup]),
            ),
        )
    )

    def why(row: Any) -> str:
        if row.id_lookup == actor.id_lookup:
            return OWN
        return PART if row.recused else RELATIVE if row.relative else BOUND

    return {row.id: why(row) for row in db.session.execute(query)}


def recuse(change: Change, case: Case, actor: Actor, reason: str) -> None:
    """Add to a change that somebody keeps away from a case, and why; what they held lies on the desk again.

    An act as others are: an event of the case's chain, which leaves its state; the reason stays with the row. Raises
    NotAllowed where they keep away from it already, NotPossible once it has ended, MovedOn where the case moved since
    it was read.
    """
    if case.ended_at is not None:
        raise NotPossible("办件已经办结，没有要回避的了。")
    lookup = db.session.execute(select(Citizen.id_lookup).where(Citizen.id == case.citizen_id)).scalar_one()
    why = why_apart(case.id, lookup, actor)
    if why is not None:
        raise NotAllowed(why)
    id_ = new_id()
    change.add(
        Recusal, id=id_, case_id=case.id, staff_id=actor.id, office_code=actor.office, reason=reason, at=change.at
    )
    link = chain.Link(
        case_id=case.id,
        seq=case.version + 1,
        at=change.at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_office=actor.office,
        actor_role=min(actor.roles, default=None),
        action="recuse",
        from_state=case.state,
        to_state=case.state,
        data={"recusal": str(id_)},
    )
    head = link.mark(case.head)
    change.add(CaseEvent, id=new_id(), mark=head, seal_id=None, **vars(link))
    moved = {"version": link.seq, "head": head, "moved_at": change.at}
    # What somebody else holds by now is left with them.
    held = {"claimed_by": None, "claimed_until": None} if case.claimed_by == actor.id else {}
    change.guard(
        update(Case)
        .where(Case.id == case.id, Case.version == case.version, Case.claimed_by.is_not_distinct_from(case.claimed_by))
        .values(**moved, **held),
        MovedOn,
    )
