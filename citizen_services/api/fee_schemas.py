"""What the API says of fees. Money is in fen, whole numbers."""

from __future__ import annotations

from apiflask import Schema, fields


class FeeLineSchema(Schema):
    """One amount of an order."""

    label = fields.String(required=True)
    fen = fields.Integer(required=True)


class RefundSchema(Schema):
    """Money on its way back."""

    amount_fen = fields.Integer(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    done_at = fields.DateTime(required=True, allow_none=True)


class FeeSchema(Schema):
    """An order: what is owed for a case, until when, where it is paid, and what became of it."""

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    case = fields.UUID(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True)
    state_word = fields.String(required=True)
    amount_fen = fields.Integer(required=True)
    lines = fields.List(fields.Nested(FeeLineSchema), required=True)
    pay_until = fields.DateTime(required=True)
    paid_at = fields.DateTime(required=True, allow_none=True)
    #: The page on which it is paid; none where it can't be.
    pay = fields.String(required=True, allow_none=True)
    refunds = fields.List(fields.Nested(RefundSchema), required=True)
