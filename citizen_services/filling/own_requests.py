"""Asking that one's own data be put right or deleted (个人信息保护法 art 46, 47): the same at every door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from citizen_services.cases import drafts
from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Draft
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.people import data_requests
from citizen_services.people.models import Citizen
from citizen_services.rules.errors import RuleError
from citizen_services.rules.periods import Deadline, Period, deadline
from citizen_services.rules.text import normalise_text

_LEAST, _MOST = 4, 500
_LENGTH = f"请用 {_LEAST} 到 {_MOST} 个字写明。"


class _Words(fields.String):
    """What somebody asks, without what no page shows."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        try:
            return normalise_text(super()._deserialize(value, attr, data, **kwargs), limit=_MOST, newlines=True)
        except RuleError as fault:
            raise ValidationError(_LENGTH) from fault


class WishSchema(Schema):
    """What is wrong, or what is to be deleted."""

    words = _Words(
        required=True,
        validate=validate.Length(_LEAST, _MOST, error=_LENGTH),
        error_messages={"required": "请写明您的请求。"},
    )


@dataclass(frozen=True)
class Asked:
    """A request that was taken: by when it is answered, and how many drafts went at once."""

    id: UUID
    due: Deadline
    drafts_deleted: int


def open_drafts(citizen: Citizen) -> Sequence[Draft]:
    """What the person began and did not send, one an item at most."""
    found = (drafts.open_draft(citizen.id, item.code) for item in parts().catalogue.items())
    return [draft for draft in found if draft is not None]


def ask(citizen: Citizen, kind: str, words: str, change: Change) -> Asked:
    """Add a request to a change; of a deletion the drafts go at once, the rest waits for the answer in writing.

    Raises AlreadyAsked where one of the kind waits, MovedOn where a draft was saved meanwhile; who asks twice at the
    same moment is told by the database (IntegrityError, at the change's writing).
    """
    due = deadline(change.at, Period(data_requests.DAYS, "working"), calendar())
    id_ = data_requests.ask(citizen, kind, words, due.at, change)
    begun = open_drafts(citizen) if kind == "deletion" else ()
    for draft in begun:
        drafts.discard(draft)
    return Asked(id_, due, len(begun))
