"""One database server for the run, one database and one installation per test process, emptied after each test."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from deploy.embedded import Postgres, Valkey, start_postgres, start_valkey
from tests.grouping import INSTALLATIONS, Scheduling
from tests.house import House, empty, new_house, running, wait_for_url
from tests.pages_kit import end_chromium

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
    from citizen_services import demo, security

    # A hash carries its cost with it: who logs in during the tests pays this one, in the house's processes too. That
    # real passwords cost more is told by tests/database/test_secrets.py.
    security._passwords = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    application = create_app(house.settings, process="test")
    application.config["TESTING"] = True
    with application.app_context():
        demo.seed()
    return application


#: Tables with rows that every test begins with: the demo district's offices and staff. Copies stand in a schema aside.
_KEPT = ("installation", "office", "staff", "role_grant")


@pytest.fixture(scope="session")
def _kept(_application: Flask) -> None:
    from citizen_services.database import db

    with _application.app_context(), db.engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA begun"))
        for name in _KEPT:
            connection.execute(text(f'CREATE TABLE begun."{name}" AS TABLE "{name}"'))


@pytest.fixture
def database(_application: Flask, _kept: None) -> Iterator[None]:
    """The database as every test finds it; emptied by DELETE afterwards, since stories cross processes."""
    yield
    from citizen_services.cases.clocks import forget_calendar
    from citizen_services.clock import SHIFT_LIFETIME_S
    from citizen_services.database import db
    from citizen_services.database.installation import read_clock_shift
    from citizen_services.people.parameters import forget_parameters
    from citizen_services.people.queries import forget_offices
    from citizen_services.windows.desks import forget_desks

    with _application.app_context():
        shifted = read_clock_shift(db.engine)
        # A worker of the live installation may just be writing: PostgreSQL then ends one of the two, perhaps us.
        for left in reversed(range(5)):
            try:
                _empty()
                break
            except OperationalError as fault:
                if left == 0 or not isinstance(fault.orig, DeadlockDetected):
                    raise
        forget_offices()
        forget_calendar()
        forget_desks()
        forget_parameters()
    if shifted:
        # Whoever moves the clock, back too, waits until no process reads the old shift any more.
        time.sleep(SHIFT_LIFETIME_S)


def _empty() -> None:
    """Take everything out of the database, and put back what every test begins with."""
    from citizen_services.database import db

    with db.engine.begin() as connection:
        empty(connection, db.metadata.tables)
        for name in _KEPT:
            connection.execute(text(f'INSERT INTO "{name}" SELECT * FROM begun."{name}"'))


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
def outside(_sandbox: House, _application: Flask) -> Iterator[House]:
    """The outside systems' stand-ins, running, with no fault planted before and after."""
    yield _sandbox
    for partner in _sandbox.control("GET", "faults").json():
        _sandbox.control("PUT", f"faults/{partner}", {"mode": "none"})
    # A partner that failed again and again is left alone for seconds, in the next test too.
    for client in _application.extensions["citizen_services"].clients.values():
        for part in (client, *vars(client).values()):
            if hasattr(part, "_caller"):
                part._caller._breaker.succeeded()


class Living:
    """The web server, worker and scheduler of a house, which stay up from one test that wants them to the next."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._up: contextlib.ExitStack | None = None

    def start(self) -> None:
        """Have them up."""
        if self._up is not None:
            return
        house = self.house
        with contextlib.ExitStack() as up:
            web, worker, scheduler = house.web(), house.run("worker", "worker"), house.run("scheduler", "scheduler")
            up.enter_context(running(web, worker, scheduler))
            wait_for_url(f"{house.web_url}/healthz", web)
            self._up = up.pop_all()

    def stop(self) -> None:
        """End them where they are up."""
        up, self._up = self._up, None
        if up is not None:
            up.close()


_LIVING: list[Living] = []


# They don't outlast the tests that want them: their worker would send what others want to see waiting.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the house's processes before a test that doesn't want them."""
    if nextitem is None or "_live" not in getattr(nextitem, "fixturenames", ()):
        for one in _LIVING:
            one.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of the house's processes first, so that they are started once, and those that do them harm last."""
    wanted = {item: set(getattr(item, "fixturenames", ())) for item in items}
    for item, fixtures in wanted.items():
        if fixtures & {"_live", "_installation"} and item.nodeid.partition("::")[0] not in INSTALLATIONS:
            raise pytest.UsageError(f"{item.nodeid} needs a whole installation: name its file in tests/grouping.py")
    items.sort(key=lambda item: ("_installation" in wanted[item]) - ("_live" in wanted[item]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Which tests stay together in one test process (called by xdist in the controller)."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def _living(_sandbox: House, _application: Flask) -> Iterator[Living]:
    one = Living(_sandbox)
    _LIVING.append(one)
    yield one
    _LIVING.remove(one)
    one.stop()


@pytest.fixture
def _live(_living: Living) -> House:
    _living.start()
    return _living.house


@pytest.fixture
def live(_live: House, database: None) -> House:
    """The whole installation running: web server, worker, scheduler, sandbox, each a process of its own."""
    return _live


@pytest.fixture(scope="session", autouse=True)
def _chromium_ends() -> Iterator[None]:
    yield
    end_chromium()


@pytest.fixture
def staff_logins(house: House, _application: Flask) -> dict[str, dict[str, Any]]:
    """The demo staff by login: ``{login: {login, password, roles, standing, office}}``."""
    import json

    return {row["login"]: row for row in json.loads((house.folder / "staff.json").read_text())}


# Whatever the machine's own environment says, tests talk to loopback and never by way of a proxy.
for _name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
    os.environ.pop(_name, None)
