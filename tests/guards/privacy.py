"""What nobody may find in a log, a queue or a dump: a person's own words, however they are written there.

``assert_nothing_personal(text, person)`` takes anything with ``name``, ``id_number``, ``phone`` (and perhaps
``openid``, ``address``), or a mapping of words by kind. Tests ask for ``log_lines`` to see what was logged meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from tests.house import LOGS, START

_KINDS = ("name", "id_number", "phone", "openid", "address")
#: Numbers that are as short as a code stand by themselves, not within a longer word.
_SHORT = 8
_ID = re.compile(r"(?<!\d)[1-9]\d{16}[\dXx](?!\d)")
_PHONE = re.compile(r"(?<![0-9a-zA-Z.-])1[3-9]\d{9}(?![0-9a-zA-Z.-])")


def words_of(person: Any) -> dict[str, str]:
    """A person's words by kind."""
    if isinstance(person, Mapping):
        return {kind: str(value) for kind, value in person.items() if value}
    found = {kind: str(getattr(person, kind, "") or "") for kind in _KINDS}
    return {kind: value for kind, value in found.items() if value}


def written(value: str) -> Iterator[tuple[str, str]]:
    """The ways in which a word may stand in a text: (how, as what)."""
    yield "in clear", value
    yield "as an address", quote(value)
    yield "as JSON", json.dumps(value)[1:-1]
    yield "as Python", ascii(value)[1:-1]
    raw = value.encode()
    yield "in hex", raw.hex()
    for before in range(3):
        # In the midst of other bytes: only the characters that these bytes alone decide.
        encoded = base64.b64encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3)).decode()
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        if last - first >= _SHORT:
            yield "in base64", encoded[first:last]
            yield "in base64", encoded[first:last].translate(str.maketrans("+/", "-_"))


def traces(text: str, person: Any) -> list[str]:
    """Which words of a person stand in a text, and how; the words themselves are not repeated."""
    found = []
    lower = text.lower()
    for kind, value in words_of(person).items():
        forms: dict[str, str] = {}
        for how, form in written(value):
            forms.setdefault(form, how)
        for form, how in forms.items():
            if len(value) < _SHORT and value.isascii():
                hit = re.search(rf"(?<![0-9A-Za-z]){re.escape(form)}(?![0-9A-Za-z])", text) is not None
            else:
                hit = form in text or (how != "in base64" and form.lower() in lower)
            if hit:
                found.append(f"{kind} {how}")
    return list(dict.fromkeys(found))


def assert_nothing_personal(text: str, person: Any) -> None:
    """Fail where any word of the person stands in the text, naming its kind and its surroundings."""
    found = traces(text, person)
    places = [line for line in text.splitlines() if traces(line, person)][:10]
    assert not found, f"{', '.join(found)} in:\n" + "\n".join(line[:400] for line in places)


def numbers_in(text: str) -> list[str]:
    """Every true identity number and mobile phone in a text, whoever it belongs to, by kind and line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        found += [f"{number}: an identity number" for one in _ID.findall(line) if _is_true(one)]
        found += [f"{number}: a phone" for _ in _PHONE.findall(line)]
    return found


def _is_true(number: str) -> bool:
    try:
        parse_identity(number.upper(), START.date())
    except RuleError:
        return False
    return True


# --- logs ---------------------------------------------------------------------------------------------------------


class LogLines(logging.Handler):
    """Every record of every logger as it was given, with its traceback, before anything is scrubbed."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """What this process logs during the test, our own rooms down to DEBUG."""
    lines = LogLines()
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("citizen_services", "notifications", "workflows", "app")]
    before = [one.level for one in ours]
    root.addHandler(lines)
    for one in ours:
        one.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(lines)
    for one, level in zip(ours, before, strict=True):
        one.setLevel(level)


#: Whose words are looked for in the logs of the processes at the end of the run.
KNOWN: list[dict[str, str]] = []


def faults_of_logs(texts: Mapping[str, str], people: list[dict[str, str]]) -> list[str]:
    """What the processes of an installation should not have logged."""
    faults = []
    for name, text in texts.items():
        faults += [f"{name}:{fault}" for fault in numbers_in(text)]
        faults += [f"{name}: {trace}" for person in people for trace in traces(text, person)]
    return faults


@pytest.fixture(scope="session", autouse=True)
def processes_logged_nothing_personal() -> Iterator[None]:
    """After the run, look through what web servers, workers and schedulers logged."""
    yield
    # Commands print people on purpose, and the stand-ins of the outside are somebody else's.
    ours = [path for path in sorted(LOGS) if path.is_file() and not path.stem.startswith(("command", "sandbox"))]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in ours}
    faults = faults_of_logs(texts, KNOWN)
    assert not faults, "\n".join(faults)


# --- stores -------------------------------------------------------------------------------------------------------


def _texts_in(row: str) -> str:
    """What columns of bytes say where they are text after all."""
    found = []
    for match in re.findall(r"\\x((?:[0-9a-f]{2})+)", row):
        with contextlib.suppress(UnicodeDecodeError):
            found.append(bytes.fromhex(match).decode())
    return "".join(f" {text}" for text in found)


def dump(connection: psycopg.Connection[Any]) -> str:
    """Every row of every table as text, bytes in hex: what somebody sees who got hold of the database's files."""
    tables = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    lines = []
    for (table,) in sorted(tables):
        with connection.cursor().copy(f"COPY (SELECT row_to_json(t)::text FROM {table} t) TO STDOUT") as rows:
            for row in rows:
                text = bytes(row).decode()
                lines.append(f"{table}: {text}{_texts_in(text)}")
    # Each layer of quoting doubles the backslashes of the one beneath.
    return re.sub(r"\\+", r"\\", "\n".join(lines))
