"""School rolls. Imitates our own docs/partners/schools.md."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import Body, Operation, register_blueprint
from citizen_services.sandbox.world import World

TABLE = "students"


def student_row(body: dict[str, Any]) -> dict[str, Any]:
    """Build an entry of a roll from the control's JSON; KeyError names what is missing."""
    return {
        "school": str(body["school"]),
        "grade": str(body.get("grade") or ""),
        "since": date.fromisoformat(body["since"]).isoformat(),
        "until": body.get("until") and date.fromisoformat(body["until"]).isoformat(),
    }


def blueprint(world: World) -> Blueprint:
    """`/schools/v1/…`."""

    def enrolment(body: Body) -> dict[str, Any]:
        row = world.state.get(TABLE, body.identity())
        return {"found": True, "enrolment": row} if row else {"found": False}

    return register_blueprint(world, "schools", {"enrolment": Operation("enrolment", enrolment)})
