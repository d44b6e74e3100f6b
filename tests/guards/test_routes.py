"""Every route × everybody has its reviewed answer; GETs change nothing; forms need a token; HTML bears its headers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from flask import Flask, Response
from flask.typing import ResponseReturnValue
from sqlalchemy import select, text, update
from werkzeug.routing import Map, Rule
from werkzeug.test import TestResponse

from citizen_services import clock
from citizen_services.cases import charging, visits
from citizen_services.cases.models import Case, Document
from citizen_services.database import Change, commit, db, new_id
from citizen_services.fees.models import FeeOrder
from citizen_services.pages import CONTENT_SECURITY_POLICY
from citizen_services.people import sessions
from citizen_services.people.models import Citizen, Staff
from citizen_services.people.sessions import open_session
from notifications.models import Delivery, Notice, Parcel
from tests import factories
from tests.guards.route_kit import (
    EVERYBODY,
    STAFF,
    Answer,
    Entry,
    Route,
    Visitor,
    address_of,
    read_book,
    routes_of,
    writes,
    written_down,
)
from tests.guards.stories import through
from tests.house import House
from tests.materials.acting import hand_in, take
from tests.portal.conftest import Resident, resident

__all__ = ["resident"]

HTML_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_DOORS = ("/h5", "/console")


def a_form(name: str, path: str) -> dict[str, str]:
    """Right in form, and of a version that never was: whoever is let in hears that the case moved on."""
    return {"form_token": f"{name}-{path[-60:]}", "version": "999", "action": "withdraw"}


@dataclass
class World:
    """The application with somebody of each kind, and one case and one draft to ask for."""

    app: Flask
    house: House
    values: Mapping[str, str]
    tokens: Mapping[str, Mapping[str, str]]
    _form_tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    def visitor(self, name: str) -> Visitor:
        """A browser of somebody."""
        return Visitor(self.app, self.house.web_url, EVERYBODY.index(name), self.tokens[name])

    def ask(self, name: str, route: Route) -> Answer:
        """Somebody asks for a route; with a form's token where it is a form."""
        visitor, path = self.visitor(name), address_of(route, self.values)
        if route.method == "GET":
            return visitor.ask("GET", path)
        return visitor.ask(
            route.method, path, a_form(name, path) | {"csrf_token": self.form_token(visitor, name, path)}
        )

    def form_token(self, visitor: Visitor, name: str, path: str) -> str:
        """A form's token of somebody: that of their session at the door; whoever has none there gets a new one."""
        key = name, path.split("/")[1]
        if f"{key[1]}_session" not in self.tokens[name] or key not in self._form_tokens:
            self._form_tokens[key] = visitor.form_token(path)
        return self._form_tokens[key]


@pytest.fixture(autouse=True)
def no_session_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session notes once a minute of use, and on a slow machine asking for everything takes longer than that."""
    monkeypatch.setattr(sessions, "_TOUCH", timedelta(days=1))


@pytest.fixture
def world(resident: Callable[..., Resident], _application: Flask, house: House, database: None) -> World:
    """A world with an accepted permit of the owner's, and an open draft of theirs."""
    owner, stranger = resident("韦小花"), resident("龙阿强", months=0)
    case_id = owner.apply()
    draft_path = owner.begin("residence-registration")
    tokens: dict[str, Mapping[str, str]] = {
        "anonymous": {},
        "owner": {"h5_session": owner.token},
        "stranger": {"h5_session": stranger.token},
    }
    with _application.app_context():
        through(case_id, "accept")
        tokens["unbound"] = {"h5_session": open_session("citizen", phone="13912345678").token}
        for name, login in STAFF.items():
            member = db.session.scalars(select(Staff).where(Staff.login == login)).one()
            tokens[name] = {"console_session": open_session("staff", staff=member.id, epoch=member.epoch).token}
        commit()
        person = db.session.get_one(Citizen, owner.id)
        gathered = new_id()
        upload = take(person, gathered)
        hand_in(gathered, case_id)
        case = db.session.get_one(Case, case_id)
        document = db.session.scalars(
            select(Document.id).where(Document.case_id == case_id).order_by(Document.id)
        ).first()
        delivery = db.session.scalars(
            select(Delivery.id)
            .join(Notice, Notice.id == Delivery.notice_id)
            .where(Notice.case_id == case_id)
            .order_by(Delivery.id)
        ).first()
        parcel_id = new_id()
        db.session.add(
            Parcel(id=parcel_id, case_id=case_id, direction="out", receiver={}, state="ordered", at=case.submitted_at)
        )
        # An order that nobody has to pay any more: whoever presses here is told so, and no partner is asked.
        order_id = new_id()
        db.session.add(
            FeeOrder(
                id=order_id, number="JF20261109-00000001", duty=charging.duty_of(case_id), citizen_id=owner.id,
                office_code=case.office_code, title="居住证补领", lines=[{"label": "工本费", "fen": 2000}],
                amount_fen=2000, state="cancelled", made_at=case.submitted_at, pay_until=case.submitted_at,
                ended_at=case.submitted_at,
            )
        )  # fmt: skip
        # The owner stands at the counter of 岳林派出所, where a clerk saw the card.
        change = Change(clock.now())
        visits.check_in(change, owner.id, factories.staff("yl-clerk"), [], known_by="id_number", card_seen=True)
        change.write()
        commit()
    values = {
        "citizen_id": str(owner.id),
        "task_id": str(new_id()),
        "contest_id": str(new_id()),
        "case_id": str(case_id),
        "order_id": str(order_id),
        "refund_id": str(new_id()),
        "difference_id": str(new_id()),
        "draft_id": draft_path.rpartition("/")[2],
        "document_id": str(document),
        "relation_id": str(new_id()),
        "request_id": str(new_id()),
        "authorisation_id": str(new_id()),
        "principal_id": str(new_id()),
        "household_id": str(new_id()),
        "member_id": str(new_id()),
        "deputy_id": str(new_id()),
        "organisation_id": str(new_id()),
        "watch_id": str(new_id()),
        "person_id": str(new_id()),
        "upload_id": str(upload.id),
        "channel": "sms",
        "check": "0" * 16,
        "staff_id": str(new_id()),
        "export_id": str(new_id()),
        "row_id": str(new_id()),
        "delivery_id": str(delivery),
        "letter_id": str(new_id()),
        "due_id": str(new_id()),
        "parcel_id": str(parcel_id),
        "answer_id": case.answers["population.portrait"],
        "service": "counter-violations",
        "ticket_id": str(new_id()),
        "window_id": str(new_id()),
        "kind": "desks",
        "key": str(new_id()),
        "desk_id": str(new_id()),
        "hold_id": str(new_id()),
        "appointment_id": str(new_id()),
        "waiting_id": str(new_id()),
        "action": "approve",
        "code": "residence-permit-first",
        "filename": "css/kit.css",
        "group": "ground",
        "token": "guessed",
        "_form": "face",
    }
    return World(_application, house, values, tokens)


