"""What goes in and out of the API, as the OpenAPI document describes it. Times are RFC 3339, dates ISO 8601."""

from __future__ import annotations

from apiflask import Schema
from apiflask.fields import UUID, Boolean, Date, DateTime, Dict, Integer, List, Nested, Raw, String
from apiflask.schemas import FileSchema
from marshmallow import EXCLUDE, RAISE, validate

__all__ = ["FileSchema"]


class Strict(Schema):
    """What is sent to us: a name that we don't know is told, not dropped."""

    class Meta:
        """Refuse unknown names."""

        unknown = RAISE


class ProblemLine(Schema):
    """One thing that is wrong with what was sent."""

    pointer = String(required=True, metadata={"description": "JSON pointer (RFC 6901) into what was sent"})
    detail = String(required=True, metadata={"description": "The sentence for people"})


class ProblemSchema(Schema):
    """Problem details (RFC 9457); `type` stays the same for ever and is what clients branch on."""

    type = String(required=True)
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True, metadata={"description": "What happened and what to do, in Chinese"})
    instance = String(required=True)
    errors = List(Nested(ProblemLine))
    guard = String(metadata={"description": "The condition that does not hold"})
    conditions = List(Dict(), metadata={"description": "The conditions of applying that are not met"})

    class Meta:
        """Some problems say more."""

        unknown = EXCLUDE


class PageQuery(Schema):
    """Which page of a list."""

    after = String(
        load_default="",
        validate=validate.Length(max=200),
        metadata={"description": "`next` of the page before; without it the list begins at its top"},
    )

    class Meta:
        """Other names in the address are none of ours."""

        unknown = EXCLUDE


class CasesQuery(PageQuery):
    """Which cases."""

    item = String(
        load_default="",
        validate=validate.Regexp(r"[a-z0-9-]{0,64}\Z", error="请填写事项编码。"),
        metadata={"description": "A service item's code"},
    )
    state = String(
        load_default="",
        validate=validate.Regexp(r"[a-z0-9_]{0,32}\Z", error="请填写状态编码。"),
        metadata={"description": "A state's code"},
    )


# --- Service items ------------------------------------------------------------------------------------------------


class FieldSchema(Schema):
    """One question of a form, or one input of an action."""

    name = String(required=True)
    label = String(required=True)
    type = String(required=True)
    required = Boolean(required=True)
    allowed = List(
        Raw(), required=True, allow_none=True, metadata={"description": "The values that it takes; null: any"}
    )


class ItemSchema(Schema):
    """A service item (事项) in a list."""

    code = String(required=True)
    name = String(required=True)
    version = Integer(required=True)
    visits = Dict(keys=String(), values=Integer(), required=True, metadata={"description": "Most visits by door"})


class ItemsPage(Schema):
    """The service items."""

    items = List(Nested(ItemSchema), required=True)
    next = String(required=True, allow_none=True)


class GroupSchema(Schema):
    """One page of a form; asked only while its condition holds."""

    code = String(required=True)
    title = String(required=True)
    when = Dict(required=True, allow_none=True)
    confirms = String(required=True, allow_none=True)
    fields_ = List(Nested(FieldSchema), required=True, data_key="fields", attribute="fields")


class WholeItemSchema(ItemSchema):
    """A service item with its form, materials, states, actions and clocks."""

    legal_basis = List(String(), required=True)
    pre_checks = List(Dict(), required=True)
    groups = List(Nested(GroupSchema))
    materials = List(Dict())
    states = List(Dict())
    actions = List(Dict())
    clocks = Dict()
    documents = List(String())
    subject = String(metadata={"description": "Of a counter service: person or vehicle"})
    minutes = Integer(metadata={"description": "Of a counter service: what a visit takes"})
    bring = List(String(), metadata={"description": "Of a counter service: what to bring"})
    desks = List(String(), metadata={"description": "Of a counter service: partner desks that must be open"})
    in_person = String(allow_none=True, metadata={"description": "The law that wants the owner in person"})
    parts = List(Dict(), metadata={"description": "What other desks and registers must have done (一站式)"})
    case = Boolean(metadata={"description": "False: done at a window, without a case here"})


# --- Cases --------------------------------------------------------------------------------------------------------


class OfficeSchema(Schema):
    """An office, as citizens know it."""

    code = String(required=True)
    name = String(required=True)
    address = String(required=True)
    phone = String(required=True)


class ShortCaseSchema(Schema):
    """A case (办件) in a list."""

    id = UUID(required=True)
    number = String(required=True)
    item = String(required=True)
    item_version = Integer(required=True)
    state = String(required=True)
    version = Integer(required=True)
    submitted_at = DateTime(required=True)
    ended_at = DateTime(required=True, allow_none=True)
    next_due = DateTime(
        required=True, allow_none=True, metadata={"description": "End of the clock that runs out first"}
    )


class CasesPage(Schema):
    """Some cases."""

    items = List(Nested(ShortCaseSchema), required=True)
    next = String(required=True, allow_none=True)


class ActionSchema(Schema):
    """An action that the caller may take now."""

    action = String(required=True)
    label = String(required=True)
    to = String(required=True, metadata={"description": "The state that it leads to"})
    fields_ = List(Nested(FieldSchema), required=True, data_key="fields", attribute="fields")


class ServedSchema(Schema):
    """How a document that law wants served came to its person; dates are null while it has not."""

    way = String(required=True, validate=validate.OneOf(("electronic", "ems", "direct", "left", "announced")))
    at = DateTime(required=True, allow_none=True)
    reconsideration_until = Date(required=True, allow_none=True)
    court_until = Date(required=True, allow_none=True)


