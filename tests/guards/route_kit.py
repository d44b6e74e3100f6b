"""Every route asked by everybody: who asks, about what, and what came of it."""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect
from werkzeug.test import TestResponse

from citizen_services.database import db
from citizen_services.people.web import DOORS

BOOK = Path(__file__).parent / "routes.toml"
#: Staff by the name under which the book knows them, with the login of the demo staff.
STAFF: Mapping[str, str] = {
    "clerk": "yl-clerk",
    "auxiliary": "yl-auxiliary",
    "approver": "yl-officer",
    "community_officer": "yl-community",
    "clerk_elsewhere": "jp-clerk",
    "clerk_centre": "fw-clerk",
    "supervisor": "fw-supervisor",
    "planner": "fw-planner",
    "cashier": "fw-cashier",
    "editor": "fw-editor",
    "reception": "fw-reception",
    "system_admin": "fw-system",
    "security_admin": "fw-security",
    "audit_admin": "fw-audit",
    "data_officer": "fw-data",
}
CITIZENS = ("unbound", "stranger", "owner")
EVERYBODY = ("anonymous", *CITIZENS, *STAFF)
_DML = re.compile(r"\s*(?:WITH\b.*?\)\s*)?(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+\"?(\w+)", re.I | re.S)
_LAST = ("/h5/logout", "/console/logout")


@dataclass(frozen=True)
class Route:
    """One method of one rule."""

    method: str
    rule: str

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


@dataclass
class Answer:
    """What somebody got: ``is_`` as the book writes it, the response, and the tables that were written to."""

    is_: str
    response: TestResponse
    wrote: set[str]


@dataclass
class Entry:
    """One route's entry in the book: the answer of everybody, and the tables that a GET may write to."""

    answers: dict[str, str] = field(default_factory=dict)
    writes: set[str] = field(default_factory=set)


def routes_of(url_map: Map) -> list[Route]:
    """Every method of every rule; those that end somebody's session stand last."""
    found = [Route(m, rule.rule) for rule in url_map.iter_rules() for m in rule.methods or () if m in _METHODS]
    return sorted(found, key=lambda route: (route.method != "GET", route.rule in _LAST, route.rule))


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def read_book(path: Path = BOOK) -> tuple[dict[str, Entry], list[str]]:
    """The book's entries by route, and the rules that take a POST without a form's token."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    groups = _groups(content)
    entries = {}
    for route, given in content["routes"].items():
        entry = Entry(writes=set(given.pop("writes", "").split()))
        for answer, names in given.items():
            for name in names.split():
                for one in groups.get(name, [name]):
                    if one in entry.answers:
                        raise ValueError(f"{route} says twice what {one} gets")
                    entry.answers[one] = answer
        entries[route] = entry
    return entries, content["without_a_token"]


def _groups(content: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: words.split() for name, words in content["groups"].items()}


def address_of(route: Route, values: Mapping[str, str]) -> str:
    """The route's address with what this world has for its parts."""
    return re.sub(r"<(?:[^:<>]+(?:\([^)]*\))?:)?(\w+)>", lambda found: values[found[1]], route.rule)


def kind_of(app: Flask, response: TestResponse) -> str:
    """A status; for a redirect also the rule that it leads to, ``elsewhere`` for another site."""
    status = str(response.status_code)
    location = response.headers.get("Location")
    if response.status_code not in (301, 302, 303, 307, 308) or location is None:
        return status
    target = urlsplit(location)
    if target.netloc and target.netloc != urlsplit(response.request.base_url).netloc:
        return f"{status} elsewhere"
    try:
        rule, _ = app.url_map.bind("here").match(target.path, "GET", return_rule=True)
    except RequestRedirect:
        return f"{status} {target.path}"
    except HTTPException:
        return f"{status} nowhere"
    return f"{status} {rule.rule}"


@contextlib.contextmanager
def writes(app: Flask) -> Iterator[set[str]]:
    """The tables that this process writes to meanwhile."""
    seen: set[str] = set()
    with app.app_context():
        engine = db.engine

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        found = _DML.match(statement)
        if found:
            seen.add(found[1])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@dataclass
class Visitor:
    """Somebody with a browser; ``tokens`` are those of their sessions by the door's cookie."""

    app: Flask
    base_url: str
    number: int
    tokens: Mapping[str, str]
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        for door in DOORS:
            if door.cookie in self.tokens:
                host = urlsplit(self.base_url).hostname or ""
                self.client.set_cookie(door.cookie, self.tokens[door.cookie], domain=host, path=door.path)

    def ask(self, method: str, path: str, data: Mapping[str, str] | None = None) -> Answer:
        """Send a request, from an address of one's own."""
        here = {"REMOTE_ADDR": f"10.9.{self.number // 250}.{self.number % 250 + 1}"}
        with writes(self.app) as wrote:
            response = self.client.open(path, method=method, base_url=self.base_url, data=data, environ_base=here)
            response.get_data()
            response.close()
        return Answer(kind_of(self.app, response), response, wrote)

    def form_token(self, path: str) -> str:
        """The token of a form of the door that a path belongs to, from a page that this visitor can see."""
        door = next((d for d in DOORS if path.startswith(f"{d.path}/")), None)
        if door is None:
            return ""
        for page in (f"{door.path}/login", f"{door.path}/cases", f"{door.path}/"):
            text = self.ask("GET", page).response.text
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
            if found:
                return found[1]
        raise AssertionError(f"no form at {door.path} for this visitor")


def written_down(found: Mapping[str, Entry]) -> str:
    """Entries as the book writes them: to be read, and copied where it is right."""
    groups = _groups(tomllib.loads(BOOK.read_text(encoding="utf-8")))
    lines = []
    for route, entry in found.items():
        lines.append(f'[routes."{route}"]')
        by_answer: dict[str, list[str]] = {}
        for name, answer in entry.answers.items():
            by_answer.setdefault(answer, []).append(name)
        for answer, names in by_answer.items():
            words, rest = [], set(names)
            for group, members in groups.items():
                if set(members) <= rest:
                    words.append(group)
                    rest -= set(members)
            lines.append(f'"{answer}" = "{" ".join([*words, *(n for n in names if n in rest)])}"')
        if entry.writes:
            lines.append(f'writes = "{" ".join(sorted(entry.writes))}"')
        lines.append("")
    return "\n".join(lines)
