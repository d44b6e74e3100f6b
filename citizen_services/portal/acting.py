"""For whom a page is: the person who is logged in, or somebody in whose name they act; nothing is remembered of it.

A case or a draft says itself whose it is, and ``cases.standing`` by what right the visitor is there. Only where nothing
is begun yet an address carries ``for``: the id of the person.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import g, request, url_for

from citizen_services.cases import drafts, standing
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.cases.standing import Standing
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place, id_of
from citizen_services.materials import queries
from citizen_services.people.actors import Actor
from citizen_services.portal.guards import the_citizen
from citizen_services.portal.places import PORTAL


def _here(found: Standing) -> Standing:
    """Have the page say in whose name one acts."""
    if found.kind != "self":
        g.acting_for = found
    return found


def acted_case(case_id: UUID) -> Case:
    """A case of the visitor's own, or one on which they act for another; NoSuchCase for any other."""
    case, found = standing.case_for(the_citizen(), case_id)
    _here(found)
    return case


def standing_on(case: Case) -> Standing:
    """By what right the visitor acts on a case."""
    return standing.of(the_citizen(), case.citizen_id)


def actor_on(case: Case) -> Actor:
    """The visitor as the actor of an operation on a case."""
    return standing_on(case).actor


def acted_draft(draft_id: UUID) -> Filled:
    """A draft of the visitor's own, or one that they fill in for another; NoSuchCase for any other."""
    visitor = the_citizen()
    try:
        draft = drafts.mine(visitor.id, draft_id)
    except NoSuchCase:
        found = _here(standing.draft_for(visitor, draft_id))
        return filled_of(place_for(found), found.principal, draft_id)
    return Filled.of(PORTAL, visitor, draft)


def place_for(found: Standing) -> Place:
    """How an application is filled in by that right."""
    if found.kind == "self":
        return PORTAL
    actor, principal = found.actor, found.principal.id
    return replace(
        PORTAL,
        actor=lambda: actor,
        you="申请人",
        guide=lambda citizen, item: guide_for(item.code, principal),
        later=lambda citizen: url_for("portal_for.person", principal_id=principal),
        reuses=found.kind != "agent",
    )


def guide_for(code: str, principal_id: UUID) -> str:
    """The address of an item's guide for somebody in whose name one acts."""
    values: dict[str, Any] = {"code": code, "for": principal_id}
    return url_for("portal_items.guide", **values)


def named() -> Standing | None:
    """By what right the visitor is on a page whose address or form names somebody by ``for``; None where none does."""
    given = request.values.get("for", "")
    if not given:
        return None
    principal = id_of(given)
    if principal is None:
        raise NoSuchCase
    return _here(standing.of(the_citizen(), principal))


def may_look(found: Standing, upload_id: UUID, *gathered_for: UUID, case_id: UUID | None = None) -> bool:
    """Whether a photo is among those of a draft, a correction or a case: an agent sees no other one of the person."""
    if found.kind != "agent":
        return True
    pieces = [piece for id_ in gathered_for for piece in queries.of_draft(id_)]
    if case_id is not None:
        pieces += queries.of_case(case_id, replaced=True)
    return any(piece.upload_id == upload_id for piece in pieces)
