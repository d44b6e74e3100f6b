"""The exchange on its own: a database and settings, without any door; and partners that misbehave on the wire.

Well-behaved partners are the sandbox's (``outside``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services import clock, redis, security
from citizen_services.catalogue import Catalogue
from citizen_services.database import db
from citizen_services.database.base import engine_options
from citizen_services.exchange.clients import partner_clients
from citizen_services.parts import EXTENSION, Parts
from citizen_services.rules.periods import packaged_calendar
from tests.exchange.wire import WirePartner, wire_partner
from tests.house import House


@pytest.fixture
def wire() -> Iterator[WirePartner]:
    """A partner whose every answer is what the test says."""
    with wire_partner() as partner:
        yield partner


@pytest.fixture
def app(house: House) -> Iterator[Flask]:
    """The floor and the exchange, with a context pushed, on tables that are emptied afterwards."""
    settings = house.settings
    earlier = clock._clock
    security.use(security.Keyring(settings.data_keys, settings.lookup_keys, settings.audit_key))
    clock.use(clock.Clock(settings.clock_offset_s))
    made = Flask("exchange")
    made.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    made.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options("exchange's tests")
    db.init_app(made)
    with made.app_context():
        made.extensions[EXTENSION] = Parts(
            settings=settings,
            catalogue=Catalogue([], packaged_calendar()),
            redis=redis.web_client(settings.redis_url),
            clients=partner_clients(settings, db.engine),
        )
        yield made
        db.session.rollback()
        with db.engine.begin() as connection:
            connection.execute(text("DELETE FROM register_answer"))
            connection.execute(text("DELETE FROM partner_token"))
            connection.execute(text("DELETE FROM citizen"))
        db.engine.dispose()
    clock.use(earlier)
