"""What can go wrong at the official account's door."""

from __future__ import annotations

from citizen_services.database.base import DATABASE_AWAY

__all__ = ["DATABASE_AWAY"]
