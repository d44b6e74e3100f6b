"""The register of market entities. Imitates our own docs/partners/market.md."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import Body, Operation, register_blueprint
from citizen_services.sandbox.world import World

TABLE = "organisations"
KINDS = ("company", "sole_trader")
ROLES = ("operator", "legal_representative", "shareholder")


def organisation_row(credit_code: str, body: dict[str, Any]) -> dict[str, Any]:
    """Build an entity from the control's JSON; ValueError says what is wrong, KeyError names what is missing."""
    if body.get("kind", "sole_trader") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    given = body.get("people") or [{"id_number": body["id_number"], "role": body.get("role", "operator")}]
    people = [{"id_number": str(one["id_number"]), "role": str(one["role"])} for one in given]
    if not all(one["role"] in ROLES for one in people):
        raise ValueError(f"role must be one of {', '.join(ROLES)}")
    return {
        "credit_code": credit_code,
        "name": str(body["name"]),
        "kind": body.get("kind", "sole_trader"),
        "address": str(body.get("address") or ""),
        "since": date.fromisoformat(body["since"]).isoformat(),
        "until": body.get("until") and date.fromisoformat(body["until"]).isoformat(),
        "people": people,
    }


def blueprint(world: World) -> Blueprint:
    """`/market/v1/…`."""

    def business(body: Body) -> dict[str, Any]:
        number = body.identity()
        shown = ("credit_code", "name", "kind", "address", "since", "until")
        return {
            "businesses": [
                {name: row[name] for name in shown} | {"role": one["role"]}
                for row in world.state.rows(TABLE).values()
                for one in row["people"]
                if one["id_number"] == number
            ]
        }

    return register_blueprint(world, "market", {"business": Operation("business", business)})
