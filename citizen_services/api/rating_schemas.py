"""What goes in and out where a case is rated."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import Boolean, Integer, String

from citizen_services.api.schemas import Strict
from citizen_services.filling.rating_form import RatingSchema


class RatingBody(Strict, RatingSchema):
    """A grade from 5 (非常满意) to 1 (非常不满意), and words where there are any."""


class RatedSchema(Schema):
    """Whether one is asked, or what one said."""

    asked = Boolean(required=True, metadata={"description": "The case has ended and was not rated yet"})
    grade = Integer(required=True, allow_none=True, metadata={"description": "5 to 1; null: not rated"})
    words = String(required=True, allow_none=True, metadata={"description": "What the grade is called"})
