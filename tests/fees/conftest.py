"""The payment partner at our door."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.fees.kit import Bank
from tests.house import House


@pytest.fixture
def bank(app: Flask, house: House, outside: House) -> Bank:
    """Who sends us what was paid; its till runs in the sandbox, and the fee is 20 yuan."""
    from tests.fees.kit import charge

    charge()
    return Bank(app, house)
