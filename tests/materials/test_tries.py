"""What is refused, how often somebody may try, and when a photo is decoded."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from citizen_services.clock import protocol_now
from citizen_services.database import commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.materials import operations, queries
from citizen_services.materials.errors import (
    MaterialError,
    Unreadable,
    WrongKind,
)
from citizen_services.materials.models import Material
from citizen_services.people.errors import TooMany
from citizen_services.people.models import Attempt, Citizen
from tests import factories
from tests.materials import pictures as make
from tests.materials.acting import at_once


def test_a_refused_file_leaves_nothing_and_a_try_is_counted_all_the_same(person: Citizen, uploads: Path) -> None:
    draft_id = new_id()
    for file, refusal in ((b"%PDF-1.7", WrongKind), (make.jpeg()[:3000], Unreadable), (b"", MaterialError)):
        operations.admit(person.id)
        commit()
        with pytest.raises(refusal):
            operations.take(person.id, draft_id, "lease", file)
        rollback()
    assert not uploads.exists()
    assert not queries.of_draft(draft_id)
    assert db.session.scalar(select(func.count()).where(Attempt.kind == "upload")) == 3


def test_a_person_has_so_many_tries_in_a_while_and_no_other_person_waits_for_it(
    person: Citizen, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    (times, within), (a_day, _) = operations.LIMITS

    def admit() -> None:
        operations.admit(person.id)

    for _ in range(times - 3):
        operations.admit(person.id)
        commit()
    # Between counting and writing there is time for everybody to count.
    monkeypatch.setattr(operations, "new_id", lambda: [time.sleep(0.1), new_id()][1])
    results = at_once(app, *[admit] * 8)
    monkeypatch.undo()
    assert results.count(None) == 3, results
    assert sum(isinstance(result, TooMany) for result in results) == 5, results
    with pytest.raises(TooMany) as refused:
        operations.admit(person.id)
    assert 0 < refused.value.after_s <= within.total_seconds()
    assert "请10分钟后再试" in refused.value.sentence
    operations.admit(factories.citizen("韩梅梅").id)
    rollback()
    earlier = protocol_now() - within - timedelta(seconds=1)
    db.session.execute(update(Attempt).where(Attempt.kind == "upload").values(at=earlier))
    commit()
    operations.admit(person.id)
    row = db.session.scalars(select(Attempt).where(Attempt.kind == "upload").limit(1)).one()
    for _ in range(a_day):
        db.session.add(Attempt(id=new_id(), kind="upload", subject=row.subject, succeeded=False, at=earlier))
    commit()
    with pytest.raises(TooMany):
        operations.admit(person.id)


def test_a_photo_is_decoded_before_anything_is_written_and_outside_a_transaction(
    person: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = []
    decode = operations.decode

    def watched(*given: object) -> object:
        transactions.append(db.session().in_transaction())
        return decode(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(operations, "decode", watched)
    queries.of_draft(new_id())
    assert db.session().in_transaction()
    operations.take(person.id, new_id(), "lease", make.jpeg())
    assert transactions == [False]
    with pytest.raises(operations.CalledWithinAnAct):
        operations.take(person.id, new_id(), "lease", make.jpeg())
    rollback()
    assert not db.session.scalars(select(Material.id)).all()


def test_a_photo_brought_at_a_counter_says_so(person: Citizen, staff_logins: dict[str, dict[str, object]]) -> None:
    from citizen_services.people.models import Staff

    clerk = db.session.scalars(select(Staff).limit(1)).one()
    draft_id = new_id()
    upload = operations.take(person.id, draft_id, "lease", make.jpeg(), staff_id=clerk.id)
    commit()
    assert upload.staff_id == clerk.id
    assert queries.of_draft(draft_id)[0].brought_by_staff
