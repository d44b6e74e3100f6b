"""A row under our lease, and how a crash is named without telling anything personal."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from citizen_services.database import SecretJSON
from notifications.channels.base import Order


@dataclass(frozen=True)
class Claimed:
    """A row under our lease; its payload is still sealed, since opening it is what may fail."""

    id: UUID
    channel: str
    state: str
    lease: UUID
    notice_id: UUID | None
    parcel_id: UUID | None
    sealed: bytes
    made_at: datetime
    sent_at: datetime | None
    expires_at: datetime | None
    attempts: int
    checks: int
    must_be_known: bool
    about: UUID | None
    gateway: str | None
    refused_by: str | None
    partner_ref: str | None
    #: Whether it is the one row that tries whether a held channel works again.
    probe: bool

    def open(self) -> Order:
        """The row as its channel sees it; raises where the payload can't be read."""
        payload = SecretJSON("delivery.payload").process_result_value(self.sealed, None)
        return Order(
            self.id,
            self.notice_id,
            self.parcel_id,
            payload,
            self.made_at,
            self.sent_at,
            self.attempts,
            self.checks,
            self.about,
            self.state,
            self.gateway,
            self.refused_by,
            self.partner_ref,
        )


def place(fault: BaseException) -> str:
    """Which exception, and where; never its text, which may quote a person's data."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{where}"
