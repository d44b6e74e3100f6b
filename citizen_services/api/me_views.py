"""Who calls, and what the registers hold of a citizen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from citizen_services.api import schemas
from citizen_services.api.callers import caller, the_citizen
from citizen_services.api.once import do
from citizen_services.api.operation import blueprint, operation
from citizen_services.cases import queries, serving, standing
from citizen_services.cases.once import note
from citizen_services.database.idempotency import Once
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


@bp.get("/electronic-service")
@operation(bp, "文书电子送达的同意", schemas.ElectronicServiceSchema, who=("citizen",))
def electronic_service() -> dict[str, Any]:
    """Whether one consents to electronic service: standing, and for single cases; with the sentences to be shown."""
    return _electronic_service(the_citizen().id)


@bp.post("/electronic-service")
@operation(
    bp, "同意或者撤回电子送达", schemas.ElectronicServiceSchema, body=schemas.ConsentSchema, once=True,
    who=("citizen",), problems=(404,),
)  # fmt: skip
def consent(body: Mapping[str, Any]) -> Any:
    """Consent to electronic service, or withdraw it, from now on: what was served stays served."""
    citizen_id, case_id = the_citizen().id, body["case"]
    if case_id is not None:
        queries.own_case(citizen_id, case_id)

    def act(once: Once) -> Any:
        (serving.consent if body["consents"] else serving.withdraw)(citizen_id, case_id)
        told = _electronic_service(citizen_id)
        return note(once, {**told, "cases": [str(one) for one in told["cases"]]})

    return do({"consents": body["consents"], "case": str(case_id) if case_id else None}, act)


def _electronic_service(citizen_id: UUID) -> dict[str, Any]:
    return {
        "consents": serving.standing_consent(citizen_id),
        "words": serving.STANDING,
        "cases": list(serving.cases_consented(citizen_id)),
        "case_words": serving.ONE_CASE,
    }
