"""A program acts for another by an authorisation or as a guardian: by the pages' own rules, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases.models import Case, CaseEvent
from citizen_services.database import commit, db, new_id
from citizen_services.people import authorisations
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.models import Citizen, Consent
from notifications.models import Notice
from tests.api.conftest import Program
from tests.api.test_api import APPLICATION, Programs
from tests.portal.conftest import Resident

PERMIT, REGISTRATION = "residence-permit-first", "residence-registration"
Make = Callable[..., Resident]


def authorised(principal: Resident, agent: Resident, *items: str) -> None:
    """The principal lets the agent act, for a month."""
    with principal.app.app_context():
        row = {"words": "委托", "asked_at": clock.now(), "given_at": clock.now(), "ended_at": None}
        until = clock.today() + timedelta(days=30)
        db.session.add(
            Authorisation(
                id=new_id(), principal_id=principal.id, agent_id=agent.id, items=list(items), from_day=clock.today(),
                until_day=until, **row,
            )
        )  # fmt: skip
        commit()


@pytest.fixture
def acting(program: Programs, application: Flask) -> Callable[[Resident, Resident], Program]:
    """A maker of programs of one person that act for another."""

    class Acting(Program):
        principal = ""

        def _headers(self) -> dict[str, str]:
            return super()._headers() | {"On-Behalf-Of": self.principal}

    def make(agent: Resident, principal: Resident) -> Program:
        made = Acting(application, agent.token)
        made.principal = str(principal.id)
        return made

    return make


def test_a_program_applies_and_follows_for_another_until_it_is_taken_back(
    resident: Make, program: Programs, acting: Callable[..., Program], application: Flask
) -> None:
    principal, agent, stranger = resident("韦小花"), resident("石大海"), resident("陆远")
    theirs, own, guess = acting(agent, principal), program(agent.token), acting(stranger, principal)
    assert theirs.post("/cases", APPLICATION).status_code == 404, "nothing is authorised yet"
    # What ended before stays the person's own.
    before = principal.apply()
    principal.browser.open(f"/h5/cases/{before}")
    principal.browser.submit("withdraw")
    authorised(principal, agent, PERMIT)
    (row,) = own.get("/me/principals").get_json()["items"]
    assert row == {"id": str(principal.id), "name": "韦*花", "as": "agent", "items": [PERMIT]}
    assert program(stranger.token).get("/me/principals").get_json()["items"] == []
    # Page by page: only what was authorised, and nothing of an earlier application.
    assert theirs.post("/drafts", {"item": REGISTRATION}).status_code == 404
    assert theirs.post("/drafts", {"item": PERMIT, "earlier": str(before)}).status_code == 404
    sent = theirs.post("/cases", APPLICATION, key="one-key-for-two")
    assert sent.status_code == 201, sent.text
    case_id = sent.get_json()["id"]
    assert theirs.post("/cases", APPLICATION, key="one-key-for-two").get_json() == sent.get_json()
    assert guess.post("/cases", APPLICATION, key="one-key-for-two").status_code == 404
    # The key belongs to agent and principal: for the agent's own matter it is another key.
    mine = own.post("/cases", APPLICATION, key="one-key-for-two")
    assert mine.status_code == 201, mine.text
    assert mine.get_json()["id"] != case_id
    with application.app_context():
        event = db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id, CaseEvent.seq == 1)).one()
        assert (event.actor_id, event.actor_role) == (agent.id, "agent")
        assert db.session.get_one(Case, case_id).citizen_id == principal.id
        told = db.session.scalars(select(Notice).where(Notice.kind == "acted_for_you")).one()
        assert told.citizen_id == principal.id
    assert [one["id"] for one in theirs.get("/cases").get_json()["items"]] == [case_id]
    assert theirs.get(f"/cases/{before}").status_code == 404
    assert own.get(f"/cases/{case_id}").status_code == 404, "without the header one is oneself"
    assert theirs.get(f"/cases/{mine.get_json()['id']}").status_code == 404
    whole = theirs.get(f"/cases/{case_id}").get_json()
    assert "13800138000" not in str(whole["answers"])
    assert "代办人" in theirs.get(f"/cases/{case_id}/events").get_json()["items"][0]["who"]
    # The person's registers and permits, and whatever doesn't say so, are not done in another's name.
    for path in ("/me", "/me/registrations", "/me/permits", "/me/principals"):
        assert theirs.get(path).status_code == 403, path
    assert theirs.get("/cases", **{"On-Behalf-Of": "nobody"}).status_code == 404
    # Taken back: from that moment nothing is seen, nothing done, and the key gives nothing either.
    with application.app_context():
        who = db.session.get_one(Citizen, principal.id)
        authorisations.revoke(who, db.session.scalars(select(Authorisation.id)).one())
        commit()
    for answer in (
        theirs.get("/cases"),
        theirs.get(f"/cases/{case_id}"),
        theirs.post("/cases", APPLICATION, key="one-key-for-two"),
        theirs.post(f"/cases/{case_id}/actions/withdraw", {"version": sent.get_json()["version"], "data": {}}),
    ):
        assert (answer.status_code, answer.get_json()["type"]) == (404, "not-found")
    assert principal.cases()[-1].state == "submitted"


def test_a_guardian_s_program_applies_for_the_child_who_does_not_alone(
    resident: Make, program: Programs, acting: Callable[..., Program]
) -> None:
    parent, child = resident("韦大山"), resident("韦小宝")
    with parent.app.app_context():
        db.session.execute(update(Citizen).where(Citizen.id == child.id).values(birth_date=date(2012, 3, 1)))
        row: dict[str, Any] = {"purpose": "guardian", "words": "同意", "at": clock.now(), "by_id": parent.id}
        db.session.add(Consent(id=new_id(), citizen_id=child.id, **row))
        commit()
    alone = program(child.token).post("/cases", APPLICATION)
    assert (alone.status_code, alone.get_json()["type"]) == (403, "not-allowed")
    begun = acting(parent, child).post("/drafts", {"item": PERMIT})
    assert begun.status_code == 201, begun.text
    assert [one["item"] for one in acting(parent, child).get("/drafts").get_json()["items"]] == [PERMIT]
    assert program(parent.token).get(f"/drafts/{begun.get_json()['id']}").status_code == 404
    sent = acting(parent, child).post("/cases", APPLICATION)
    assert sent.status_code == 201, sent.text
    assert len(child.cases()) == 1
