"""Nobody works on the case of a near relative, nor on one in which they have a part: the case goes to a colleague."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import delete, select, text, update

from citizen_services import clock
from citizen_services.cases import recusal
from citizen_services.cases.audit import verify
from citizen_services.cases.errors import MovedOn, NotAllowed
from citizen_services.cases.models import CaseEvent, Recusal
from citizen_services.database import Change, db
from citizen_services.parts import parts
from citizen_services.people.models import StaffRelation
from tests import factories as make
from tests.cases.test_engine import act, refused
from tests.console.applications import case_now, permit
from tests.console.conftest import Desk

Desks = Callable[[str], Desk]


def test_a_declared_relatives_case_is_shown_as_not_to_be_touched_and_goes_to_a_colleague(
    app: Flask, desk: Desks
) -> None:
    case_id, person = permit()
    clerk, colleague = desk("yl-clerk"), desk("yl-both")
    clerk.open("/console/relations")
    assert "还没有登记" in clerk.words
    clerk.submit("declare", kind="sibling", id_number="11010119900101123")
    assert clerk.page.status_code == 422
    assert clerk.errors == {"id_number"}
    clerk.submit("declare", kind="sibling", id_number=person.id_number)
    assert "兄弟姐妹" in clerk.words
    assert person.id_number not in clerk.page.text, "masked"
    clerk.submit("declare", kind="sibling", id_number=person.id_number)
    assert "已经登记过" in clerk.words
    colleague.open("/console/relations")
    assert "还没有登记" in colleague.words, "only one's own"
    # The desk says why, the page does not open, the engine refuses every act, the claim included.
    clerk.open("/console/cases")
    assert "您须回避" in clerk.words
    clerk.open(f"/console/cases/{case_id}")
    assert clerk.page.status_code == 403
    assert "近亲属" in clerk.words
    for action in ("claim", "accept", "release", "request_correction"):
        fault = refused(case_id, action, make.staff("yl-clerk"))
        assert isinstance(fault, NotAllowed)
        assert "近亲属" in fault.sentence
    colleague.open(f"/console/cases/{case_id}")
    colleague.submit("claim")
    assert case_now(case_id).claimed_by == make.staff("yl-both").id
    # It holds no more: an end is no deletion.
    clerk.open("/console/relations")
    clerk.submit("end")
    assert "还没有登记" in clerk.words
    act(case_id, "release", make.staff("yl-both"))
    act(case_id, "claim", make.staff("yl-clerk"))
    row = db.session.scalars(select(StaffRelation)).one()
    assert row.ended_at is not None
    kept = db.session.execute(text("SELECT staff_relation::text FROM staff_relation")).scalar_one()
    assert person.id_number not in kept
    assert "sibling" not in kept, "encrypted"


def test_a_part_in_one_case_is_said_on_its_page_for_a_reason_and_hands_it_back(app: Flask, desk: Desks) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    clerk.submit("claim")
    clerk.open(f"/console/cases/{case_id}/recuse")
    clerk.submit("recuse", reason="")
    assert (clerk.page.status_code, clerk.errors) == (422, {"reason"})
    clerk.submit("recuse", reason="申请人是我的房客")
    assert "由其他同事办理" in clerk.words
    assert "您须回避" in clerk.words
    case = case_now(case_id)
    assert (case.claimed_by, case.desk_code) == (None, make.STATION), "it lies on the desk again"
    row = db.session.scalars(select(Recusal)).one()
    assert row.reason == "申请人是我的房客"
    # An act as others are: in the chain and in what colleagues read, the reason apart.
    event = db.session.scalars(
        select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.action == "recuse")
    ).one()
    assert (event.seq, event.from_state, event.to_state) == (case.version, case.state, case.state)
    assert event.data == {"recusal": str(row.id)}
    colleague = desk("yl-both")
    colleague.open(f"/console/cases/{case_id}")
    assert re.search(r"回避 ?· 陈静（岳林派出所 · 窗口人员）", " ".join(colleague.words.split()))
    assert "房客" not in colleague.words
    assert isinstance(refused(case_id, "claim", make.staff("yl-clerk")), NotAllowed)
    clerk.open(f"/console/cases/{case_id}")
    assert (clerk.page.status_code, "您已申请回避" in clerk.words) == (403, True)
    act(case_id, "claim", make.staff("yl-auxiliary"))
    assert verify(parts().catalogue)["ok"]


def test_a_recusal_that_somebody_altered_or_took_out_is_found(app: Flask, desk: Desks) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}/recuse")
    # Somebody was faster: nothing is written on a version that is over.
    act(case_id, "claim", make.staff("yl-auxiliary"))
    stale = case_now(case_id)
    db.session.expunge(stale)
    stale.version -= 1
    change = Change(clock.now())
    recusal.recuse(change, stale, make.staff("yl-clerk"), "申请人是我的房客")
    with pytest.raises(MovedOn):
        change.write()
    db.session.rollback()
    clerk.submit("recuse", reason="申请人是我的房客")
    assert case_now(case_id).claimed_by == make.staff("yl-auxiliary").id, "what a colleague holds stays with them"
    assert verify(parts().catalogue)["ok"]
    mine = (CaseEvent.case_id == case_id, CaseEvent.action == "recuse")
    db.session.execute(update(CaseEvent).where(*mine).values(actor_id=make.staff("yl-both").id))
    assert not verify(parts().catalogue)["ok"]
    db.session.rollback()
    db.session.execute(delete(CaseEvent).where(*mine))
    assert not verify(parts().catalogue)["ok"]
    db.session.rollback()


def test_a_relation_is_ended_by_nobody_else(app: Flask, desk: Desks) -> None:
    _, person = permit()
    clerk, other = desk("yl-clerk"), desk("jp-clerk")
    clerk.open("/console/relations")
    clerk.submit("declare", kind="spouse", id_number=person.id_number)
    relation = db.session.scalars(select(StaffRelation)).one()
    other.open("/console/relations")
    token = other.form("preferences").inputs["csrf_token"]
    data = {"csrf_token": token, "form_token": "somebody-elses"}
    other.open(f"/console/relations/{relation.id}/end", "POST", data=data)
    assert other.page.status_code == 404
    assert db.session.scalars(select(StaffRelation.ended_at)).one() is None


def test_nobody_keeps_away_from_what_has_ended(app: Flask, desk: Desks) -> None:
    case_id, person = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}/recuse")
    act(case_id, "withdraw", make.applicant(person))
    before = case_now(case_id).version
    clerk.submit("recuse", reason="申请人是我的房客")
    assert (clerk.page.status_code, "已经办结" in clerk.words) == (409, True)
    assert (case_now(case_id).version, db.session.scalars(select(Recusal)).all()) == (before, [])
