"""Who may act on a case, and for whom: the applicant, an agent whom they authorised, a child's guardian.

The one place that decides it. An agent is allowed unless the item says no; a
guardian acts for a child under sixteen (浙江省流动人口居住登记条例), who doesn't apply alone. Both identities are kept:
the case is the applicant's, the event names who acted and as what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from citizen_services.cases.errors import NoSuchCase, NotAllowed
from citizen_services.cases.models import Case, CaseEvent, Draft
from citizen_services.cases.queries import cases_of
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people import authorisations, guardians
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.sessions import citizen_actor
from citizen_services.rules.masking import mask_id, mask_name

#: As what somebody acts for an applicant.
WORDS: Mapping[str, str] = {"agent": "代办人", "guardian": "监护人"}
#: Where ``results`` of a case keep who applied for its person.
APPLIED = "applied_by"


@dataclass(frozen=True)
class Standing:
    """By what right somebody acts for a person.

    ``kind``: ``self``, ``agent``, ``guardian``; ``items`` are the codes that it covers (None: every one), ``since``
    when it began: what had ended before is not shown.
    """

    kind: str
    principal: Citizen
    actor: Actor
    items: frozenset[str] | None = None
    since: datetime | None = None

    def covers(self, item: str, ended_at: datetime | None = None) -> bool:
        """Whether it covers something of that item that ended then (None: it has not)."""
        if self.items is not None and item not in self.items:
            return False
        return self.since is None or ended_at is None or ended_at >= self.since

    @property
    def word(self) -> str:
        """As what one acts: 代办人, 监护人; nothing for oneself."""
        return WORDS.get(self.kind, "")


def others(visitor: Citizen) -> list[Standing]:
    """Everybody for whom somebody may act besides themselves."""
    children = [_guardian(visitor, child) for child in guardians.children_of(visitor.id)]
    held = authorisations.held_by(visitor.id)
    known = authorisations.people([one.principal_id for one in held])
    return children + [_agent(visitor, known[one.principal_id], one) for one in held]


def of(visitor: Citizen, principal_id: UUID) -> Standing:
    """By what right somebody acts for a person now; NoSuchCase where by none."""
    if principal_id == visitor.id:
        return Standing("self", visitor, citizen_actor(visitor))
    found = next((one for one in others(visitor) if one.principal.id == principal_id), None)
    if found is None:
        raise NoSuchCase
    return found


def case_for(visitor: Citizen, case_id: UUID) -> tuple[Case, Standing]:
    """A case on which somebody may act, and by what right; NoSuchCase for any other."""
    case = db.session.get(Case, case_id)
    if case is None:
        raise NoSuchCase
    standing = of(visitor, case.citizen_id)
    if not standing.covers(case.item, case.ended_at):
        raise NoSuchCase
    return case, standing


def draft_for(visitor: Citizen, draft_id: UUID) -> Standing:
    """By what right somebody fills in a draft of another's; NoSuchCase where by none."""
    draft = db.session.get(Draft, draft_id)
    missing = NoSuchCase("没有找到这份草稿，请从“我的办件”进入。")
    if draft is None:
        raise missing
    try:
        standing = of(visitor, draft.citizen_id)
    except NoSuchCase:
        raise missing from None
    if not standing.covers(draft.item, draft.ended_at):
        raise missing
    return standing


def cases_by(standing: Standing) -> Sequence[Case]:
    """The cases of its person that a standing covers, newest first."""
    return [case for case in cases_of(standing.principal.id) if standing.covers(case.item, case.ended_at)]


def items_by(standing: Standing) -> list[ServiceItem]:
    """The items that one may begin by a standing."""
    found = [item for item in parts().catalogue.items() if standing.covers(item.code)]
    return [item for item in found if standing.kind != "agent" or item.no_agent is None]


def refuse_agent(item: ServiceItem, actor: Actor) -> None:
    """Refuse an agent where the law wants the person: NotAllowed, with the law."""
    if actor.name == "agent" and actor.on_behalf_of is not None and item.no_agent is not None:
        raise NotAllowed(f"这个事项须由申请人本人办理（{item.no_agent}），不能由别人代办。")


def refuse(item: ServiceItem, actor: Actor, citizen: Citizen) -> None:
    """Refuse who may not apply: an agent as above, somebody for another, and a child without its guardian."""
    refuse_agent(item, actor)
    if actor.kind != "citizen":
        return
    if actor.stands_for != citizen.id:
        raise NoSuchCase
    if actor.on_behalf_of is None and guardians.needs_guardian(citizen.birth_date):
        raise NotAllowed("未满16周岁的，申请由监护人办理：请监护人登录自己的账号，从“替别人办”进入。")


def keep(situation: Situation) -> None:
    """Keep with a case who applied for its person; nothing where they did so themselves."""
    actor = situation.actor
    if actor.kind != "citizen" or actor.on_behalf_of is None or actor.id is None:
        return
    who = db.session.get_one(Citizen, actor.id)
    situation.results[APPLIED] = {"as": actor.name, "id": str(who.id), "name": who.name, "id_number": who.id_number}


def who_applied(results: Mapping[str, Any]) -> list[str]:
    """The paragraph of a document that names who applied for the person; none where they did so themselves."""
    kept = results.get(APPLIED)
    if not kept:
        return []
    word, number = WORDS[kept["as"]], mask_id(kept["id_number"])
    return [f"本申请由{word}{kept['name']}（公民身份号码 {number}）代为提出。"]


def who_words(event: CaseEvent, *, masked: bool = True) -> str:
    """Who of the citizens did something: nothing for the applicant, else as what and who."""
    word = WORDS.get(event.actor_role or "") if event.actor_kind == "citizen" else None
    if word is None or event.actor_id is None:
        return ""
    who = db.session.get(Citizen, event.actor_id)
    name = (mask_name(who.name) if masked else who.name) if who is not None else ""
    return f"{word}{name}"


def _agent(visitor: Citizen, principal: Citizen, right: Any) -> Standing:
    actor = _acting(visitor, principal, "agent", right.id)
    return Standing("agent", principal, actor, frozenset(right.items), right.given_at)


def _guardian(visitor: Citizen, child: Citizen) -> Standing:
    return Standing("guardian", child, _acting(visitor, child, "guardian", None))


def _acting(visitor: Citizen, principal: Citizen, name: str, right: UUID | None) -> Actor:
    return Actor(
        "citizen", visitor.id, name, id_lookup=visitor.id_lookup, on_behalf_of=principal.id, right=right
    )  # fmt: skip
