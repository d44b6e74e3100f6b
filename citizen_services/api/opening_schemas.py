"""What goes in and out of the API where somebody of the staff says why they open a case."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import UUID, DateTime, String
from marshmallow import ValidationError, post_load, validate

from citizen_services.api.schemas import Strict
from citizen_services.cases.seeing import REASONS, reason_of
from citizen_services.rules.errors import RuleError
from citizen_services.rules.text import normalise_text


class OpeningSchema(Strict):
    """Why a case is opened that isn't in one's hands; ``other`` needs words of one's own."""

    why = String(required=True, validate=validate.OneOf(list(REASONS)))
    words = String(load_default="", metadata={"description": "At most 100 characters, as the person reads them"})

    @post_load
    def _whole(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        try:
            return data | {"reason": reason_of(data["why"], normalise_text(data["words"], limit=100))}
        except RuleError as fault:
            raise ValidationError(fault.sentence, "words") from fault
        except ValueError as fault:
            raise ValidationError(str(fault), "words") from fault


class OpenedSchema(Schema):
    """Until when the case can be read."""

    id = UUID(required=True)
    until = DateTime(required=True)