# --- the book ---------------------------------------------------------------------------------------------------------


def not_in_the_book(routes: list[Route], entries: Mapping[str, Entry]) -> list[str]:
    """Routes without an entry, entries without a route, and people that an entry leaves out."""
    known = {str(route) for route in routes}
    faults = [f"{name} has no entry" for name in sorted(known - entries.keys())]
    faults += [f"{name} is no route any more" for name in sorted(entries.keys() - known)]
    for name, entry in entries.items():
        left_out = set(EVERYBODY) ^ entry.answers.keys()
        if left_out:
            faults.append(f"{name} doesn't say what {', '.join(sorted(left_out))} gets")
    return faults


def test_every_route_stands_in_the_reviewed_book(app: Flask) -> None:
    assert not not_in_the_book(routes_of(app.url_map), read_book()[0])


def test_a_planted_route_and_an_old_entry_are_seen() -> None:
    routes = routes_of(Map([Rule("/h5/back-door", methods=["GET", "POST"], endpoint="x")]))
    entries = {"GET /h5/back-door": Entry(dict.fromkeys(EVERYBODY, "200")), "GET /gone": Entry({"owner": "200"})}
    faults = not_in_the_book(routes, entries)
    assert faults[:2] == ["POST /h5/back-door has no entry", "GET /gone is no route any more"]
    assert faults[2].startswith("GET /gone doesn't say what anonymous")


# --- who gets what ----------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """Everything that came of asking for every route as everybody."""

    entries: dict[str, Entry]
    responses: list[tuple[str, TestResponse]]


def ask_everything(world: World, routes: list[Route]) -> Seen:
    """Ask for every route as everybody: first what is only read, last what ends a session."""
    seen = Seen({}, [])
    for route in routes:
        entry = seen.entries[str(route)] = Entry()
        for name in EVERYBODY:
            answer = world.ask(name, route)
            entry.answers[name] = answer.is_
            seen.responses.append((f"{route} as {name}", answer.response))
            if route.method == "GET":
                entry.writes |= answer.wrote
    return seen


def other_answers(found: Mapping[str, Entry], book: Mapping[str, Entry]) -> dict[str, Entry]:
    """Entries that differ from the book: an answer that it doesn't allow, or a table that a GET may not write to."""
    different = {}
    for route, entry in found.items():
        wanted = book.get(route, Entry())
        right = all(answer in wanted.answers.get(name, "").split(" or ") for name, answer in entry.answers.items())
        if not right or not entry.writes <= wanted.writes:
            different[route] = entry
    return different


def header_faults(name: str, response: TestResponse) -> Iterator[str]:
    """What is missing on an answer: the page headers on HTML, ``no-store`` on whatever else is personal."""
    if response.mimetype == "text/html":
        for header, value in HTML_HEADERS.items():
            if response.headers.get(header) != value:
                yield f"{name}: {header} is {response.headers.get(header)}"
    elif response.request.path.startswith(_DOORS) and response.data:
        if "no-store" not in response.headers.get("Cache-Control", ""):
            yield f"{name}: {response.mimetype} may be stored"
        if response.headers.get("X-Content-Type-Options") != "nosniff":
            yield f"{name}: {response.mimetype} may be taken for something else"


