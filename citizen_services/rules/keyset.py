"""A place in a list, as addresses and API clients carry it from one page to the next."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

Place = tuple[datetime | None, UUID]


def place_to_text(place: Place | None) -> str | None:
    """A place in a list as an address carries it."""
    if place is None:
        return None
    moment, last = place
    return base64.urlsafe_b64encode(f"{moment.isoformat() if moment else ''}|{last}".encode()).decode().rstrip("=")


def place_from_text(text: str) -> Place | None:
    """The place that an address carries; None for none and for what is none of ours: the list begins at its top."""
    if not text or len(text) > 200:
        return None
    try:
        moment, _, last = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
        at = datetime.fromisoformat(moment) if moment else None
        place = (at, UUID(last))
    except (ValueError, binascii.Error):
        return None
    return place if at is None or at.tzinfo is not None else None
