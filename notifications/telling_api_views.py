"""How one is told, by the API: the choice as it is, and another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, String

from citizen_services.api.callers import the_citizens_id
from citizen_services.api.once import do
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.schemas import Strict
from citizen_services.cases.once import note
from citizen_services.database.idempotency import Once
from notifications import wishes

bp = blueprint("telling", "/me/telling", "本人")


class WishBody(Strict, wishes.ChoiceSchema):
    """How one wishes to be told."""


class WishSchema(Schema):
    """How one is told."""

    first = String(required=True, metadata={"description": "The way that is tried first: wechat, sms or call"})
    less = Boolean(required=True, metadata={"description": "Whether only what must be known is sent"})


@bp.get("")
@operation(bp, "怎样通知我", WishSchema, who=("citizen",))
def wish() -> dict[str, Any]:
    """By which way one is told first, and whether only of what must be known."""
    return asdict(wishes.wish_of(the_citizens_id()))


@bp.post("")
@operation(bp, "选择怎样通知我", WishSchema, body=WishBody, once=True, who=("citizen",))
def choose(body: Mapping[str, Any]) -> Any:
    """Choose how one is told, from the next message on."""

    def act(once: Once) -> Any:
        wishes.wish(the_citizens_id(), body["first"], body["less"])
        return note(once, {"first": body["first"], "less": body["less"]})

    return do(body, act)
