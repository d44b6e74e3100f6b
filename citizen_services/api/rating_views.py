"""What a person thinks of how their case went (好差评): whether it is asked, and the answer, once a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from citizen_services import clock
from citizen_services.api.callers import the_citizens_id
from citizen_services.api.once import do
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.rating_schemas import RatedSchema, RatingBody
from citizen_services.cases import ratings
from citizen_services.cases.models import Case
from citizen_services.cases.queries import own_case
from citizen_services.database import Change
from citizen_services.database.idempotency import Once

bp = blueprint("ratings", "/cases", "办件")


@bp.get("/<uuid:case_id>/rating")
@operation(bp, "是否评价过", RatedSchema, who=("citizen",), problems=(404,))
def rating(case_id: UUID) -> dict[str, Any]:
    """Whether one is asked what one thinks of a case of one's own, or what one said."""
    case = own_case(the_citizens_id(), case_id)
    given = ratings.rating_of(case.id)
    return _told(case, None if given is None else given.grade)


@bp.post("/<uuid:case_id>/rating")
@operation(bp, "评价一件事", RatedSchema, body=RatingBody, once=True, who=("citizen",), problems=(404, 409))
def rate(case_id: UUID, body: Mapping[str, Any]) -> Any:
    """Say what one thinks of a case of one's own that has ended; 409 `moved-on` where one has said so before."""
    case = own_case(the_citizens_id(), case_id)

    def act(once: Once) -> Any:
        change = Change(clock.now())
        ratings.rate(change, case, body["grade"], body["words"], "api")
        told = _told(case, body["grade"])
        once.remember(change, told)
        change.write()
        return told

    return do(body, act)


def _told(case: Case, grade: int | None) -> dict[str, Any]:
    return {
        "asked": case.ended_at is not None and grade is None,
        "grade": grade,
        "words": None if grade is None else ratings.GRADES[grade],
    }
