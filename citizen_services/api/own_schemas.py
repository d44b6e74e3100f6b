"""What goes in and out where a person asks what is held of them, who looked, and what they agreed to."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Date, DateTime, Integer, List, Nested, String

from citizen_services.api.schemas import Strict
from citizen_services.filling.own_requests import WishSchema


class IdentitySchema(Schema):
    """Who one is to the house, masked as on the page."""

    name = String(required=True)
    id_number = String(required=True)
    phone = String(required=True)
    hukou_address = String(required=True)


class KeptSchema(Schema):
    """One kind of data that is held."""

    what = String(required=True)
    why = String(required=True)
    who = String(required=True, metadata={"description": "Who may see it"})
    how_long = String(required=True)


class OwnDataSchema(Schema):
    """What is held of a person: themselves, and each kind of data with why and how long."""

    identity = Nested(IdentitySchema, required=True)
    wechat_bound_at = DateTime(required=True, allow_none=True, metadata={"description": "null: no WeChat is bound"})
    kept = List(Nested(KeptSchema), required=True)


class LookSchema(Schema):
    """Somebody of the staff saw one's data."""

    at = DateTime(required=True)
    office = String(required=True)
    role = String(required=True, metadata={"description": "The role's code"})
    role_word = String(required=True)
    what = String(required=True, metadata={"description": "Code of what was seen"})
    words = String(required=True, metadata={"description": "What was seen and why, for people"})


class LooksPage(Schema):
    """The looks at one's data, newest first."""

    items = List(Nested(LookSchema), required=True)
    next = String(required=True, allow_none=True)


class AgreedSchema(Schema):
    """Something that one agreed to, or one's guardian did."""

    purpose = String(required=True)
    title = String(required=True)
    words = String(required=True, metadata={"description": "The sentence that was agreed to"})
    at = DateTime(required=True)
    withdrawn_at = DateTime(required=True, allow_none=True)


class AgreedPage(Schema):
    """All of it, newest first."""

    items = List(Nested(AgreedSchema), required=True)
    next = String(required=True, allow_none=True)


class TicketSchema(Schema):
    """How a ticket in the hall stands."""

    id = UUID(required=True)
    number = String(required=True)
    state = String(required=True)
    office = String(required=True)
    service = String(required=True)
    day = Date(required=True)
    ahead = Integer(required=True, metadata={"description": "How many are before one, while one waits"})
    minutes = Integer(required=True, metadata={"description": "An estimate; 0 where one doesn't wait"})
    counter = Integer(required=True, allow_none=True, metadata={"description": "Where one is called to"})


class RequestBody(Strict, WishSchema):
    """What is to be put right, or deleted."""


class RequestSchema(Schema):
    """A request about one's own data."""

    id = UUID(required=True)
    kind = String(required=True, metadata={"description": "correction or deletion"})
    words = String(required=True)
    at = DateTime(required=True)
    due = DateTime(required=True, metadata={"description": "By when it is answered in writing"})
    answer = String(required=True, allow_none=True)


class RequestsPage(Schema):
    """What one asked of one's own data, newest first."""

    items = List(Nested(RequestSchema), required=True)
    next = String(required=True, allow_none=True)


class AskedSchema(Schema):
    """A request that was taken."""

    id = UUID(required=True)
    due = DateTime(required=True, metadata={"description": "By when it is answered in writing"})
    drafts_deleted = Integer(required=True, metadata={"description": "Applications not sent yet that are gone now"})
