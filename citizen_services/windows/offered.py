"""What is offered when: the one place that knows which services a slot takes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime


def offers(office_code: str, starts_at: datetime, services: Collection[str], service: str) -> bool:
    """Whether a slot of an office at that time takes a service; ``services`` are those of its group."""
    return service in services
