"""An application's whole life through the rooms' operations, for guards that look at what it leaves behind."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from citizen_services.cases import operations
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from tests import factories as make

TRACKING = "1119044791429"
#: Who does what, after the application was sent.
STEPS: tuple[tuple[str, Actor | str, dict[str, Any]], ...] = (
    ("claim", "yl-clerk", {}),
    ("accept", "yl-clerk", {}),
    ("approve", "yl-officer", {}),
    ("make", "fw-clerk", {"card_number": "33021326000001"}),
    ("parcel_ordered", Actor.system("ems_order"), {"tracking": TRACKING}),
    ("post", "fw-clerk", {"tracking": TRACKING}),
    ("complete", Actor.system("ems_receipt"), {}),
)


def through(case_id: UUID, last: str = "complete") -> None:
    """Lead a permit that was just sent through its steps up to one of them, each committed."""
    for action, who, data in STEPS:
        actor = make.staff(who) if isinstance(who, str) else who
        version = db.session.get_one(Case, case_id, populate_existing=True).version
        operations.perform(parts().catalogue, case_id, action, actor, version, data)
        commit()
        if action == last:
            return
