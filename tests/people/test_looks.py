"""Who looked at a person's data: each case shows its own looks, and what was written as a reason is kept encrypted."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select, text

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.models import RoleGrant, Staff
from tests.factories import STATION, citizen

REASON = "王小明的父亲来窗口询问"


def test_a_case_shows_its_own_looks_however_many_fell_on_others(app: Flask) -> None:
    person, this, other = citizen(), new_id(), new_id()
    clerk = db.session.scalars(
        select(Staff)
        .join(RoleGrant)
        .where(RoleGrant.role == "clerk", Staff.office_code == STATION)
        .order_by(Staff.login)
    ).first()
    assert clerk is not None
    actor = Actor("staff", clerk.id, office=clerk.office_code, roles=frozenset({"clerk"}), standing=clerk.standing)
    for case_id, reason, times in ((this, REASON, 1), (other, looks.HANDLING, 120)):
        change = Change(clock.now())
        for _ in range(times):
            looks.note(change, actor, person.id, "opened", reason, role="clerk", case_id=case_id)
        change.write()
    commit()
    assert [look.reason for look in looks.looks_at(person.id, this)] == [REASON]
    assert len(looks.looks_at(person.id, other)) == len(looks.looks_at(person.id)) == 100
    kept = db.session.execute(text("SELECT reason FROM look WHERE case_id = :case"), {"case": this}).scalar_one()
    assert "王小明" not in str(kept)
    assert "look_citizen_id_case_id_at" in _plan(person.id, this), "an index leads there"
    assert db.session.scalar(select(func.count()).select_from(looks.Look)) == 121


def _plan(citizen_id: object, case_id: object) -> str:
    """How PostgreSQL would read them where a scan of the whole table is no choice."""
    db.session.execute(text("ANALYZE look"))
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    rows = db.session.execute(
        text(
            "EXPLAIN SELECT * FROM look WHERE citizen_id = :who AND case_id = :case ORDER BY at DESC, id DESC LIMIT 9"
        ),
        {"who": citizen_id, "case": case_id},
    )
    return "\n".join(row[0] for row in rows)
