"""One database server for the run, one database and one installation per test process, emptied after each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from psycopg.errors import DeadlockDetected
from psycopg.types.json import Jsonb
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from deploy.embedded import Postgres, Valkey, start_postgres, start_valkey
from tests.house import House, new_house, running, wait_for_url

#: What every test of the suite is under: it stays on this machine, and its processes log nothing personal.
pytest_plugins = ["tests.guards.loopback", "tests.guards.privacy"]

#: The same examples each time: a change is judged by what it does, never by luck. HYPOTHESIS_PROFILE=wide looks anew.
settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("wide", derandomize=False, deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

_TEMPLATE = "template_house"
_SERVERS: dict[str, Any] = {}


class Servers:
    """The run's PostgreSQL and Valkey, started by whoever runs the tests and shared by its processes."""

    def __init__(self, folder: Path) -> None:
        from citizen_services.database import migrate

        self.postgres: Postgres = start_postgres(folder / "postgres", durable=False)
        self.valkey: Valkey = start_valkey(folder / "valkey")
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        migrate.upgrade(self.postgres.url_of(_TEMPLATE).replace("postgresql://", "postgresql+psycopg://"))

    def described(self) -> dict[str, str]:
        """What a test process needs to know."""
        return {"postgres": self.postgres.url, "valkey": self.valkey.url}

    def stop(self) -> None:
        """End both."""
        self.valkey.stop()
        self.postgres.stop()


def pytest_configure_node(node: Any) -> None:
    """Give each test process the servers; the first one to be made starts them (called by xdist in the controller)."""
    if "servers" not in _SERVERS:
        import tempfile

        _SERVERS["folder"] = tempfile.TemporaryDirectory(prefix="house-", ignore_cleanup_errors=True)
        _SERVERS["servers"] = Servers(Path(_SERVERS["folder"].name))
    node.workerinput["servers"] = _SERVERS["servers"].described()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    if "servers" in _SERVERS:
        _SERVERS.pop("servers").stop()
        if "folder" in _SERVERS:
            _SERVERS.pop("folder").cleanup()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the run's PostgreSQL and Valkey."""
    given: dict[str, dict[str, str]] = getattr(request.config, "workerinput", {})
    if "servers" in given:
        return given["servers"]
    if "servers" not in _SERVERS:
        _SERVERS["servers"] = Servers(tmp_path_factory.mktemp("servers"))
    described: dict[str, str] = _SERVERS["servers"].described()
    return described


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """The number of this test process, from 0."""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return int(name.removeprefix("gw"))


@pytest.fixture(scope="session")
def house(servers: dict[str, str], worker_number: int, tmp_path_factory: pytest.TempPathFactory) -> House:
    """This test process's installation: a database cloned from the migrated template, a Valkey database, free ports."""
    name = f"house_{worker_number}"
    with psycopg.connect(servers["postgres"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    url = servers["postgres"].rsplit("/", 1)[0] + f"/{name}"
    return new_house(tmp_path_factory.mktemp("var"), url, f"{servers['valkey'].rsplit('/', 1)[0]}/{worker_number}")


@pytest.fixture(scope="session")
def _application(house: House) -> Flask:
    from app import create_app
    from citizen_services import demo

    application = create_app(house.settings, process="test")
    application.config["TESTING"] = True
    with application.app_context():
        demo.seed()
    return application


@pytest.fixture(scope="session")
def _kept(_application: Flask) -> dict[str, list[dict[str, Any]]]:
    """Rows that every test begins with: the demo district's offices and staff."""
    from citizen_services.database import db

    kept = {}
    with _application.app_context():
        for name in ("installation", "office", "staff", "role_grant"):
            kept[name] = [dict(row) for row in db.session.execute(text(f'SELECT * FROM "{name}"')).mappings()]
        db.session.rollback()
    return kept


@pytest.fixture
def database(_application: Flask, _kept: dict[str, list[dict[str, Any]]]) -> Iterator[None]:
    """The database as every test finds it; emptied by DELETE afterwards, since stories cross processes."""
    yield
    from citizen_services.cases.clocks import forget_calendar
    from citizen_services.people.parameters import forget_parameters
    from citizen_services.people.queries import forget_offices
    from citizen_services.windows.desks import forget_desks

    with _application.app_context():
        # A worker of the live installation may just be writing: PostgreSQL then ends one of the two, perhaps us.
        for left in reversed(range(5)):
            try:
                _empty(_kept)
                break
            except OperationalError as fault:
                if left == 0 or not isinstance(fault.orig, DeadlockDetected):
                    raise
        forget_offices()
        forget_calendar()
        forget_desks()
        forget_parameters()


def _empty(kept: dict[str, list[dict[str, Any]]]) -> None:
    """Take everything out of the database, and put back what every test begins with."""
    from citizen_services.database import db

    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in db.metadata.tables:
            connection.execute(text(f'DELETE FROM "{table}"'))
        for name, rows in kept.items():
            for row in rows:
                columns = ", ".join(row)
                values = ", ".join(f":{column}" for column in row)
                given = {k: Jsonb(v) if name == "installation" and k == "value" else v for k, v in row.items()}
                connection.execute(text(f'INSERT INTO "{name}" ({columns}) VALUES ({values})'), given)


@pytest.fixture
def app(_application: Flask, database: None) -> Iterator[Flask]:
    """The application, with a context pushed, on a database that is emptied afterwards."""
    with _application.app_context():
        yield _application


@pytest.fixture
def client(_application: Flask, database: None) -> FlaskClient:
    """A browser without a network: for rooms' tests. Stories use ``live``."""
    return _application.test_client()


@pytest.fixture(scope="session")
def _sandbox(house: House) -> Iterator[House]:
    process = house.run("sandbox", "sandbox", "--port", house.environ["SANDBOX_PORT"])
    with running(process):
        wait_for_url(f"{house.sandbox_url}/_control/ledger", process)
        yield house


@pytest.fixture
def outside(_sandbox: House) -> Iterator[House]:
    """The outside systems' stand-ins, running, with no fault planted before and after."""
    yield _sandbox
    for partner in _sandbox.control("GET", "faults").json():
        _sandbox.control("PUT", f"faults/{partner}", {"mode": "none"})


# For a module only: its worker would send what tests in this process want to see waiting.
@pytest.fixture(scope="module")
def _live(_sandbox: House, _application: Flask) -> Iterator[House]:
    house = _sandbox
    web, worker, scheduler = house.web(), house.run("worker", "worker"), house.run("scheduler", "scheduler")
    with running(web, worker, scheduler):
        wait_for_url(f"{house.web_url}/healthz", web)
        yield house


@pytest.fixture
def live(_live: House, database: None) -> House:
    """The whole installation running: web server, worker, scheduler, sandbox, each a process of its own."""
    return _live


@pytest.fixture
def staff_logins(house: House, _application: Flask) -> dict[str, dict[str, Any]]:
    """The demo staff by login: ``{login: {login, password, roles, standing, office}}``."""
    import json

    return {row["login"]: row for row in json.loads((house.folder / "staff.json").read_text())}


# Whatever the machine's own environment says, tests talk to loopback and never by way of a proxy.
for _name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(_name, None)
