"""What the system does by itself is done only where the scheduler knows of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import ModuleType

from flask import Flask
from sqlalchemy import select, update

from app import recurring
from citizen_services import clock
from citizen_services.cases import automatic
from citizen_services.database import Change, commit, db
from citizen_services.database.idempotency import KEPT, Once
from citizen_services.database.models import IdempotencyKey


def forgotten(module: ModuleType, done: Iterable[Callable[[], object]]) -> set[str]:
    """The module's own public functions that nobody does."""
    own = {
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    return {function.__name__ for function in own - set(done)}


def test_the_scheduler_does_everything_that_the_system_does_by_itself() -> None:
    done = [function for _, function in recurring().values()]
    assert forgotten(automatic, done) == set()
    assert forgotten(automatic, [f for f in done if f is not automatic.remind_of_drafts]) == {"remind_of_drafts"}


def test_keys_of_forms_are_forgotten_when_nobody_sends_them_again(app: Flask) -> None:
    for key in ("old", "new"):
        change = Change(clock.now())
        Once.of("citizen:1", "route", key, {}).remember(change, key)
        change.write()
    old = IdempotencyKey.key == "old"
    db.session.execute(update(IdempotencyKey).where(old).values(at=IdempotencyKey.at - KEPT - timedelta(minutes=1)))
    commit()
    recurring()["tidy"][1]()
    assert list(db.session.scalars(select(IdempotencyKey.key))) == ["new"]
