"""China Post's codes of events, and the state of a parcel that they give together.

A courier may revoke an event, so a state is always computed from all events and never moved on by one. Codes by the
public mapping of api.ems.com.cn's events; domestic ones only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

DELIVERED, NOT_DELIVERED = "704", "705"
#: 撤单: the order was taken back before anybody collected it.
CANCELLED = "801"
#: What an event takes back: the last one of that code before it.
REVOKES = {"207": "203", "742": "702", "743": "704", "744": "705"}
#: ``deliverCode`` of a delivery: signed by the addressee, the only one that counts as handed to the person.
SIGNED_SELF = "10"
DELIVER_WORDS = {
    "10": "本人签收",
    "20": "他人代收",
    "30": "自提点代收",
    "50": "投入包裹柜",
    "60": "收发室代收",
    "70": "物业代收",
    "80": "村邮站代收",
    "90": "投入协议信箱",
    "100": "其他方式签收",
    "150": "投入信报箱",
    "160": "村委会代收",
    "161": "放在家门口",
    "162": "放在办公室",
    "169": "无人代收",
    "180": "理赔签收",
    "181": "投入巡视信箱",
}
#: ``attemptDeliveryCode`` of a delivery that failed.
ATTEMPT_REFUSED, ATTEMPT_LOST = "7", "13"
ATTEMPT_WORDS = {
    "1": "地址有误",
    "2": "地址有误",
    "3": "查无此人",
    "4": "收件人不在且无法联系",
    "5": "收件人已搬迁",
    "6": "收件人要求改期投递",
    "7": "收件人拒收",
    "8": "收件人要求自取",
    "9": "转窗口自取",
    "10": "寄件人要求撤回",
    "11": "收件人要求改地址",
    "12": "收件人要求改地址",
    "13": "邮件丢失",
    "14": "有费用待付",
    "15": "等待退回",
    "16": "其他原因",
}

_COLLECTED = frozenset({"203", "208"})
_IN_TRANSIT = frozenset({"305", "303", "336", "345", "954", "404", "457", "500", "505", "911", "912", "516", "713"}) | {
    str(code) for code in range(354, 400)
}
_DELIVERING = frozenset({"702", "747", "749", "723"})
_TAKEN_FROM_LOCKER = "748"
_RETURNING = frozenset({"708", "312", "326", "405", "447", "741", "750"})
_RETURNED = frozenset({"711", "O_011"})
_REFUSED = "O_012"
_LOST = frozenset({"987", "988"})


class Event(Protocol):
    """What of an event the state depends on."""

    @property
    def op_code(self) -> str:
        """The event's code."""

    @property
    def op_time(self) -> datetime:
        """When it happened, by the courier."""

    @property
    def deliver_code(self) -> str | None:
        """How it was delivered, with 704."""

    @property
    def attempt_code(self) -> str | None:
        """Why it was not, with 705."""


def standing(events: Iterable[Event]) -> list[Event]:
    """The events that were not taken back, in the order in which they happened."""
    left: list[Event] = []
    for event in sorted(events, key=lambda e: e.op_time):
        revoked = REVOKES.get(event.op_code)
        if revoked is None:
            left.append(event)
            continue
        last = next((i for i in range(len(left) - 1, -1, -1) if left[i].op_code == revoked), None)
        if last is not None:
            del left[last]
    return left


def needs_tracking(events: Iterable[Event]) -> bool:
    """Whether a delivery, or a failed one, lacks its sub-code: pushes leave it out, asking (040001) gives it."""
    return any(
        (event.op_code == DELIVERED and not event.deliver_code)
        or (event.op_code == NOT_DELIVERED and not event.attempt_code)
        for event in standing(events)
    )


def parcel_state(events: Sequence[Event]) -> str:
    """The parcel's state, ``ordered`` before any event.

    ``ordered, collected, in_transit, delivering, signed, signed_by_other, refused, returned, lost``. A delivery whose
    sub-code isn't known yet leaves it ``delivering``; a parcel on its way back stays ``refused`` where it was refused.
    """
    state = "ordered"
    for event in standing(events):
        state = _after(state, event)
    return state


def _after(state: str, event: Event) -> str:
    code = event.op_code
    if code in _LOST or (code == NOT_DELIVERED and event.attempt_code == ATTEMPT_LOST):
        return "lost"
    if code in _RETURNED:
        return "returned"
    if code == _REFUSED or (code == NOT_DELIVERED and event.attempt_code == ATTEMPT_REFUSED):
        return "refused"
    if code == _TAKEN_FROM_LOCKER:
        return "signed_by_other"
    if code == DELIVERED:
        if not event.deliver_code:
            return "delivering"
        return "signed" if event.deliver_code == SIGNED_SELF else "signed_by_other"
    # What happens to a refused parcel afterwards is its way back, until another delivery is tried.
    if code in _DELIVERING or code == NOT_DELIVERED:
        return "delivering"
    if code in _COLLECTED and state == "ordered":
        return "collected"
    if code in _IN_TRANSIT | _RETURNING and state != "refused":
        return "in_transit"
    return state
