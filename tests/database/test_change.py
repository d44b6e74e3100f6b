"""Change and idempotency: one fixed order, all or nothing, and a repetition finds the first answer."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import Select, bindparam, event, select, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.database import Change, Conflict, commit, db, violated_constraint
from citizen_services.database.base import after_commit, rollback
from citizen_services.database.direct import Direct, insert_all
from citizen_services.database.idempotency import CONSTRAINT, KeyReused, Once
from citizen_services.database.models import IdempotencyKey, Installation

_TAKEN = Direct(
    update(Installation)
    .where(Installation.name == bindparam("guarded_name"), Installation.value == bindparam("seen"))
    .values(value="taken")
)


def test_a_guard_that_hits_nothing_undoes_everything(app: Flask) -> None:
    change = Change(clock.now())
    change.add(Installation, name="planted", value=1)
    change.count(update(Installation).where(Installation.name == "nobody").values(value=2))
    with pytest.raises(Conflict):
        change.write()
    rollback()
    assert db.session.get(Installation, "planted") is None


def test_rows_that_go_in_one_statement_with_their_guard_are_inserted_only_where_it_hits(app: Flask) -> None:
    def written(name: str, seen: int, refused: Exception | None = None) -> Change:
        change = Change(clock.now())
        change.guard(_TAKEN, otherwise=lambda: refused or Conflict(), guarded_name=name, seen=seen)
        change.add(Installation, name="first", value=[1])
        change.add(Installation, name="second", value=None)
        Once.of("citizen:1", "submit", "token", {}).remember(change, {"number": 7})
        change.write()
        return change

    db.session.add(Installation(name="guarded", value=1))
    commit()
    for name, seen in (("guarded", 2), ("nobody", 1)):
        with pytest.raises(LookupError):
            written(name, seen, LookupError())
        # Nothing was inserted, whoever goes on in this transaction.
        commit()
        assert _names() == {"guarded"}
    written("guarded", 1)
    commit()
    assert _names() == {"guarded", "first", "second"}
    assert db.session.get_one(Installation, "first").value == [1]
    assert db.session.scalar(_value_of("guarded")) == "taken"
    assert db.session.scalars(select(IdempotencyKey.answer)).one() == {"number": 7}
    with pytest.raises(ValueError, match="guard"):
        insert_all({}, (_TAKEN, {"guarded_name": "guarded", "seen": 1}))


def test_of_many_changes_under_one_guard_one_writes_its_rows(app: Flask) -> None:
    db.session.add(Installation(name="guarded", value=1))
    commit()
    together, refused = threading.Barrier(6), []

    def act(number: int) -> None:
        with app.app_context():
            change = Change(clock.now())
            change.guard(_TAKEN, guarded_name="guarded", seen=1)
            # All want the same name: whoever is not let through by the guard must not run into that either.
            change.add(Installation, name="won", value=number)
            together.wait()
            try:
                change.write()
                commit()
            except Conflict:
                refused.append(number)
                rollback()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert {db.session.scalar(_value_of("won"))} == set(range(6)) - set(refused)


def _names() -> set[str]:
    return set(db.session.scalars(select(Installation.name))) & {"guarded", "first", "second"}


def _value_of(name: str) -> Select[Any]:
    return select(Installation.value).where(Installation.name == name)


def test_a_change_is_written_once(app: Flask) -> None:
    change = Change(clock.now())
    change.write()
    with pytest.raises(RuntimeError):
        change.write()


def test_what_was_asked_for_after_the_commit_is_done_once_and_forgotten_on_rollback(app: Flask) -> None:
    done: list[str] = []

    def wake() -> None:
        done.append("woken")

    after_commit(wake)
    after_commit(wake)
    rollback()
    commit()
    assert done == []
    after_commit(wake)
    after_commit(wake)
    commit()
    assert done == ["woken"]


def test_of_many_requests_with_one_key_one_writes_and_all_get_its_answer(app: Flask) -> None:
    together, answers, violated = threading.Barrier(8), [], set()

    def send() -> None:
        with app.app_context():
            once = Once.of("citizen:1", "submit", "token", {"a": 1})
            together.wait()
            change = Change(clock.now())
            once.remember(change, {"number": threading.get_ident()})
            try:
                change.write()
                commit()
            except IntegrityError as fault:
                violated.add(violated_constraint(fault))
                rollback()
            answers.append(once.answer())

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert violated <= {CONSTRAINT}
    assert len({str(answer) for answer in answers}) == 1
    assert len(db.session.scalars(select(IdempotencyKey)).all()) == 1


def test_the_same_key_with_another_body_and_another_persons_key_yield_nothing(app: Flask) -> None:
    change = Change(clock.now())
    Once.of("citizen:1", "submit", "token", {"a": 1}).remember(change, {"number": 7})
    change.write()
    commit()
    with pytest.raises(KeyReused):
        Once.of("citizen:1", "submit", "token", {"a": 2}).answer()
    assert Once.of("citizen:2", "submit", "token", {"a": 1}).answer() is None
    assert Once.of("citizen:1", "submit", "token", {"a": 1}).answer() == {"number": 7}


def _planted(name: str, *, seen: int | None = None) -> Change:
    change = Change(clock.now())
    if seen is not None:
        change.guard(_TAKEN, otherwise=LookupError, guarded_name="guarded", seen=seen)
    change.add(Installation, name=name, value=1)
    return change


def _status() -> Any:
    return db.session.connection().connection.driver_connection.info.transaction_status  # type: ignore[union-attr]


def test_the_last_write_of_an_act_is_left_to_its_commit_and_is_a_transaction_by_itself(app: Flask) -> None:
    at_commit = []
    event.listen(db.session, "before_commit", look := lambda _: at_commit.append(_status()))
    try:
        _planted("first").write(last=True)
        rollback()
        commit()
        assert _names() == set()
        rollback()
        at_commit.clear()
        _planted("first").write(last=True)
        commit()
        # Nothing was begun, though the row is there; where something was written before, it goes along.
        assert at_commit == [TransactionStatus.IDLE]
        assert _names() == {"first"}
        db.session.add(Installation(name="guarded", value=1))
        _planted("second").write(last=True)
        commit()
        assert at_commit[1:] == [TransactionStatus.INTRANS]
        assert _names() == {"first", "second", "guarded"}
    finally:
        event.remove(db.session, "before_commit", look)


def test_a_last_write_that_is_refused_is_refused_by_the_commit_and_leaves_nothing(app: Flask) -> None:
    db.session.add(Installation(name="guarded", value=1))
    commit()
    _planted("first", seen=2).write(last=True)
    with pytest.raises(LookupError):
        commit()
    rollback()
    db.session.add(Installation(name="first", value=1))
    _planted("guarded").write(last=True)
    with pytest.raises(IntegrityError) as raised:
        commit()
    assert violated_constraint(raised.value) == "pk_installation"
    rollback()
    assert _names() == {"guarded"}
    _planted("first", seen=1).write(last=True)
    with pytest.raises(RuntimeError, match="last write"):
        _planted("second").write(last=True)
    rollback()
    # What can't go in one statement is written at once, in the transaction that the commit ends.
    change = _planted("first", seen=1)
    change.guard(update(Installation).where(Installation.name == "guarded").values(value="twice"))
    change.write(last=True)
    assert _status() == TransactionStatus.INTRANS
    commit()
    assert _names() == {"guarded", "first"}
