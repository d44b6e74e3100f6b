"""Rules of the house that no import contract can hold: who talks to the outside, who commits, who listens to whom."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import blinker
import flask.signals
import pytest
from flask import Flask

import citizen_services
import notifications
import workflows
from tests.guards.test_docstrings import sources

# --- libraries that only some modules may use -----------------------------------------------------------------------

_OUTSIDE_CLIENTS = (
    r"citizen_services/exchange/http\.py|citizen_services/(journey|demo_people)\.py|citizen_services/sandbox/.*"
)
#: A library by the modules that may import it: one place each, so that time-outs and promises are kept in one place.
ONLY_IN: Mapping[str, str] = {
    "requests": _OUTSIDE_CLIENTS,
    "urllib3": rf"{_OUTSIDE_CLIENTS}|citizen_services/materials/s3_store\.py",
    "urllib.request": r"citizen_services/sandbox/.*|deploy/.*",
    "http.client": r"citizen_services/sandbox/.*|deploy/.*",
    "httpx": "",
    "aiohttp": "",
    "rq": r"notifications/queue\.py",
    "redis": r"citizen_services/(redis|parts|doctor|api/health_views|wechat/memory)\.py|notifications/queue\.py",
    "pickle": "",
    "marshal": "",
    "sqlite3": "",
    # Pictures of strangers are decoded in a process of their own.
    "subprocess": r"deploy/.*|citizen_services/sandbox/.*|citizen_services/materials/decode\.py",
    "psycopg": r"deploy/.*|citizen_services/database/(base|direct|patience)\.py",
}
_ROOM = re.compile(r"(citizen_services|notifications|workflows)/")


def stray_imports(modules: Mapping[str, str]) -> list[str]:
    """Imports of a library in a module that has no business with it."""
    faults = []
    for name, source in modules.items():
        for imported in _imports(ast.parse(source)):
            for library, places in ONLY_IN.items():
                ours = imported == library or imported.startswith(f"{library}.")
                if ours and _ROOM.match(name) and not re.fullmatch(places, name):
                    faults.append(f"{name} imports {imported}")
    return faults


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            # `from urllib import request` is the same library.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_outside_redis_and_queues_are_reached_from_one_place_each() -> None:
    assert not stray_imports(sources())


def test_a_planted_import_is_seen() -> None:
    planted = {
        "citizen_services/cases/operations.py": "from urllib import request\nimport pickle",
        "citizen_services/exchange/http.py": "import requests",
        "notifications/tasks.py": "def f():\n    import requests\n    from rq.job import Job",
    }
    assert stray_imports(planted) == [
        "citizen_services/cases/operations.py imports urllib.request",
        "citizen_services/cases/operations.py imports pickle",
        "notifications/tasks.py imports requests",
        "notifications/tasks.py imports rq.job",
        "notifications/tasks.py imports rq.job.Job",
    ]


# --- who commits ----------------------------------------------------------------------------------------------------

#: Modules that open no door: whoever calls them commits.
_NO_DOOR = re.compile(
    r"(citizen_services/(people|cases|registers|exchange|wechat|materials|fees)|notifications)/(operations|queries|models|schemas)\.py"
    # The scheduler's doors into cases are automatic.py, asking.py, permit_facts.py and payments.py.
    r"|citizen_services/cases/(?!(?:automatic|asking|permit_facts|payments)\.py).*|citizen_services/rules/.*|citizen_services/catalogue/.*|workflows/.*"
)
_COMMITS = {"commit", "rollback", "begin"}
#: Functions that end the caller's transaction all the same, each with the reason.
MAY_END: Mapping[str, str] = {
    "citizen_services/exchange/operations.py: end_reading": "Ends only a reading one: a register is asked.",
    "citizen_services/materials/operations.py: _end_reading": "Ends only a reading one: a photo is decoded.",
    "citizen_services/cases/once.py: do_once": "Called by the doors alone, as their one commit.",
    "citizen_services/cases/fitness.py: refuse_unfit": "Runs before the first request, for the composition root alone.",
}


def commits(modules: Mapping[str, str]) -> list[str]:
    """Functions that end or begin a transaction in modules that open no door, with what they call."""
    faults = []
    for name, source in modules.items():
        if not _NO_DOOR.fullmatch(name):
            continue
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef):
                called = {_called(node) for node in ast.walk(function) if isinstance(node, ast.Call)} & _COMMITS
                faults += [f"{name}: {function.name} calls {one}" for one in sorted(called)]
    return [fault for fault in faults if fault.partition(" calls ")[0] not in MAY_END]


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute) and "session" in ast.unparse(node.func.value):
        return node.func.attr
    return ""


def test_only_who_opens_the_door_commits() -> None:
    assert not commits(sources())


def test_a_planted_commit_is_seen() -> None:
    planted = {
        "citizen_services/cases/operations.py": "def f():\n    commit()\n    db.session.rollback()",
        "citizen_services/portal/case_views.py": "def view():\n    commit()",
    }
    assert commits(planted) == [
        "citizen_services/cases/operations.py: f calls commit",
        "citizen_services/cases/operations.py: f calls rollback",
    ]


# --- who listens ----------------------------------------------------------------------------------------------------

RECEIVERS: Mapping[str, tuple[str, ...]] = {
    "appointment-moved": ("notifications.bookings.tell",),
    "case-files-removed": ("notifications.archived.remove",),
    "slot-offered": ("notifications.bookings.offer",),
    "offer-withdrawn": ("notifications.bookings.withdraw",),
    "account-unbound": ("notifications.receivers.tell_of_unbinding",),
    "bound-follower-came": ("notifications.receivers.tag_follower",),
    "follower-bound": ("notifications.receivers.tag_follower",),
    "binding-moved": ("notifications.receivers.warn_of_move",),
    "case-moved": ("notifications.receivers.tell_of_step", "notifications.reports.report_step"),
    "rating-set-aside": ("notifications.receivers.tell_of_rating",),
    "case-rated": ("notifications.reports.report_rating",),
    "contest-decided": ("notifications.reports.report_contest",),
    "code-wanted": ("notifications.receivers.send_code",),
    "correction-extended": ("notifications.receivers.tell_of_grace",),
    "draft-waits": ("notifications.drafts.remind",),
    "export-wanted": ("notifications.receivers.wake_exporter",),
    "application-wanted": ("notifications.platform.hand_over",),
    "application-unwanted": ("notifications.platform.take_back",),
    "worker-joined": ("notifications.receivers.tell_worker",),
    "letter-wanted": ("notifications.letters.order",),
    "household-invited": ("notifications.invitations.tell",),
    "invitation-ended": ("notifications.invitations.withdraw",),
    "parcel-wanted": ("notifications.receivers.order_parcel",),
    "parcel-unwanted": ("notifications.old.call_back",),
    "old-document-due": ("notifications.old.expect",),
    "data-answered": ("notifications.own.tell_answer",),
    "permit-ended": ("notifications.permits.tell_of_end",),
    "permit-endorsed": ("notifications.writeback.write_endorsement",),
    "permit-changed": ("notifications.writeback.write_change",),
    "permit-carded": ("notifications.writeback.write_permit",),
    "refund-moved": ("notifications.refunds.tell",),
    "residence-registered": ("notifications.writeback.write_registration",),
    "wechat-template-finished": ("notifications.receivers.keep_template_report",),
}


def receivers() -> dict[str, tuple[str, ...]]:
    """Every signal of ours with the names of its receivers, and Flask's where anybody listens."""
    found: dict[str, blinker.NamedSignal] = {}
    for module in _modules():
        found |= {value.name: value for value in vars(module).values() if isinstance(value, blinker.NamedSignal)}
    found |= {f"flask:{name}": signal for name, signal in flask.signals._signals.items() if signal.receivers}
    return {name: tuple(sorted(_name_of(r) for r in signal.receivers.values())) for name, signal in found.items()}


def _modules() -> Iterator[Any]:
    for package in (citizen_services, notifications, workflows):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.rpartition(".")[2] == "signals":
                yield importlib.import_module(found.name)


def _name_of(receiver: Any) -> str:
    weak = isinstance(receiver, weakref.ref)
    one = receiver() if weak else receiver
    return f"{'weak ' if weak else ''}{one.__module__}.{one.__qualname__}"


def test_each_signal_has_exactly_the_receivers_that_it_is_meant_for(app: Flask) -> None:
    assert receivers() == dict(RECEIVERS)


@pytest.mark.parametrize("weak", [False, True])
def test_a_planted_receiver_is_seen_and_a_weak_one_as_such(app: Flask, weak: bool) -> None:
    from citizen_services.cases.signals import case_moved

    def stranger(sender: Any, **_: Any) -> None:
        """Listens where it shouldn't."""

    case_moved.connect(stranger, weak=weak)
    try:
        found = receivers()["case-moved"]
    finally:
        case_moved.disconnect(stranger)
    assert len(found) == 3
    assert any(name.endswith("stranger") and name.startswith("weak ") == weak for name in found), found
