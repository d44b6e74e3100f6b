"""What the page of a case says when the national platform wants its person at the counter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from citizen_services.cases.models import Case
from citizen_services.windows import slots


def to_counter(case: Case) -> Mapping[str, Any] | None:
    """Why the national platform wants the person at the counter, and whether a time there can be booked."""
    if case.state != "on_site" or case.ended_at is not None:
        return None
    reason = (case.results.get("platform") or {}).get("reason", "")
    return {"reason": reason, "bookable": bool(slots.groups_of(case.item, case.office_code))}
