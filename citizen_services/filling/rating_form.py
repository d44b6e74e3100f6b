"""What is asked of whoever rates how it went: the same at every door."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from citizen_services.cases import ratings
from citizen_services.rules.errors import RuleError
from citizen_services.rules.text import normalise_text

_WHICH = "请选一个，没有对错，照实选就好。"


class WordsField(fields.String):
    """Words that go with a rating; none are fine."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            given = super()._deserialize(value, attr, data, **kwargs)
            return normalise_text(given, limit=ratings.MOST_WORDS, newlines=True) if given.strip() else ""
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class RatingSchema(Schema):
    """One of five grades, and words where the person has any."""

    grade = fields.Integer(
        required=True,
        validate=validate.OneOf(list(ratings.GRADES), error=_WHICH),
        error_messages={"required": _WHICH, "invalid": _WHICH},
    )
    words = WordsField(load_default="")
