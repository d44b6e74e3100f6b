"""What a person wishes of our messages: by which way first, and whether only what must be known; for every door."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from marshmallow import Schema, fields, validate
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import db
from notifications.models import FIRST, TellingChoice

_WHICH = "请选择用哪种方式通知您。"


class ChoiceSchema(Schema):
    """The rung to begin with, and whether only what must be known is sent."""

    first = fields.String(
        required=True, validate=validate.OneOf(FIRST, error=_WHICH), error_messages={"required": _WHICH}
    )
    less = fields.Boolean(load_default=False)


@dataclass(frozen=True)
class Wish:
    """How somebody is told: ``first`` is one of FIRST, ``less`` that only what must be known is sent."""

    first: str
    less: bool


def wish_of(citizen_id: UUID) -> Wish:
    """The choice of a person as it is; by WeChat first, and of everything, for whoever never chose."""
    chosen = db.session.get(TellingChoice, citizen_id, populate_existing=True)
    return Wish("wechat", False) if chosen is None else Wish(chosen.first, chosen.less)


def wish(citizen_id: UUID, first: str, less: bool) -> None:
    """Keep a choice, from the next message on; made twice it is the same choice."""
    row = insert(TellingChoice).values(citizen_id=citizen_id, at=clock.now(), first=first, less=less)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=["citizen_id"], set_={name: row.excluded[name] for name in ("first", "less", "at")}
        )
    )
