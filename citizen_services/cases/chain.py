"""The chain of a case's events, and the district-wide seals over it: what makes tampering visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from citizen_services.security import keyring

#: The mark that a chain begins with.
START = b"\0" * 32


@dataclass(frozen=True)
class Link:
    """What an event's mark covers."""

    case_id: UUID
    seq: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor_office: str | None
    actor_role: str | None
    action: str
    from_state: str | None
    to_state: str
    data: Mapping[str, Any]

    def mark(self, previous: bytes) -> bytes:
        """The mark of this event after ``previous``: HMAC under the audit key, over plain JSON."""
        content = dict(vars(self))
        content["case_id"] = str(self.case_id)
        content["actor_id"] = str(self.actor_id) if self.actor_id else None
        # As UTC text, since the database gives the same instant back with another offset.
        content["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return keyring().audit_mark(previous, content)
