"""Residents and desks for the pages of booking and of the hall."""

from __future__ import annotations

from tests.console.conftest import desk
from tests.portal.conftest import resident

__all__ = ["desk", "resident"]
