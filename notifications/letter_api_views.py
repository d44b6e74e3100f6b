"""Letters by the API: documents that come by post, and the address that their person gives, or who acts for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apiflask import Schema
from apiflask.fields import UUID as UUIDField
from apiflask.fields import Boolean, List, Nested, String

from citizen_services.api.callers import caller, the_citizen
from citizen_services.api.once import do
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.schemas import Strict
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case, Document
from citizen_services.cases.once import note
from citizen_services.database import db
from citizen_services.database.idempotency import Once
from notifications import letters, served
from notifications.letter_addresses import AddressSchema, filled, place_of
from notifications.models import Parcel

bp = blueprint("letters", "/me/letters", "本人")

ME = ("citizen",)


class AddressBody(Strict, AddressSchema):
    """Where a letter is to go."""


class AddressGiven(Schema):
    """Where a letter goes; empty where nobody knows."""

    province = String(required=True)
    city = String(required=True)
    county = String(required=True)
    postal_address = String(required=True)


class LetterSchema(Schema):
    """A document that comes by post, to its person alone."""

    document = UUIDField(required=True)
    case_id = UUIDField(required=True)
    title = String(required=True)
    words = String(required=True, metadata={"description": "How and when it is served, for people"})
    remedies = String(required=True, metadata={"description": "Until when one may complain, for people"})
    wants_address = Boolean(required=True, metadata={"description": "Whether an address may be given now"})
    address = Nested(AddressGiven, required=True)


class OneLetterSchema(LetterSchema):
    """One of them alone."""


class LettersPage(Schema):
    """All of them."""

    items = List(Nested(LetterSchema), required=True)
    next = String(required=True, allow_none=True)


def _whole(document: Document, parcel: Parcel) -> dict[str, Any]:
    how = served.served_of(document.case_id)[document.id]
    return {
        "document": document.id,
        "case_id": document.case_id,
        "title": document.title,
        "words": how.words,
        "remedies": how.remedies,
        "wants_address": how.asks,
        "address": filled(parcel.receiver),
    }


def _covered(case: Case) -> bool:
    """Whether the right by which the caller acts for another reaches a case."""
    try:
        caller().refuse_beyond(case.item, case.ended_at)
    except NoSuchCase:
        return False
    return True


def _one(document_id: UUID) -> tuple[Document, Case, Parcel]:
    """A document of the person's that comes by post; NoSuchCase for any other."""
    document, found = db.session.get(Document, document_id), letters.last_of(document_id)
    case = db.session.get(Case, document.case_id) if document is not None else None
    if document is None or case is None or found is None or case.citizen_id != the_citizen().id:
        raise NoSuchCase("没有找到这份文书，或者它不是邮寄送达的。")
    caller().refuse_beyond(case.item, case.ended_at)
    return document, case, found[1]


@bp.get("")
@operation(bp, "邮寄送达的文书", LettersPage, who=ME, for_others=True)
def mine() -> dict[str, Any]:
    """The documents that come to one by post, newest first, each with how far it is and where it goes."""
    found = letters.of_person(the_citizen().id)
    rows = [_whole(document, parcel) for _, parcel, document, case in found if _covered(case)]
    return {"items": rows, "next": None}


@bp.get("/<uuid:document_id>")
@operation(bp, "一份邮寄的文书", OneLetterSchema, who=ME, for_others=True, problems=(404,))
def one(document_id: UUID) -> dict[str, Any]:
    """One of them."""
    document, _, parcel = _one(document_id)
    return _whole(document, parcel)


@bp.post("/<uuid:document_id>")
@operation(
    bp, "填写收信地址", OneLetterSchema, body=AddressBody, once=True, who=ME, for_others=True, problems=(404, 409)
)  # fmt: skip
def give(document_id: UUID, body: Mapping[str, Any]) -> dict[str, Any]:
    """Send it to this address: the letter that has none, or another one in place of one that did not arrive.

    409 where it is served, on its way, or brought by somebody.
    """
    _one(document_id)

    def act(once: Once) -> Any:
        letters.give_address(document_id, place_of(body), "citizen", actor=caller().actor)
        return note(once, {"document": str(document_id)})

    do(body, act)
    document, _, parcel = _one(document_id)
    return _whole(document, parcel)
