"""An older key is taken out of use while all goes on: at the end nothing lies under it, and everything still opens."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services import clock, demo, rotation, security
from citizen_services.cases import operations
from citizen_services.cases.audit import seal_due, verify
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import Change, commit, db, new_id, rekeying
from citizen_services.database.idempotency import Once
from citizen_services.database.types import Encrypted
from citizen_services.materials import queries, store
from citizen_services.materials.models import Upload
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.security import CannotDecrypt, Keyring
from tests import factories as make
from tests.guards.schema import new_database, sqlalchemy_url
from tests.house import ROOT, House
from tests.materials.acting import take

NEW = secrets.token_urlsafe(40)


def keys(house: House, *data_keys: str) -> Keyring:
    """The house's keys, with these for personal data."""
    return Keyring(data_keys, house.settings.lookup_keys, house.settings.audit_key)


def heads() -> dict[str, set[bytes]]:
    """Under which keys something lies in the database: the tables by the first five bytes of what is encrypted."""
    db.session.rollback()
    found: dict[str, set[bytes]] = {}
    for table in db.metadata.sorted_tables:
        for column in (c for c in table.columns if isinstance(c.type, Encrypted)):
            query = text(f'SELECT DISTINCT substr("{column.name}", 1, 5) FROM "{table.name}"')
            seen = {bytes(head) for head in db.session.scalars(query) if head is not None}
            found.setdefault(table.name, set()).update(seen)
    db.session.rollback()
    return {name: seen for name, seen in found.items() if seen}


def files(folder: Path) -> list[Path]:
    """What lies in the store."""
    return sorted(path for path in (folder / "uploads").rglob("*") if path.is_file())


@pytest.fixture
def old(
    _application: Flask, house: House, servers: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Flask, dict[str, str]]]:
    """An installation of its own with people, cases and messages under the house's key; and its environment."""
    from app import create_app

    before, of_others = security.keyring(), clock._clock
    with new_database(servers["postgres"], "template_house") as url:
        environ = house.environ | {"DATABASE_URL": sqlalchemy_url(url), "VAR_DIR": str(tmp_path)}
        settings = replace(house.settings, database_url=environ["DATABASE_URL"], var_dir=tmp_path)
        application = create_app(settings, process="test")
        clock.use(of_others)
        try:
            with application.app_context():
                demo.seed()
                for _ in range(3):
                    case_id = make.submitted_permit()
                    for version, action in enumerate(("claim", "accept"), start=1):
                        operations.perform(parts().catalogue, case_id, action, make.staff("yl-clerk"), version)
                        commit()
                for number in range(3):
                    # Their key has three columns.
                    change = Change(clock.now())
                    Once.of("citizen:x", "a form", f"key-{number:08d}", {}).remember(change, {"number": number})
                    change.write()
                seal_due()
                commit()
                yield application, environ
                db.session.remove()
                db.engine.dispose()
        finally:
            security.use(before)
            clock.use(of_others)


def everything(case_id: UUID) -> tuple[str, object, object]:
    """What a case and its person say, read through the models."""
    db.session.rollback()
    db.session.expire_all()
    case = db.session.get_one(Case, case_id)
    return db.session.get_one(Citizen, case.citizen_id).name, case.data, case.results


