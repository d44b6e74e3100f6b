"""Residents for the pages of booking."""

from __future__ import annotations

from tests.portal.conftest import resident

__all__ = ["resident"]
