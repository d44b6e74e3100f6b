"""What came of some rows and the beginning of others are one commit, and nothing is weaker for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from citizen_services.database import commit, db
from citizen_services.exchange.outcomes import Accepted, NotAccepted, Outcome
from notifications import outbox, results, rounds, tasks
from notifications.channels.sms import SmsChannel
from notifications.claimed import Claimed
from notifications.models import Delivery, Notice
from notifications.receipts.settlement import move
from notifications.results import Done
from tests.notifications.conftest import Outside, lease_ends, somebody, tell, tries
from tests.notifications.hands import work_through


def states(notices: list[Notice]) -> list[str]:
    """What has become of each."""
    return [tries(notice)["sms"].state for notice in notices]


def claimed(notices: list[Notice]) -> list[Claimed]:
    """What is due, in the order of these notices: what falls due at one moment is claimed in any order."""
    ids = [tries(notice)["sms"].id for notice in notices]
    return sorted(outbox.claim("sms"), key=lambda row: ids.index(row.id))


@pytest.fixture
def commits(app: Flask) -> Iterator[list[None]]:
    """One entry for each commit that reaches the database."""
    seen: list[None] = []

    def count(_: Any) -> None:
        seen.append(None)

    event.listen(db.engine, "commit", count)
    yield seen
    event.remove(db.engine, "commit", count)


@pytest.mark.parametrize(("at_once", "rounds_of_ten"), [(1, 11), (5, 4)])
def test_rows_share_commits_and_no_call_is_made_within_a_transaction(
    app: Flask,
    partners: Outside,
    commits: list[None],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    rounds_of_ten: int,
) -> None:
    notices = [tell(somebody()) for _ in range(10)]
    rows = claimed(notices)
    seen: list[tuple[bool, str]] = []

    def send(self: SmsChannel, order: Any, ready: Any) -> Outcome:
        with db.engine.connect() as other:
            state = other.execute(text("SELECT state FROM delivery WHERE id = :id"), {"id": order.id}).scalar_one()
        seen.append((db.session().in_transaction(), state))
        return Accepted(f"x{order.id}")

    monkeypatch.setattr(SmsChannel, "send", send)
    commits.clear()
    assert work_through(rows, at_once)
    # Four at first, then as many as there are hands; the last commit notes the last ones.
    assert len(commits) == rounds_of_ten
    assert seen == [(False, "sending")] * 10, "its own beginning is there for all to see before each call"
    assert set(states(notices)) == {"sent"}
    assert {tries(notice)["sms"].partner_ref for notice in notices} == {f"x{row.id}" for row in rows}


def test_a_receipt_that_overtakes_one_of_a_round_ends_that_one_and_learns_its_name(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(3)]
    rows = claimed(notices)

    def send(self: SmsChannel, order: Any, ready: Any) -> Outcome:
        if order.id == rows[1].id:
            with app.app_context():
                assert move(order.id, True, "DELIVERED", None)
                commit()
        return Accepted(f"x{order.id}")

    monkeypatch.setattr(SmsChannel, "send", send)
    assert work_through(rows, 3)
    assert states(notices) == ["sent", "delivered", "sent"]
    assert [tries(notice)["sms"].partner_ref for notice in notices] == [f"x{row.id}" for row in rows]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_failure_at_the_beginning_of_one_row_loses_neither_results_nor_its_neighbours(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    notices = [tell(somebody()) for _ in range(5)]
    rows = claimed(notices)
    begin = outbox.begin

    def failing(some: Sequence[Claimed], gateways: Mapping[UUID, str]) -> Any:
        if any(row.id == rows[1].id for row in some):
            db.session.execute(text("SELECT 1/0"))
        return begin(some, gateways)

    monkeypatch.setattr(outbox, "begin", failing)
    assert work_through(rows, at_once)
    assert states(notices) == ["sent", "pending", "sent", "sent", "sent"]
    monkeypatch.undo()
    lease_ends()
    assert work_through(outbox.claim("sms"))
    assert states(notices) == ["sent"] * 5
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 5


def test_a_result_that_cannot_be_written_at_all_leaves_its_row_alone_to_be_asked_about(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(4)]
    rows = claimed(notices)
    note = results.note

    def failing(done: Sequence[Done]) -> bool:
        if any(one.row.id == rows[0].id for one in done):
            raise OperationalError("the database is away", None, Exception())
        return note(done)

    monkeypatch.setattr(results, "note", failing)
    assert work_through(rows, 2)
    monkeypatch.undo()
    assert states(notices) == ["sending", "sent", "sent", "sent"]
    lease_ends()
    assert not outbox.claim("sms"), "it is asked about later, not sent"
    assert states(notices)[0] == "uncertain"
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 4


def test_a_process_that_ends_in_a_call_leaves_in_doubt_only_what_was_under_way(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(9)]
    rows = claimed(notices)
    called: list[Any] = []

    class Killed(BaseException):
        """Our process ends here."""

    def send(self: SmsChannel, order: Any, ready: Any) -> Outcome:
        called.append(order.id)
        if len(called) == 6:
            raise Killed
        return Accepted("x")

    monkeypatch.setattr(SmsChannel, "send", send)
    with pytest.raises(Killed):
        work_through(rows, 4)
    db.session.rollback()
    assert states(notices) == ["sent"] * 4 + ["sending"] * 4 + ["pending"]


def test_a_partner_that_refuses_the_account_is_called_by_few_and_what_was_not_begun_is_given_back(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(12)]
    called: list[Any] = []

    def send(self: SmsChannel, order: Any, ready: Any) -> Outcome:
        called.append(order.id)
        return NotAccepted("operator", "isv.AMOUNT_NOT_ENOUGH")

    monkeypatch.setattr(SmsChannel, "send", send)
    tasks.send("sms")
    assert len(called) <= rounds.AT_FIRST
    assert set(states(notices)) == {"pending"}
    db.session.rollback()
    assert not db.session.scalars(select(Delivery.id).where(Delivery.lease.is_not(None))).all()
