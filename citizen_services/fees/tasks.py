"""What runs by itself: refunds on their way, and the day's bill. Each act is a transaction of its own, and commits."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from uuid import UUID

from citizen_services import clock
from citizen_services.database import commit
from citizen_services.exchange.clients import wechat_pay
from citizen_services.exchange.outcomes import OutsideError, Refused
from citizen_services.fees import reconciling, refunding
from citizen_services.parts import parts

log = logging.getLogger(__name__)

#: WeChat makes a day's bill by ten o'clock of the next one; days missed are made up for.
_BILL_HOUR, _BILL_DAYS = 10, 7


def send_refunds() -> int:
    """Try what is to go back and ask for what is on its way. Returns how many were tried."""
    return sum(_send(refund_id) for refund_id in refunding.due())


def _send(refund_id: UUID) -> bool:
    claimed = refunding.claim(refund_id)
    commit()
    if claimed is None:
        return False
    refund, payment = claimed
    try:
        if refund.state == "processing":
            told = wechat_pay().look_refund(refund.our_ref)
        else:
            told = wechat_pay().refund(
                refund.our_ref,
                payment_ref=payment.our_ref,
                fen=refund.amount_fen,
                total_fen=payment.paid_fen or refund.amount_fen,
                reason=refund.reason,
            )
    except Refused as fault:
        log.warning("refund %s: %s", refund.our_ref, fault)
        refunding.not_taken(refund_id, fault.code, for_good=fault.kind == "never")
        commit()
        return True
    except OutsideError as fault:
        # Whether it arrived does not matter: under the same reference it is the same refund.
        log.warning("refund %s: %s", refund.our_ref, fault)
        refunding.not_taken(refund_id, "NO_ANSWER", for_good=False)
        commit()
        return True
    if told is None:
        refunding.not_taken(refund_id, "UNKNOWN", for_good=True)
    else:
        refunding.returned(told)
    commit()
    return True


def compare_bills() -> list[str]:
    """Compare the bills of the last days that were not compared yet.

    Returns our references of payments that a bill shows and we don't have as paid: whoever knows what they are for asks
    for them.
    """
    if reconciling.PARTNER not in parts().settings.partners:
        return []
    now = clock.protocol_now().astimezone(clock.SHANGHAI)
    newest = now.date() - timedelta(days=1 if now.hour >= _BILL_HOUR else 2)
    missing: list[str] = []
    for day in reconciling.missing([newest - timedelta(days=n) for n in reversed(range(_BILL_DAYS))]):
        commit()
        missing += compare_bill(day)
    return missing


def compare_bill(day: date) -> list[str]:
    """Compare one day's bill, where it is to be had; as ``compare_bills``."""
    try:
        lines = wechat_pay().bill(day)
    except OutsideError as fault:
        log.warning("the bill of %s is not to be had: %s", day, fault)
        return []
    if lines is None:
        return []
    found = reconciling.compare(day, lines)
    commit()
    return [one["our_ref"] for one in found if one["kind"] == "payment_missing_here"]
