"""What goes in and out where a household registers in one go."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Date, Dict, Integer, List, Nested, String
from marshmallow import validate

from citizen_services.api.schemas import Strict
from citizen_services.cases.households import RELATIONS

_OTHERS = tuple(code for code in RELATIONS if code != "self")
_STATES = ("done", "trouble", "going", "invited", "late", "declined")


class NamedSchema(Strict):
    """Somebody else who lives there: a child under sixteen is registered, everybody else is invited."""

    relation = String(required=True, validate=validate.OneOf(_OTHERS))
    name = String(required=True, validate=validate.Length(1, 100))
    id_number = String(required=True, validate=validate.Length(15, 40))


class RegisterSchema(Strict):
    """A household: one's own draft, ready to be sent, and who else lives there."""

    draft = UUID(required=True)
    version = Integer(required=True, validate=validate.Range(min=1, max=1_000_000))
    members = List(
        UUID(),
        load_default=list,
        validate=validate.Length(max=12),
        metadata={"description": "Ids of `GET /me/principals`"},
    )
    others = List(Nested(NamedSchema), load_default=list, validate=validate.Length(max=12))
    commitment = Boolean(load_default=False, metadata={"description": "That all of them live there"})
    guardian = Boolean(
        load_default=False,
        metadata={"description": "That one is each named child's guardian, and that the register is asked"},
    )


class MemberSchema(Schema):
    """What became of one of them."""

    relation = String(required=True, validate=validate.OneOf(tuple(RELATIONS)))
    name = String(required=True, metadata={"description": "Masked"})
    state = String(required=True, validate=validate.OneOf(_STATES))
    number = String(required=True, allow_none=True, metadata={"description": "The number of their case"})
    case_id = UUID(required=True, allow_none=True, metadata={"description": "null where the case is theirs alone"})
    trouble = String(required=True, allow_none=True)
    until = Date(required=True, allow_none=True, metadata={"description": "The last day of an invitation"})


class HouseholdSchema(Schema):
    """A household with each member for themselves."""

    id = UUID(required=True)
    item = String(required=True)
    members = List(Nested(MemberSchema), required=True)


class AgainSchema(Strict):
    """Nothing more is said where whoever is stuck is tried once more."""


class InvitationSchema(Schema):
    """Somebody asks the caller to register with them."""

    id = UUID(required=True)
    item = String(required=True)
    by = String(required=True, metadata={"description": "Masked"})
    relation = String(required=True)
    address = String(required=True)
    data = Dict(required=True, metadata={"description": "The answers by group, as they would be the caller's"})
    until = Date(required=True)


class InvitationsPage(Schema):
    """What the caller is asked to confirm."""

    items = List(Nested(InvitationSchema), required=True)
    next = String(required=True, allow_none=True)


class AnswerSchema(Strict):
    """One's own answer: with ``confirm`` one is registered, and promises what the item wants promised."""

    confirm = Boolean(required=True)
    commitment = Boolean(load_default=False)


class AnsweredSchema(Schema):
    """What became of it."""

    state = String(required=True, validate=validate.OneOf(_STATES))
    case_id = UUID(required=True, allow_none=True)
    trouble = String(required=True, allow_none=True)
