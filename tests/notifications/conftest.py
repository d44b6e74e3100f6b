"""What the tests of telling share: registered templates, people to tell, notices made by the platform's own signals."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.models import Case
from citizen_services.cases.signals import case_moved
from citizen_services.cases.situation import Situation
from citizen_services.database import Change, commit, db, new_id
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, WeChatBinding
from citizen_services.wechat.models import Follower
from notifications import texts
from notifications.models import Delivery, Notice, Parcel
from tests import factories as make
from tests.house import House, empty, new_house, running, wait_for_url

_openids = itertools.count(1)
#: Days of birth: invented numbers of one day would soon repeat.
_people = itertools.count(1)
_cards = itertools.count(1)


class Outside:
    """The stand-ins of the partners, and what arrived at them since this test began."""

    def __init__(self, house: House) -> None:
        self.house = house
        entries = house.ledger()
        self._began = int(str(entries[-1]["seq"])) if entries else 0

    def arrived(self, partner: str, operation: str, outcome: str | None = None) -> list[dict[str, Any]]:
        """The entries of an operation, those of one outcome where one is named."""
        return [
            entry
            for entry in self.house.ledger(partner, self._began)
            if entry["operation"] == operation and outcome in (None, entry["outcome"])
        ]

    def fault(self, partner: str, mode: str, **more: Any) -> None:
        """Plant a fault."""
        self.house.control("PUT", f"faults/{partner}", {"mode": mode, **more})

    def put(self, path: str, **body: Any) -> Any:
        """Tell the outside world what it is."""
        return self.house.control("PUT", path, body).json()


# ---------------------------------------------------------------------------------------- an installation of its own
# Tests of the whole installation leave a worker and a scheduler running, which would send what these tests want to see
# waiting. So this folder has a database, a Valkey database and stand-ins that nobody else knows; the keys are the same.


@pytest.fixture(scope="session")
def _telling(
    house: House, servers: dict[str, str], worker_number: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    name = f"telling_{worker_number}"
    server, _, _ = servers["postgres"].rpartition("/")
    with psycopg.connect(servers["postgres"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_house")
    folder = tmp_path_factory.mktemp("telling")
    own = new_house(folder, f"{server}/{name}", f"{servers['valkey'].rpartition('/')[0]}/{32 + worker_number}")
    places = ("VAR_DIR", "DATABASE_URL", "REDIS_URL", "PUBLIC_BASE_URL", "PORT", "SANDBOX_PORT")
    addresses = {key: own.environ[key] for key in own.environ if key in places or key.endswith("_BASE_URL")}
    own = House(house.environ | addresses, folder)
    process = own.run("sandbox", "sandbox", "--port", own.environ["SANDBOX_PORT"])
    with running(process):
        wait_for_url(f"{own.sandbox_url}/_control/ledger", process)
        yield own


@pytest.fixture(scope="session")
def _telling_application(_telling: House, _application: Flask) -> Iterator[Flask]:
    from app import create_app
    from citizen_services import demo

    of_others = clock._clock
    application = create_app(_telling.settings, process="test")
    # The process has one clock: the other tests' one, which they move.
    clock.use(of_others)
    application.config["TESTING"] = True
    with application.app_context():
        demo.seed()
        for template in texts.templates_of(parts().catalogue):
            body = {"text": template.content, "title": template.title, "content": template.content}
            _telling.control("PUT", f"templates/{template.partner}/{template.key}", body | {"kind": template.kind})
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def app(_telling_application: Flask) -> Iterator[Flask]:
    """The application on this folder's database, emptied afterwards but for offices and staff."""
    with _telling_application.app_context():
        yield _telling_application
        db.session.rollback()
        empty(db.session.connection(), set(db.metadata.tables) - {"installation", "office", "staff", "role_grant"})
        commit()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A partner who pushes to our doors."""
    return app.test_client()


@pytest.fixture
def live(app: Flask, _telling: House) -> Iterator[House]:
    """This folder's installation with its web server, worker and scheduler, for one test."""
    web, worker, scheduler = _telling.web(), _telling.run("worker", "worker"), _telling.run("scheduler", "scheduler")
    with running(web, worker, scheduler):
        wait_for_url(f"{_telling.web_url}/healthz", web)
        yield _telling


@pytest.fixture
def partners(app: Flask, _telling: House) -> Iterator[Outside]:
    """The partners, with our templates registered, and clients of this test's own (a breaker remembers failures)."""
    from citizen_services.exchange.clients import partner_clients
    from citizen_services.parts import EXTENSION

    before = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(before, clients=partner_clients(before.settings, db.engine))
    yield Outside(_telling)
    app.extensions[EXTENSION] = before
    for partner in _telling.control("GET", "faults").json():
        _telling.control("PUT", f"faults/{partner}", {"mode": "none"})


def somebody() -> Citizen:
    """A bound citizen whom no other test knows. Committed."""
    return make.citizen(born=date(1970, 1, 1) + timedelta(days=next(_people)))


