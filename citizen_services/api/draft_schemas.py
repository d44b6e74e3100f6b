"""What goes in and out where an application is filled in and sent."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Boolean, DateTime, Dict, File, Integer, List, Nested, String
from marshmallow import EXCLUDE, validate

from citizen_services.api.schemas import FieldSchema, Strict


class BeginSchema(Strict):
    """The beginning of an application."""

    item = String(required=True, validate=validate.Length(max=64))
    earlier = UUID(load_default=None, allow_none=True, metadata={"description": "A case of one's own to begin from"})
    declared = Dict(
        keys=String(),
        values=String(),
        load_default=dict,
        metadata={"description": "What excuses from a condition of applying, by its name in the item's guide"},
    )


class RegisterLineSchema(Schema):
    """One thing that a register says."""

    label = String(required=True)
    value = String(required=True, metadata={"description": "Words, or the address of a picture"})


class CardSchema(Schema):
    """What a register says, to be confirmed."""

    found = Boolean(required=True)
    source = String(required=True)
    seen = String(required=True, metadata={"description": "Send it along with the answer that confirms it"})
    text = String(required=True)
    lines = List(Nested(RegisterLineSchema), required=True)


class DraftGroupSchema(Schema):
    """A page of the form as far as it is filled in."""

    code = String(required=True)
    title = String(required=True)
    done = Boolean(required=True)
    data = Dict(required=True)
    fields_ = List(Nested(FieldSchema), required=True, data_key="fields", attribute="fields")
    register = Nested(CardSchema, required=True, allow_none=True)


class PhotoSchema(Schema):
    """A photo that was brought."""

    id = UUID(required=True)


class PaperSchema(Schema):
    """A material of which photos are brought, since no register supplies it."""

    code = String(required=True)
    name = String(required=True)
    examples = List(String(), required=True)
    kinds = List(Dict(), required=True)
    photos = List(Nested(PhotoSchema), required=True)


class ShortDraftSchema(Schema):
    """An application that was begun and not yet sent."""

    id = UUID(required=True)
    item = String(required=True)
    item_version = Integer(required=True)
    version = Integer(required=True)
    saved_at = DateTime(required=True)
    case_id = UUID(required=True, allow_none=True, metadata={"description": "The case that it became"})


class DraftSchema(ShortDraftSchema):
    """A draft, whole."""

    groups = List(Nested(DraftGroupSchema), required=True)
    papers = List(Nested(PaperSchema), required=True)
    ready = Boolean(required=True, metadata={"description": "Whether nothing is missing for sending it"})
    commitment = String(required=True, metadata={"description": "What is promised by sending it"})


class DiscardedSchema(ShortDraftSchema):
    """A draft that was thrown away."""


class DraftsPage(Schema):
    """The open drafts."""

    items = List(Nested(ShortDraftSchema), required=True)
    next = String(required=True, allow_none=True)


class SaveSchema(Strict):
    """Answers of one page of the form, on the version of the draft that the caller saw."""

    version = Integer(required=True, validate=validate.Range(min=1, max=1_000_000))
    data = Dict(keys=String(), values=String(allow_none=True), required=True)
    seen = String(load_default="", validate=validate.Length(max=64))


class DiscardSchema(Strict):
    """The version of the draft that is thrown away."""

    version = Integer(required=True, validate=validate.Range(min=1, max=1_000_000))


class SendSchema(Strict):
    """An application to be sent: a draft, or the whole of it at once."""

    draft = UUID(load_default=None, allow_none=True)
    version = Integer(load_default=None, allow_none=True, validate=validate.Range(min=1, max=1_000_000))
    item = String(load_default=None, allow_none=True, validate=validate.Length(max=64))
    data = Dict(
        keys=String(), values=Dict(keys=String(), values=String(allow_none=True)), load_default=None, allow_none=True
    )
    commitment = Boolean(load_default=False)


class UploadForm(Schema):
    """A photo, and which kind of paper it shows where a material has several."""

    file = File(required=True)
    kind = String(load_default="", validate=validate.Length(max=64))

    class Meta:
        """The file is read apart."""

        unknown = EXCLUDE