class DocumentSchema(Schema):
    """A writing of ours about a case."""

    id = UUID(required=True)
    number = String(required=True)
    kind = String(required=True)
    title = String(required=True)
    sha256 = String(required=True)
    at = DateTime(required=True)
    served = Nested(
        ServedSchema, required=True, allow_none=True, metadata={"description": "null: of a kind that is not served"}
    )


class WholeDocumentSchema(DocumentSchema):
    """A writing with its text, as it was issued."""

    paragraphs = List(String(), required=True)
    issued_by = String(required=True)


class AskedSchema(Schema):
    """What a correction (补正) asks for."""

    code = String(required=True, metadata={"description": "`group.field` or a material's code"})
    why = String(required=True)


class CorrectionSchema(Schema):
    """The correction that a case waits for."""

    due = DateTime(required=True)
    due_provisional = Boolean(required=True)
    items = List(Nested(AskedSchema), required=True)


class LineSchema(Schema):
    """One answer as people read it; what identifies a person is masked except for the person."""

    name = String(required=True)
    label = String(required=True)
    value = String(required=True)


class AnswersSchema(Schema):
    """The answers of one page of the form."""

    code = String(required=True)
    title = String(required=True)
    lines = List(Nested(LineSchema), required=True)


class CaseSchema(ShortCaseSchema):
    """One case, whole."""

    item_name = String(required=True)
    state_word = String(required=True)
    waits_for = String(required=True)
    door = String(required=True)
    office = Nested(OfficeSchema, required=True)
    visits = Integer(required=True)
    accepted_at = DateTime(required=True, allow_none=True)
    first_answer_due = DateTime(required=True, allow_none=True)
    promised_due = DateTime(required=True, allow_none=True)
    statutory_due = DateTime(required=True, allow_none=True)
    due_provisional = Boolean(required=True)
    correction = Nested(CorrectionSchema, required=True, allow_none=True)
    answers = List(Nested(AnswersSchema), required=True)
    documents = List(Nested(DocumentSchema), required=True)
    #: Orders of its fees: ``/fees/{id}``.
    fees = List(UUID(), required=True)
    actions = List(Nested(ActionSchema), required=True)


class EventSchema(Schema):
    """One act in a case's life."""

    seq = Integer(required=True)
    at = DateTime(required=True)
    action = String(required=True)
    label = String(required=True)
    from_state = String(required=True, allow_none=True)
    to_state = String(required=True)
    who = String(required=True, metadata={"description": "Office and role, never an officer's name"})


class EventsPage(Schema):
    """What was done, oldest first."""

    items = List(Nested(EventSchema), required=True)
    next = String(required=True, allow_none=True)


class DoneSchema(Schema):
    """What an act led to; a repetition under the same key gets exactly this again."""

    id = UUID(required=True)
    number = String(required=True)
    state = String(required=True)
    version = Integer(required=True)


class ActSchema(Strict):
    """An action, on the version of the case that the caller saw."""

    version = Integer(required=True, validate=validate.Range(min=1, max=2_000_000_000))
    data = Dict(keys=String(), values=Raw(allow_none=True), load_default=dict)


# --- People -------------------------------------------------------------------------------------------------------


class MeSchema(Schema):
    """Who the caller is; masked, since a token may be looked over somebody's shoulder."""

    kind = String(required=True)
    name = String(required=True)
    office = String(required=True, allow_none=True)
    roles = List(String(), required=True)
    scopes = List(
        String(), required=True, allow_none=True, metadata={"description": "null: all that the person may do"}
    )


class ElectronicServiceSchema(Schema):
    """Whether a person's documents are served electronically, and the sentences that they agree to."""

    consents = Boolean(required=True, metadata={"description": "Standing: for every case"})
    words = String(required=True, metadata={"description": "What is agreed to; to be shown before it is"})
    cases = List(UUID(), required=True, metadata={"description": "The cases for which alone it was agreed to"})
    case_words = String(required=True)


class ConsentSchema(Strict):
    """A consent to electronic service, or its end; standing, or for one case."""

    consents = Boolean(required=True, truthy={True}, falsy={False})
    case = UUID(load_default=None, allow_none=True)


class PrincipalSchema(Schema):
    """Somebody in whose name the caller may act."""

    id = UUID(required=True)
    name = String(required=True, metadata={"description": "Masked"})
    as_ = String(required=True, data_key="as", validate=validate.OneOf(("agent", "guardian")))
    items = List(String(), required=True, metadata={"description": "Codes of the items that may be begun"})


class PrincipalsPage(Schema):
    """In whose names the caller may act."""

    items = List(Nested(PrincipalSchema), required=True)
    next = String(required=True, allow_none=True)


class RegistrationSchema(Schema):
    """Where somebody is registered as living."""

    number = String(required=True)
    address = String(required=True)
    kind = String(required=True)
    since = Date(required=True)
    until = Date(required=True, allow_none=True)


class RegistrationsPage(Schema):
    """A person's residence registrations, newest first."""

    items = List(Nested(RegistrationSchema), required=True)
    next = String(required=True, allow_none=True)


class PermitSchema(Schema):
    """A residence permit."""

    state = String(required=True)
    issued_on = Date(required=True)
    district = String(required=True)


class PermitsPage(Schema):
    """A person's residence permits, newest first."""

    items = List(Nested(PermitSchema), required=True)
    next = String(required=True, allow_none=True)
