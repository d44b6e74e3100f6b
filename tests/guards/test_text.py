"""What stands in the project's files: nothing postponed, no machine's paths, no unknown host, nothing too long."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT

MOST_LINES = 400
_HERE = Path(__file__).parent
LONG = tomllib.loads((_HERE / "long_files.toml").read_text(encoding="utf-8"))
HOSTS = tomllib.loads((_HERE / "hosts.toml").read_text(encoding="utf-8"))
#: Written by tools, or a law's text: their length says nothing.
_UNCOUNTED = re.compile(r"^(requirements.*\.txt|package-lock\.json|LICENSE|tests/catalogue/golden/|docs/services/)")

FORBIDDEN = {
    "postponed work": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b"),
    "a machine's path": re.compile(r"(?<![\w.])/(?:work|root|home|Users)/[\w.]|\b[A-Z]:\\\\?Users\b"),
    "an issue's number": re.compile(r"\b(?:issue|ticket|PR) ?#\d"),
}
_HOST = re.compile(r"(?:https?|git\+ssh)://(?:[\w.~-]+(?::[^\s@/]*)?@)?([A-Za-z0-9.-]*[A-Za-z0-9])")
#: This machine, names without a dot (of no host), and the names that are kept for examples.
_NOWHERE = re.compile(
    r"(?:127\.[\d.]*|localhost|[^.]+|a\.b|(?:.+\.)?example(?:\.(?:org|com|net))?|.+\.(?:test|invalid))"
)


def files() -> list[str]:
    """Every text file of the project, committed or about to be."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = []
    for name in sorted(set(names)):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:4096]:
            found.append(name)
    return found


def forbidden_lines(text: str) -> Iterator[str]:
    """What may not stand in a file, with the number of its line."""
    for number, line in enumerate(text.splitlines(), 1):
        found = [what for what, pattern in FORBIDDEN.items() if pattern.search(line)]
        found += [f"unknown host {host}" for host in _HOST.findall(line) if not _known(host)]
        for what in found:
            yield f"{number}: {what}: {line.strip()[:120]}"


def _known(host: str) -> bool:
    return host in HOSTS or bool(_NOWHERE.fullmatch(host))


def too_long(lengths: dict[str, int], reviewed: dict[str, str]) -> list[str]:
    """Files over the limit that nobody gave a reason for, and reasons that nothing needs."""
    over = {name for name, lines in lengths.items() if lines > MOST_LINES and not _UNCOUNTED.match(name)}
    faults = [f"{name} has {lengths[name]} lines" for name in sorted(over - set(reviewed))]
    faults += [f"{name} needs no reason any more" for name in sorted(set(reviewed) - over)]
    return faults + [f"{name}: the reason is missing" for name, reason in reviewed.items() if len(reason) < 20]


def test_no_file_says_what_it_may_not() -> None:
    faults = []
    for name in files():
        faults += [f"{name}:{line}" for line in forbidden_lines((ROOT / name).read_text(encoding="utf-8"))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("planted", "what"),
    [
        ("x = 1  # TO" + "DO: later", "postponed work"),
        ("# FIX" + "ME", "postponed work"),
        ('open("' + "/".join(("", "work", "main", "x")) + '")', "a machine's path"),
        ("cd " + "/".join(("", "home", "somebody")), "a machine's path"),
        ("--index-url https:/" + "/packages.bureau.cn/simple", "unknown host packages.bureau.cn"),
        ('"resolved": "https:/' + '/u:p@files.bureau.cn/x.tgz"', "unknown host files.bureau.cn"),
        ("see issue" + " #12", "an issue's number"),
    ],
)
def test_a_planted_word_is_seen(planted: str, what: str) -> None:
    assert any(what in fault for fault in forbidden_lines(planted))


def test_what_looks_alike_is_let_through() -> None:
    alike = 'url_for("static"); framework/home; #f5f5f5; /workflows/x; http://127.0.0.1:1/x; https://gat.example.org'
    assert not list(forbidden_lines(alike))


def test_no_host_is_listed_that_nothing_names() -> None:
    named: set[str] = set()
    for name in files():
        if name != "tests/guards/hosts.toml":
            named |= set(_HOST.findall((ROOT / name).read_text(encoding="utf-8")))
    assert set(HOSTS) <= named


def test_no_file_is_too_long() -> None:
    lengths = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in files()}
    assert not too_long(lengths, LONG)


def test_a_planted_long_file_and_an_idle_reason_are_seen() -> None:
    reasons = {"short.py": "It was a long file once, before.", "known.py": "Why."}
    assert too_long({"long.py": 401, "short.py": 12, "known.py": 900}, reasons) == [
        "long.py has 401 lines",
        "short.py needs no reason any more",
        "known.py: the reason is missing",
    ]