def test_everybody_gets_what_the_book_says_and_every_page_bears_its_headers(world: World) -> None:
    book, _ = read_book()
    seen = ask_everything(world, routes_of(world.app.url_map))
    different = other_answers(seen.entries, book)
    assert not different, "the book says otherwise; what was found:\n" + written_down(different)
    faults = [fault for name, response in seen.responses for fault in header_faults(name, response)]
    assert not faults, "\n".join(faults[:40])
    assert not [name for name, response in seen.responses if response.status_code >= 500 and "readyz" not in name]


def test_a_planted_view_that_lets_everybody_in_or_writes_while_it_reads_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, _ = read_book()
    routes = [Route("GET", "/console/cases"), Route("GET", "/h5/cases")]
    assert not other_answers(ask_everything(world, routes).entries, book)

    def open_to_all() -> ResponseReturnValue:
        return "<p>all cases</p>"

    def writes_while_reading() -> ResponseReturnValue:
        db.session.execute(update(Citizen).values(gender="male"))
        commit()
        return Response("")

    monkeypatch.setitem(world.app.view_functions, "console_lists.cases", open_to_all)
    monkeypatch.setitem(world.app.view_functions, "portal_cases.mine", writes_while_reading)
    different = other_answers(ask_everything(world, routes).entries, book)
    assert different.keys() == {"GET /console/cases", "GET /h5/cases"}
    assert different["GET /console/cases"].answers["anonymous"] == "200"
    assert different["GET /h5/cases"].writes == {"citizen"}


def test_planted_answers_without_headers_are_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def laxer() -> ResponseReturnValue:
        return Response("<p>", headers={"Content-Security-Policy": "default-src *"})

    def kept() -> ResponseReturnValue:
        return Response(b"\xff\xd8\xff", mimetype="image/jpeg")

    monkeypatch.setitem(world.app.view_functions, "portal_home.front", laxer)
    monkeypatch.setitem(world.app.view_functions, "portal_cases.mine", kept)
    visitor = world.visitor("owner")
    pages = [("front", visitor.ask("GET", "/h5/").response), ("mine", visitor.ask("GET", "/h5/cases").response)]
    faults = [fault for name, response in pages for fault in header_faults(name, response)]
    assert faults == ["front: Content-Security-Policy is default-src *", "mine: image/jpeg may be stored"]


# --- forms ------------------------------------------------------------------------------------------------------------


def unguarded(world: World, routes: list[Route], exempt: list[str]) -> list[str]:
    """Which of the routes take a POST without a form's token or with somebody else's, or write before they refuse."""
    faults = []
    foreign = {name: world.visitor(name).form_token("/h5/x") for name in ("anonymous", "stranger")}
    for route in routes:
        if route.method == "GET" or route.rule in exempt:
            continue
        path = address_of(route, world.values)
        for name in ("anonymous", "owner", "clerk"):
            for how, data in (
                ("no token", {}),
                ("a wrong token", {"csrf_token": "x"}),
                ("an anonymous token", {"csrf_token": foreign["anonymous"]}),
                ("a stranger's token", {"csrf_token": foreign["stranger"]}),
            ):
                answer = world.visitor(name).ask(route.method, path, a_form(name, path) | data)
                if answer.is_ != "400" or answer.wrote:
                    faults.append(
                        f"{route} as {name} with {how}: {answer.is_} {' '.join(sorted(answer.wrote))}".strip()
                    )
    return faults


def test_no_form_is_taken_without_its_own_token_and_nothing_is_written_before(world: World) -> None:
    _, exempt = read_book()
    assert unguarded(world, routes_of(world.app.url_map), exempt) == []


def test_a_planted_form_without_a_token_is_reported(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from citizen_services.people import web

    monkeypatch.setattr(web._csrf, "protect", lambda: None)
    faults = unguarded(world, [Route("POST", "/h5/cases/<uuid:case_id>")], read_book()[1])
    assert any(fault.startswith("POST /h5/cases/<uuid:case_id> as owner with no token") for fault in faults)


def test_who_posts_from_another_site_is_refused(world: World) -> None:
    for name, path in (("owner", "/h5/logout"), ("clerk", "/console/logout")):
        visitor = world.visitor(name)
        answer = visitor.client.post(
            path,
            data={"csrf_token": visitor.form_token(path)},
            base_url=world.house.web_url,
            headers={"Origin": "https://evil.example"},
        )
        assert answer.status_code == 400


def test_writes_are_seen_in_every_form(app: Flask) -> None:
    with writes(app) as wrote:
        db.session.execute(text("UPDATE staff SET epoch = epoch"))
        db.session.execute(text("WITH gone AS (SELECT 1) DELETE FROM look"))
        db.session.execute(text("INSERT INTO installation (name, value) VALUES ('x', '1')"))
        db.session.execute(text("SELECT 1 FROM citizen FOR UPDATE"))
    db.session.rollback()
    assert wrote == {"staff", "look", "installation"}
