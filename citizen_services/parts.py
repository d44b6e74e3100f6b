"""Parts: what the composition root put together for this process, within reach of every room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import redis
from flask import current_app

from citizen_services.catalogue.registry import Catalogue
from citizen_services.settings import Settings

EXTENSION = "citizen_services"


@dataclass(frozen=True)
class Parts:
    """One process's settings, service items, and bounded Redis client.

    ``clients`` are those of partners, by partner name.
    """

    settings: Settings
    catalogue: Catalogue
    redis: redis.Redis
    clients: Mapping[str, Any] = field(default_factory=dict)


def parts() -> Parts:
    """The parts of the application under way."""
    found: Parts = current_app.extensions[EXTENSION]
    return found
