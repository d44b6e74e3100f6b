"""What came of one row and the beginning of the next are one commit, and nothing is weaker for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from citizen_services.database import commit, db
from citizen_services.exchange.outcomes import Accepted, Outcome
from notifications import outbox, results
from notifications.channels.sms import SmsChannel
from notifications.claimed import Claimed
from notifications.models import Notice
from tests.notifications.conftest import Outside, lease_ends, somebody, tell, tries


def taking(rows: list[Claimed]) -> Callable[[], Claimed | None]:
    """Hand out rows one by one."""
    left = iter(rows)
    return lambda: next(left, None)


def states(notices: list[Notice]) -> list[str]:
    """What has become of each."""
    return [tries(notice)["sms"].state for notice in notices]


@pytest.fixture
def commits(app: Flask) -> Iterator[list[None]]:
    """One entry for each commit that reaches the database."""
    seen: list[None] = []

    def count(_: Any) -> None:
        seen.append(None)

    event.listen(db.engine, "commit", count)
    yield seen
    event.remove(db.engine, "commit", count)


def test_ten_rows_are_eleven_commits_and_no_call_is_made_within_a_transaction(
    app: Flask, partners: Outside, commits: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(10)]
    rows = outbox.claim("sms")
    seen: list[tuple[bool, str]] = []

    def send(self: SmsChannel, order: Any, ready: Any) -> Outcome:
        with db.engine.connect() as other:
            state = other.execute(text("SELECT state FROM delivery WHERE id = :id"), {"id": order.id}).scalar_one()
        seen.append((db.session().in_transaction(), state))
        return Accepted("x")

    monkeypatch.setattr(SmsChannel, "send", send)
    commits.clear()
    assert outbox.work_through(taking(rows))
    assert len(commits) == 11
    assert seen == [(False, "sending")] * 10, "its own beginning is there for all to see before each call"
    assert set(states(notices)) == {"sent"}


def test_a_failure_at_the_beginning_of_the_next_does_not_lose_the_result_before_it(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(3)]
    rows = outbox.claim("sms")
    begin, begun = outbox.begin, []

    def failing(row: Claimed) -> Any:
        begun.append(row.id)
        if len(begun) == 2:
            db.session.execute(text("SELECT 1/0"))
        return begin(row)

    monkeypatch.setattr(outbox, "begin", failing)
    assert outbox.work_through(taking(rows))
    assert states(notices) == ["sent", "pending", "sent"]
    monkeypatch.undo()
    lease_ends()
    assert outbox.work_through(taking(outbox.claim("sms")))
    assert states(notices) == ["sent"] * 3
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 3


def test_a_result_that_cannot_be_written_at_all_leaves_its_row_to_be_asked_about(
    app: Flask, partners: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = [tell(somebody()) for _ in range(2)]
    rows = outbox.claim("sms")

    def failing(*_: Any) -> bool:
        raise OperationalError("the database is away", None, Exception())

    monkeypatch.setattr(results, "finished", failing)
    with pytest.raises(OperationalError):
        outbox.work_through(taking(rows))
    db.session.rollback()
    monkeypatch.undo()
    assert states(notices) == ["sending", "pending"]
    lease_ends()
    rows = outbox.claim("sms")
    assert states(notices)[0] == "uncertain"
    assert outbox.work_through(taking(rows))
    assert states(notices)[1] == "sent"
    commit()
    assert len(partners.arrived("sms_aliyun", "SendSms")) == 2
