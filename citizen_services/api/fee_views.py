"""Fees: one order of a case that the caller may see. It is paid on its page, by its person's own hand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from citizen_services.api.case_views import EVERYBODY, READ, own_or_office_case
from citizen_services.api.fee_schemas import FeeSchema
from citizen_services.api.operation import blueprint, operation
from citizen_services.cases import charging
from citizen_services.cases.errors import NoSuchCase
from citizen_services.fees import queries
from citizen_services.fees.models import PAYABLE
from citizen_services.parts import parts
from citizen_services.words import state_word

bp = blueprint("fees", "/fees", "费用")


@bp.get("/<uuid:order_id>")
@operation(bp, "一笔费用", FeeSchema, who=EVERYBODY, scope=READ, for_others=True, problems=(404,))
def fee(order_id: UUID) -> dict[str, Any]:
    """One order: what is owed, until when, where it is paid, and what goes back."""
    order = queries.order(order_id)
    case_id = charging.case_of(order.duty) if order is not None else None
    if order is None or case_id is None:
        raise NoSuchCase
    own_or_office_case(case_id)
    base = parts().settings.public_base_url
    names = ("id", "number", "title", "state", "amount_fen", "lines", "pay_until", "paid_at")
    return {
        **{name: getattr(order, name) for name in names},
        "case": case_id,
        "state_word": state_word(order.state, "fee").text,
        "pay": f"{base}/h5/pay/{order.id}" if order.state in PAYABLE else None,
        "refunds": queries.refunds_of(order.id),
    }
