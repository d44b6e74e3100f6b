"""What can go wrong with opening and booking, each with its stable type and the sentence that the person reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from citizen_services.cases.errors import CaseError, NoSuchCase


class BookingError(CaseError):
    """Base: nothing was booked, moved or given back. ``type`` and ``status`` are what the API answers."""

    sentence = "这一步没有办成，请刷新页面后再试。"
    type = "not-done"
    status = 409


class NoSuchBooking(BookingError, NoSuchCase):
    """There is no such slot, hold, appointment or waiting entry, or not for this person: the two are not told apart."""

    sentence = "没有找到这个预约，请从“我的预约”进入。"
    type, status = "not-found", 404


class NotOffered(BookingError):
    """The service isn't done at that office, or not at that time."""

    sentence = "这个时段不办理这项业务，请另选一个时段。"
    type = "window-closed"


class WindowClosed(BookingError):
    """The slot was closed, is over, or can't be booked yet."""

    sentence = "这个时段已经停止预约，请另选一个时段。"
    type = "window-closed"


class SlotFull(BookingError):
    """Somebody was faster. ``nearest`` are free slots near it (Free)."""

    sentence = "这个时段刚刚约满，请另选一个时段，或登记候补。"
    type = "slot-full"

    def __init__(self, nearest: Sequence[Any] = ()) -> None:
        super().__init__()
        self.nearest = nearest


class AlreadyBooked(BookingError):
    """The person, or the vehicle, has an active booking of that service."""

    sentence = "这项业务已经有一个有效的预约；要换时间，请在原预约上改期。"
    type = "already-booked"


class HoldExpired(BookingError):
    """The place was kept for some minutes, which are over."""

    sentence = "为您保留的时间已经过了，请重新选择时段。"
    type, status = "hold-expired", 410


class HoldLimit(BookingError):
    """Too many places were chosen today, or let run out."""

    type, status = "hold-limit", 429

    def __init__(self, sentence: str, until: datetime) -> None:
        super().__init__(sentence)
        #: When one may go on; business time.
        self.until = until


class BookingPaused(BookingError):
    """After repeated no-shows nothing can be booked for a while; walking in is open as ever."""

    type, status = "booking-paused", 403


class NotThis(BookingError):
    """What was asked for does not fit the state: over, moved on, too late."""

    sentence = "预约当前的状态不能做这一步，请刷新页面查看。"
    type = "not-possible"


class Conflicting(NotThis):
    """A week is in conflict and no reason was given why it is published all the same. ``lines`` say what clashes."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("这一周有冲突：请先改好再公布；确实要这样公布的，请写明原因，4 至 100 个字。")
        self.lines = lines


class NotYours(BookingError):
    """The service is booked about a vehicle, and none or a wrong one was named."""

    type, status = "invalid", 422
