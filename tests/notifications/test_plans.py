"""What is asked again and again finds its few rows by an index, however many others there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from citizen_services.database import db
from notifications import queries, scheduler

MANY = 20_000
#: Parcels long signed for, with an event each; messages long delivered. They are taken back with the transaction.
ENDED = (
    f"""
    INSERT INTO parcel (id, case_id, direction, receiver, tracking, state, at, noted_at, course, told, heard_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'out', '', n, 'signed', now(), now(), 'signed', 'signed', now()
    FROM generate_series(1, {MANY}) n
    """,
    """
    INSERT INTO parcel_event (id, parcel_id, op_code, op_time, deliver_code, description, received_at)
    SELECT gen_random_uuid(), id, '704', now(), '10', '', now() FROM parcel
    """,
    f"""
    INSERT INTO delivery (id, channel, payload, state, must_be_known, by_day, made_at, attempts, checks)
    SELECT gen_random_uuid(), 'wechat', '', 'delivered', false, false, now(), 1, 0 FROM generate_series(1, {MANY}) n
    """,
    "ANALYZE parcel, parcel_event, delivery",
)
ASKED: dict[str, Callable[[], object]] = {
    "whom to ask the courier about": scheduler.parcels_to_track,
    "which cases to tell": scheduler._to_tell,
    "which parcels are silent": queries.parcels_silent,
    "what is in doubt": queries.in_doubt,
    "what is due": scheduler.due_channels,
}


@pytest.fixture
def many(app: Flask) -> Iterator[None]:
    """A district that has served its people for a year."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in ENDED:
        db.session.execute(text(statement))
    # As for a statement that is asked so often that its plan is made once for all values.
    db.session.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
    yield
    db.session.rollback()


def plan_of(ask: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> str:
    """The plans of all that is asked, in the transaction under way."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append((statement, parameters))

    monkeypatch.setattr(scheduler, "commit", lambda: None)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert seen
    lines: list[str] = []
    driver = db.session.connection().connection.cursor()
    for statement, parameters in seen:
        driver.execute(f"EXPLAIN {statement}", parameters)
        lines += [line for (line,) in driver.fetchall()]
    return "\n".join(lines)


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_it_does_not_look_through_all_that_has_ended(
    app: Flask, many: None, monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]
) -> None:
    plan = plan_of(ask, monkeypatch)
    for table in ("parcel", "parcel_event", "delivery"):
        assert f"Seq Scan on {table} " not in plan, plan


def test_a_question_without_an_index_of_its_own_is_seen(
    app: Flask, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: the index is not there."""
    db.session.execute(text("DROP INDEX ix_parcel_awaited"))
    assert "Seq Scan on parcel " in plan_of(scheduler.parcels_to_track, monkeypatch)