def test_at_the_end_nothing_lies_under_the_older_key_and_everything_opens_without_it(
    old: tuple[Flask, dict[str, str]], house: House, tmp_path: Path
) -> None:
    _, environ = old
    (before,) = house.settings.data_keys
    case_id = db.session.scalars(db.select(Case.id).order_by(Case.id)).first()
    assert case_id is not None
    said = everything(case_id)
    person = db.session.get_one(Citizen, db.session.get_one(Case, case_id).citizen_id)
    photo = take(person, new_id())
    seen = queries.photo(photo)
    tables = heads()
    assert {"citizen", "case", "case_event", "delivery", "idempotency_key", "notice", "seal", "staff"} <= tables.keys()
    assert len(files(tmp_path)) == 2
    # What a crash left of an earlier run.
    (one, _) = files(tmp_path)
    one.with_name(f"new-{one.name}").write_bytes(b"half")
    old_head, first = security.keyring().newest, len(Keyring((NEW,), ("x",), "y").newest)
    # An operator counts, rotates and counts again; whoever is served meanwhile notices nothing.
    given = os.environ | environ | {"DATA_KEYS": f"{NEW},{before}"}

    def run(*words: str) -> tuple[int, dict[str, object], str]:
        command = [sys.executable, "app.py", "keys", *words, "--json"]
        done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout), done.stderr

    db.session.rollback()
    status, counted, _ = run("status")
    assert (status, set(counted["left"])) == (1, {*tables, "files"})  # type: ignore[call-overload]
    status, told, progress = run("rotate", "--batch", "2")
    assert (status, told["complete"], told["left"], told["broken"], told["files"]) == (0, True, {}, {}, 2)
    assert f"case: {len(db.session.scalars(db.select(Case.id)).all())}" in progress
    db.session.rollback()
    newest = keys(house, NEW).newest
    assert newest != old_head
    assert {name: seen for name, seen in heads().items() if seen != {newest}} == {}, "old ciphertext is gone"
    assert heads().keys() == tables.keys()
    assert [path.read_bytes()[:first] for path in files(tmp_path)] == [newest, newest]
    assert run("status")[:2] == (0, {"left": {}})
    assert run("rotate")[1] | {"complete": True} == {"rows": 0, "files": 0, "left": {}, "broken": {}, "complete": True}
    # The older key is taken out: all that was said is said as before, and what was sealed still adds up.
    security.use(keys(house, NEW))
    assert everything(case_id) == said
    assert queries.photo(db.session.get_one(Upload, photo.id)) == seen
    assert verify(parts().catalogue)["ok"]
    # And the older key alone opens nothing any more.
    security.use(keys(house, before))
    with pytest.raises(CannotDecrypt):
        everything(case_id)


def test_what_was_cut_off_is_gone_on_with_and_what_is_being_changed_waits_for_the_next_run(
    old: tuple[Flask, dict[str, str]], house: House
) -> None:
    (before,) = house.settings.data_keys
    security.use(keys(house, NEW, before))
    newest = security.keyring().newest
    told: list[str] = []

    def cut(name: str, done: int) -> None:
        told.append(name)
        if name == "case":
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        rekeying.encrypt_anew(cut, batch=2)
    half = heads()
    assert half["case"] == {newest}, "what was done is committed"
    assert newest not in half["case_event"], "what was not begun is as it was"
    # Somebody is changing a row meanwhile: the run waits for nobody and says what it left.
    held = db.session.scalars(db.select(CaseEvent.id).order_by(CaseEvent.id)).first()
    db.session.rollback()
    with db.engine.connect() as other, other.begin():
        other.execute(text("SELECT 1 FROM case_event WHERE id = :id FOR UPDATE"), {"id": held})
        found = rotation.rotate(lambda name, done: None, batch=3)
        assert (found.complete, found.left) == (False, {"case_event": 1})
    found = rotation.rotate(lambda name, done: None)
    assert (found.complete, found.rows, rotation.remaining()) == (True, 1, {})
    assert {name for name, seen in heads().items() if seen != {newest}} == set()


def test_what_opens_under_no_key_that_is_held_is_named_and_left_as_it_is(
    old: tuple[Flask, dict[str, str]], house: House
) -> None:
    (before,) = house.settings.data_keys
    person = db.session.scalars(db.select(Citizen.id).order_by(Citizen.id)).first()
    strange = Keyring((secrets.token_urlsafe(40),), ("x",), "y").encrypt(b"13800138000", "citizen.phone")
    db.session.execute(text("UPDATE citizen SET phone = :value WHERE id = :id"), {"value": strange, "id": person})
    name = f"{store.key_of(new_id())}.photo"
    store.store().write(name, b"\x01no ciphertext of ours")
    commit()
    security.use(keys(house, NEW, before))
    found = rotation.rotate(lambda name, done: None)
    assert (found.complete, found.broken) == (False, {"citizen": 1, "files": 1})
    kept = db.session.execute(text("SELECT phone FROM citizen WHERE id = :id"), {"id": person}).scalar_one()
    assert bytes(kept) == strange
    assert store.store().read(name) == b"\x01no ciphertext of ours"
    assert rotation.remaining() == {"citizen": 1, "files": 1}
