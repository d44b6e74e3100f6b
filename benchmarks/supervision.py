"""``supervision``: the pages of whoever answers for the district, at a million cases and at ten thousand.

The clocks that run out are as many at either size: what is measured is what all the other cases cost a page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy import func, select

from app import create_app
from benchmarks.floors.few_cases import DUE, fill
from benchmarks.ground import SERVE_SHOWN, BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from benchmarks.submissions import STATION, People
from citizen_services.cases import figures, operations, supervising
from citizen_services.cases.figure_models import Escalation
from citizen_services.cases.models import Draft
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Staff
from citizen_services.people.sessions import open_session
from citizen_services.settings import Settings

#: What a supervisor opens; each as often as the others.
PAGES = (
    "/console/supervision",
    f"/console/supervision?office={STATION}",
    "/console/supervision/clocks?span=late",
    "/console/supervision/clocks?span=tomorrow",
    "/console/supervision/visits",
    "/console/supervision/refusals",
)


def _first_case() -> str:
    """One case, sent as by the pages, of which the others are copies; the token of a supervisor who is logged in."""
    people = People()
    people.add()
    people.written()
    draft = db.session.scalars(select(Draft)).one()
    operations.submit(parts().catalogue, draft, Actor("citizen", draft.citizen_id))
    boss = db.session.scalars(select(Staff).where(Staff.login == "fw-supervisor")).one()
    token = open_session("staff", staff=boss.id, epoch=boss.epoch).token
    commit()
    return token


@contextlib.contextmanager
def _sides(ground: Ground) -> Iterator[tuple[Ground, Ground, str]]:
    """The million and the ten thousand, each in a database of its own on the same server; the supervisor's token."""
    token = _first_case()
    db.session.remove()
    db.engine.dispose()
    server, _, name = ground.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(f"{server}/floors", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE few TEMPLATE {}").format(sql.Identifier(name)))
    environ = {**ground.environ, "DATABASE_URL": f"{server}/few"}
    few = create_app(Settings.load(environ), process="command")
    try:
        _fill(ground.app, ground.environ["DATABASE_URL"], ground.size.cases)
        _fill(few, environ["DATABASE_URL"], ground.size.few_cases)
        yield ground, replace(ground, environ=environ, app=few), token
    finally:
        with few.app_context():
            db.session.remove()
            db.engine.dispose()


def _fill(app: Flask, database_url: str, count: int) -> None:
    """Cases, the reminders of their clocks, and the figures of the months, as the scheduler makes them."""
    fill(database_url, count)
    with app.app_context():
        supervising.escalate()
        figures.add_up()
        commit()
        told = db.session.scalar(select(func.count()).select_from(Escalation)) or 0
        db.session.remove()
    # The first case's own clock may be among them.
    if told < 3 * DUE:
        raise BenchFailed(f"{told} clocks were put before somebody, and {3 * DUE} run out")


def supervision(ground: Ground) -> Row:
    """Pages a second; BenchFailed where one is not answered."""
    waited: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    with contextlib.ExitStack() as stack:
        many, few, token = stack.enter_context(_sides(ground))
        ports = [
            stack.enter_context(side.served(f"supervision-{name}", "app:web()"))
            for side, name in ((many, "many"), (few, "few"))
        ]

        def run(which: int, number: int) -> float:
            asked = [PAGES[at % len(PAGES)] for at in range(ground.size.pages)]
            load = ground.load(ports[which], [_request(path, token) for path in asked], 200)
            if number >= 0:
                waited[which].append((load.p50_ms, load.p95_ms))
            return load.rate

        for which in (0, 1):
            run(which, -1)
        runs = in_turn(ground.size.runs, lambda number: run(0, number), lambda number: run(1, number))
    return row(
        "supervision",
        "pages/s",
        runs,
        floor_is=f"the same pages over {ground.size.few_cases} cases in place of {ground.size.cases}",
        floor_file="benchmarks/floors/few_cases.py",
        command=SERVE_SHOWN,
        processes=ground.size.processes,
        threads=ground.size.threads,
        waited=waited,
    )


def _request(path: str, token: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: console_session={token}\r\n\r\n"
