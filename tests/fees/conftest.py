"""The payment partner at our door, and the people at every other."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.api.conftest import program
from tests.console.conftest import desk
from tests.fees.kit import Bank, charge
from tests.house import House
from tests.portal.conftest import resident

__all__ = ["desk", "program", "resident"]


@pytest.fixture
def bank(app: Flask, house: House, outside: House) -> Bank:
    """Who sends us what was paid; its till runs in the sandbox, and the fee is 20 yuan."""
    charge()
    return Bank(app, house)
