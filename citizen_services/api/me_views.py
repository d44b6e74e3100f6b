"""Who calls, and what the registers hold of a citizen."""

from __future__ import annotations

from typing import Any

from citizen_services.api import schemas
from citizen_services.api.callers import caller, the_citizen
from citizen_services.api.operation import blueprint, operation
from citizen_services.cases import standing
from citizen_services.people.queries import office
from citizen_services.registers.queries import permits_in_short, registrations_of
from citizen_services.rules.masking import mask_name

bp = blueprint("me", "/me", "本人")


@bp.get("")
@operation(bp, "谁在调用", schemas.MeSchema, who=("citizen", "staff"), scope="cases:read")
def me() -> dict[str, Any]:
    """Who the caller is, and what the token may do."""
    who = caller()
    place = office(who.actor.office).name if who.actor.office else None
    return {
        "kind": who.actor.kind,
        "name": mask_name(who.citizen.name) if who.citizen else who.actor.name,
        "office": place,
        "roles": sorted(who.actor.roles),
        "scopes": None if who.scopes is None else sorted(who.scopes),
    }


@bp.get("/principals")
@operation(bp, "可以替谁办", schemas.PrincipalsPage, who=("citizen",))
def principals() -> dict[str, Any]:
    """In whose names one may act today, as what and for which items: `On-Behalf-Of` takes the `id`."""
    rows = [
        {
            "id": by.principal.id,
            "name": mask_name(by.principal.name),
            "as_": by.kind,
            "items": [item.code for item in standing.items_by(by)],
        }
        for by in standing.others(the_citizen())
    ]
    return {"items": rows, "next": None}


@bp.get("/registrations")
@operation(bp, "本人的居住登记", schemas.RegistrationsPage, who=("citizen",))
def registrations() -> dict[str, Any]:
    """Where one is registered as living, newest first."""
    return {"items": registrations_of(the_citizen().id), "next": None}


@bp.get("/permits")
@operation(bp, "本人的居住证", schemas.PermitsPage, who=("citizen",))
def permits() -> dict[str, Any]:
    """One's residence permits, newest first."""
    rows = [
        {"state": p.state, "issued_on": p.issued, "district": p.district} for p in permits_in_short(the_citizen().id)
    ]
    return {"items": rows, "next": None}
