"""Social insurance. Imitates our own docs/partners/social_insurance.md."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import Body, Operation, register_blueprint
from citizen_services.sandbox.world import World


def blueprint(world: World) -> Blueprint:
    """`/social_insurance/v1/…`."""

    def employment(body: Body) -> dict[str, Any]:
        row = world.state.get("employment", body.identity())
        return {"found": True, "employment": row} if row else {"found": False}

    return register_blueprint(world, "social_insurance", {"employment": Operation("employment", employment)})
