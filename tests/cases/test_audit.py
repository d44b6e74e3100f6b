"""Audit: whatever is tampered with in the database is found, named, and not confused with anything else."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from citizen_services.cases import operations
from citizen_services.cases.audit import seal_due, verify
from citizen_services.database import commit, db
from citizen_services.parts import parts
from tests import factories as make


@pytest.fixture
def two_cases(app: Flask) -> list[str]:
    """The ids of two sealed cases with three events each."""
    ids = []
    for _ in range(2):
        case_id = make.submitted_permit()
        for version, (action, login) in enumerate([("claim", "yl-clerk"), ("accept", "yl-clerk")], start=1):
            operations.perform(parts().catalogue, case_id, action, make.staff(login), version)
            commit()
        ids.append(str(case_id))
    assert seal_due() == 6
    commit()
    assert seal_due() == 0
    return ids


def tamper(statement: str, **values: Any) -> None:
    """Change the database as somebody with its password could."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    assert db.session.execute(text(statement), values).rowcount >= 1  # type: ignore[attr-defined]
    commit()
    db.session.expunge_all()


def test_an_untouched_installation_verifies(two_cases: list[str]) -> None:
    found = verify(parts().catalogue)
    assert found["ok"]
    assert (found["cases"], found["events"], found["broken"]) == (2, 6, [])
    assert found["sealed_until"].startswith("2026-11-09T")


OF_CASE = "WHERE case_id = :c"
TAMPERED: dict[str, tuple[list[str], int, str]] = {
    "an altered event": ([f"UPDATE case_event SET actor_id = NULL {OF_CASE} AND seq = 2"], 2, "altered"),
    "a moved time": ([f"UPDATE case_event SET at = at + interval '1 second' {OF_CASE} AND seq = 3"], 3, "altered"),
    "a missing event": ([f"DELETE FROM case_event {OF_CASE} AND seq = 2"], 2, "missing"),
    "a missing last event": ([f"DELETE FROM case_event {OF_CASE} AND seq = 3"], 2, "missing at the end"),
    "reordered events": (
        [
            f"UPDATE case_event SET seq = seq + 100 {OF_CASE} AND seq > 1",
            f"UPDATE case_event SET seq = 105 - seq {OF_CASE} AND seq > 100",
        ],
        2,
        "altered, reordered",
    ),
    "a changed state": (["UPDATE \"case\" SET state = 'approved' WHERE id = :c"], 3, "its events give"),
    "a vanished case": (
        [f"DELETE FROM case_event {OF_CASE}", f"DELETE FROM document {OF_CASE}", 'DELETE FROM "case" WHERE id = :c'],
        3,
        "vanished",
    ),
}


@pytest.mark.parametrize("fault", TAMPERED)
def test_tampering_is_found_and_named(two_cases: list[str], fault: str) -> None:
    statements, seq, why = TAMPERED[fault]
    for statement in statements:
        tamper(statement, c=two_cases[0])
    found = verify(parts().catalogue)
    assert not found["ok"]
    assert {b["case"] for b in found["broken"]} == {two_cases[0]}
    assert found["broken"][0]["seq"] == seq
    assert why in found["broken"][0]["why"]


def test_a_case_removed_with_its_newest_seal_is_found_by_the_next_one(two_cases: list[str]) -> None:
    make.submitted_permit()
    seal_due()
    commit()
    tamper("DELETE FROM seal WHERE id = (SELECT min(id) FROM seal)")
    assert any(b["case"] == "seal" for b in verify(parts().catalogue)["broken"])


def test_a_rewritten_chain_needs_the_audit_key(two_cases: list[str]) -> None:
    from citizen_services.security import Keyring

    thief = Keyring(["d" * 40], ["l" * 40], "not the audit key" * 3)
    mark = thief.audit_mark(b"\0" * 32, {"anything": 1})
    tamper("UPDATE case_event SET mark = :m WHERE case_id = :c AND seq = 1", m=mark, c=two_cases[1])
    assert verify(parts().catalogue)["broken"][0] == {
        "case": two_cases[1],
        "seq": 1,
        "why": "the event was altered, reordered or inserted",
    }