def follower(partners: Outside, person: Citizen) -> str:
    """Bind a person to a follower of the account; the openid. Committed."""
    openid = f"oTell{next(_openids):04d}-{new_id().hex[-12:]}"
    partners.put(f"followers/{openid}", push=False)
    db.session.add(WeChatBinding(id=new_id(), openid=openid, citizen_id=person.id, bound_at=clock.now(), ended_at=None))
    db.session.add(Follower(openid=openid, followed_at=clock.now(), left_at=None))
    commit()
    return openid


def tell(person: Citizen, action: str = "approve", start: str = "accepted") -> Notice:
    """Tell a person of a step of the first permit, as the engine does. Committed; the notice."""
    item = parts().catalogue.item("residence-permit-first")
    step = item.step(start, action)
    assert step is not None
    assert step.tell is not None
    situation = Situation(
        item=item,
        case_id=new_id(),
        number="JZ20261109-000001",
        district="330213",
        door="wechat",
        state=start,
        citizen=person,
        actor=Actor.system("test"),
        at=clock.now(),
        data={},
        answers={},
        office=make.STATION,
        values={"number": "JZ20261109-000001", "item": item.name, "due": "11月13日", "tracking": "1119044791429"},
    )
    change = Change(situation.at)
    case_moved.send(action, situation=situation, step=step, change=change)
    change.write()
    commit()
    return db.session.execute(select(Notice).where(Notice.case_id == situation.case_id)).scalar_one()


def tries(notice: Notice) -> dict[str, Delivery]:
    """A notice's tries by channel, as they are now."""
    db.session.rollback()
    rows = db.session.scalars(
        select(Delivery).where(Delivery.notice_id == notice.id).execution_options(populate_existing=True)
    )
    return {row.channel: row for row in rows}


def state_of(notice: Notice) -> str:
    """A notice's state, as it is now."""
    db.session.rollback()
    return db.session.execute(select(Notice.state).where(Notice.id == notice.id)).scalar_one()


def due_now(channel: str) -> None:
    """Let time pass: everything of a channel that waits for a moment is due."""
    db.session.execute(
        text("UPDATE delivery SET due_at = now() - interval '1 s' WHERE channel = :c AND due_at IS NOT NULL"),
        {"c": channel},
    )
    commit()


def lease_ends() -> None:
    """Let time pass: every lease has run out."""
    db.session.execute(text("UPDATE delivery SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL"))
    commit()


def row(delivery_id: UUID) -> Delivery:
    """A try as it is now."""
    db.session.rollback()
    return db.session.get_one(Delivery, delivery_id, populate_existing=True)


def act(case_id: UUID, action: str, login: str, data: dict[str, Any] | None = None) -> None:
    """A member of the staff takes a step. Committed."""
    case = db.session.get_one(Case, case_id, populate_existing=True)
    operations.perform(parts().catalogue, case_id, action, make.staff(login), case.version, data)
    commit()


def made_permit() -> UUID:
    """The id of a permit case whose card was made and whose parcel waits to be ordered. Committed."""
    case_id = make.submitted_permit()
    act(case_id, "accept", "yl-clerk")
    act(case_id, "approve", "yl-officer")
    # A number of its own: the province's register lets no two people have the same card.
    act(case_id, "make", "fw-clerk", {"card_number": f"3302132601{next(_cards):04d}"})
    return case_id


def card_of(case_id: UUID) -> str:
    """The number of a case's card."""
    number: str = case_now(case_id).results["card_number"]
    return number


def case_now(case_id: UUID) -> Case:
    """A case as it is now."""
    db.session.rollback()
    return db.session.get_one(Case, case_id, populate_existing=True)


def parcel_now(case_id: UUID) -> Parcel:
    """A case's parcel as it is now."""
    db.session.rollback()
    return db.session.execute(
        select(Parcel).where(Parcel.case_id == case_id).execution_options(populate_existing=True)
    ).scalar_one()


@contextlib.contextmanager
def business_time(when: datetime) -> Iterator[None]:
    """Let it be that moment for the application, while the machine's time goes on."""
    before = clock._clock
    clock.use(clock.Clock(round((when - clock.protocol_now()).total_seconds())))
    try:
        yield
    finally:
        clock.use(before)


def later(**by: float) -> contextlib.AbstractContextManager[None]:
    """Let business time be later: ``days=3``, ``hours=1``."""
    return business_time(clock.now() + timedelta(**by))


def told_of(case_id: UUID) -> list[str]:
    """The kinds of what was told of a case, in order."""
    db.session.rollback()
    return list(db.session.scalars(select(Notice.kind).where(Notice.case_id == case_id).order_by(Notice.id)))


def applicant_acts(case_id: UUID, action: str, data: dict[str, Any] | None = None) -> None:
    """The person takes a step on their own case. Committed."""
    case = db.session.get_one(Case, case_id, populate_existing=True)
    operations.perform(parts().catalogue, case_id, action, Actor("citizen", case.citizen_id), case.version, data)
    commit()


def parcels_now(case_id: UUID) -> list[Parcel]:
    """A case's parcels as they are now, oldest first."""
    db.session.rollback()
    query = select(Parcel).where(Parcel.case_id == case_id).order_by(Parcel.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))
