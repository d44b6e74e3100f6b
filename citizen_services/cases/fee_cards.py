"""What a case's person and its officers read of its fees: what is owed, paid and on its way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from citizen_services.cases import charging
from citizen_services.fees import queries
from citizen_services.fees.models import PAYABLE, FeeOrder, Refund
from citizen_services.fees.money import yuan
from citizen_services.rules.dates import last_day

#: Where a refund stands, as its person reads it.
REFUND_WORDS = {
    "due": "正在原路退回，一般1至3个工作日到账",
    "sending": "正在原路退回，一般1至3个工作日到账",
    "processing": "正在原路退回，一般1至3个工作日到账",
    "at_counter": "请本人带身份证件到收费窗口领取",
    "done": "已退还",
    "failed": "没有退成，收费员正在处理，会联系您",
}


@dataclass(frozen=True)
class RefundCard:
    """One refund."""

    amount: str
    words: str
    reason: str
    done_at: datetime | None


@dataclass(frozen=True)
class FeeCard:
    """One order of a case with everything that a page says of it."""

    id: UUID
    number: str
    state: str
    amount: str
    lines: tuple[tuple[str, str], ...]
    until: date
    payable: bool
    way: str
    paid_at: datetime | None
    refunds: tuple[RefundCard, ...]


def card_of(order: FeeOrder) -> FeeCard:
    """One order as pages show it."""
    kept = queries.kept_payment(order.id)
    return FeeCard(
        id=order.id,
        number=order.number,
        state=order.state,
        amount=yuan(order.amount_fen),
        lines=tuple((line["label"], yuan(line["fen"])) for line in order.lines),
        until=last_day(order.pay_until),
        payable=order.state in PAYABLE,
        way=charging.WAYS[kept.way] if kept is not None else "",
        paid_at=order.paid_at,
        refunds=tuple(_refund(refund) for refund in queries.refunds_of(order.id)),
    )


def _refund(refund: Refund) -> RefundCard:
    return RefundCard(yuan(refund.amount_fen), REFUND_WORDS[refund.state], refund.reason, refund.done_at)


def fee_cards(case_id: UUID) -> list[FeeCard]:
    """The orders of a case, the newest first; none where it costs nothing or nothing was asked for yet."""
    return [card_of(order) for order in queries.of_duty(charging.duty_of(case_id))]
