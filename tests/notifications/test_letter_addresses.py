"""The address of a letter by a person's program, and by whoever acts for them: a guardian, an agent, nobody else."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.database import commit, db, new_id
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.models import Citizen, Consent
from notifications.models import Letter, Notice
from tests.notifications.conftest import Outside, parcels_now, somebody, told_of
from tests.notifications.test_by_hand import token_of
from tests.notifications.test_letters import Phone, refused
from tests.notifications.test_letters_again import PLACE, came_back, document_of, give, without_address


class Program:
    """A person's program, in its own name or in another's. Each request runs in a context of its own."""

    def __init__(self, app: Flask, person: Citizen, principal: UUID | None = None) -> None:
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {token_of(person)}"}
        if principal is not None:
            self._headers["On-Behalf-Of"] = str(principal)

    def get(self, path: str = "") -> TestResponse:
        """Read below /me/letters."""
        url = f"/api/v1/me/letters{path}"
        return contextvars.Context().run(lambda: self._client.get(url, headers=self._headers))

    def post(self, document_id: UUID, body: Mapping[str, Any], key: str) -> TestResponse:
        """Give an address."""
        url, headers = f"/api/v1/me/letters/{document_id}", self._headers | {"Idempotency-Key": key}
        return contextvars.Context().run(lambda: self._client.post(url, headers=headers, json=dict(body)))


def guardian_of(child: Citizen) -> Citizen:
    """The child's guardian, who agreed; the child is twelve."""
    parent = somebody()
    db.session.execute(update(Citizen).where(Citizen.id == child.id).values(birth_date=date(2014, 3, 1)))
    row: dict[str, Any] = {"purpose": "guardian", "words": "同意", "at": clock.now(), "by_id": parent.id}
    db.session.add(Consent(id=new_id(), citizen_id=child.id, **row))
    commit()
    return parent


def agent_of(person: Citizen, *items: str) -> Citizen:
    """Somebody whom the person authorised for these items a month ago."""
    agent, since = somebody(), clock.now() - timedelta(days=30)
    db.session.add(
        Authorisation(
            id=new_id(), principal_id=person.id, agent_id=agent.id, items=list(items), from_day=since.date(),
            until_day=clock.today() + timedelta(days=30), words="委托", asked_at=since, given_at=since, ended_at=None,
        )
    )  # fmt: skip
    commit()
    return agent


def letters_of(case_id: UUID) -> list[tuple[str, str, UUID | None]]:
    """Each letter of a case, in turn: its address, who gave it, and who acted for the person."""
    found = [(parcel, db.session.get_one(Letter, parcel.id)) for parcel in parcels_now(case_id)]
    rows = sorted(found, key=lambda one: one[1].nth)
    return [(parcel.receiver["address"], letter.given_by, letter.acted_by) for parcel, letter in rows]


def test_a_person_s_program_reads_where_a_letter_is_and_gives_another_address_once(
    app: Flask, partners: Outside
) -> None:
    person = somebody()
    case_id = refused(person, without_address)
    document_id, own = document_of(case_id), Program(app, person)
    (row,) = own.get().get_json()["items"]
    assert (row["document"], row["case_id"], row["wants_address"]) == (str(document_id), str(case_id), True)
    assert row["address"]["postal_address"] == ""
    assert "没有您的地址" in row["words"]
    assert own.get(f"/{document_id}").get_json() == row
    bad = own.post(document_id, PLACE | {"city": "", "more": "x"}, "address-of-mine")
    assert (bad.status_code, {line["pointer"] for line in bad.get_json()["errors"]}) == (422, {"/city", "/more"})
    for _ in range(2):
        given = own.post(document_id, PLACE, "address-of-mine")
        assert (given.status_code, given.get_json()["wants_address"]) == (200, False)
        assert given.get_json()["address"] == PLACE
    assert letters_of(case_id) == [(PLACE["postal_address"], "citizen", None)]
    again = own.post(document_id, PLACE | {"postal_address": "新村 9 幢"}, "another-address")
    assert (again.status_code, again.get_json()["type"]) == (409, "not-done"), "it is under way"
    # It comes back: another address is another letter.
    came_back(parcels_now(case_id)[0].id)
    assert own.get(f"/{document_id}").get_json()["wants_address"] is True
    assert own.post(document_id, PLACE | {"postal_address": "新村 9 幢"}, "a-third-address").status_code == 200
    assert [place for place, *_ in letters_of(case_id)] == [PLACE["postal_address"], "新村 9 幢"]
    # Nobody else's program sees or moves it, and nobody's key.
    stranger = Program(app, somebody())
    assert (stranger.get().get_json()["items"], stranger.get(f"/{document_id}").status_code) == ([], 404)
    assert stranger.post(document_id, PLACE, "address-of-mine").status_code == 404
    assert Program(app, somebody(), person.id).get().status_code == 404
    assert told_of(case_id).count("acted_for_you") == 0


def test_a_guardian_gives_it_for_the_child_on_the_phone_and_the_child_is_told(app: Flask, partners: Outside) -> None:
    child = somebody()
    case_id = refused(child, without_address)
    parent, document_id = guardian_of(child), document_of(case_id)
    phone = Phone(app, parent)
    assert f"/h5/letters/{document_id}" in phone.get(f"/h5/cases/{case_id}").text
    page = phone.get(f"/h5/letters/{document_id}")
    assert page.status_code == 200
    assert "监护人" in page.text, "in whose name one acts stands on the page"
    assert give(phone, document_id, **PLACE).status_code == 303
    assert letters_of(case_id) == [(PLACE["postal_address"], "citizen", parent.id)]
    notice = db.session.scalars(select(Notice).where(Notice.case_id == case_id, Notice.kind == "acted_for_you")).one()
    assert notice.citizen_id == child.id
    assert "填写文书的收信地址" in notice.text
    assert Phone(app, somebody()).get(f"/h5/letters/{document_id}").status_code == 404
    # And by a program, once it came back.
    came_back(parcels_now(case_id)[0].id)
    program = Program(app, parent, child.id)
    assert [one["document"] for one in program.get().get_json()["items"]] == [str(document_id)]
    assert program.post(document_id, PLACE | {"postal_address": "新村 9 幢"}, "for-the-child").status_code == 200
    assert letters_of(case_id)[1] == ("新村 9 幢", "citizen", parent.id)
    assert told_of(case_id).count("acted_for_you") == 2
    assert Program(app, parent).get().get_json()["items"] == [], "without the header one is oneself"


def test_an_agent_gives_it_for_what_was_authorised_and_for_nothing_else(app: Flask, partners: Outside) -> None:
    person = somebody()
    case_id = refused(person, without_address)
    document_id = document_of(case_id)
    item = db.session.get_one(Case, case_id).item
    other, agent = agent_of(person, "residence-registration"), agent_of(person, item)
    beyond = Program(app, other, person.id)
    assert (beyond.get().get_json()["items"], beyond.get(f"/{document_id}").status_code) == ([], 404)
    assert beyond.post(document_id, PLACE, "beyond-the-scope").status_code == 404
    assert Phone(app, other).get(f"/h5/letters/{document_id}").status_code == 404
    theirs = Program(app, agent, person.id)
    assert theirs.post(document_id, PLACE, "within-the-scope").status_code == 200
    assert letters_of(case_id) == [(PLACE["postal_address"], "citizen", agent.id)]
    db.session.execute(update(Authorisation).where(Authorisation.agent_id == agent.id).values(ended_at=clock.now()))
    commit()
    assert theirs.get().status_code == 404
    assert theirs.post(document_id, PLACE, "within-the-scope").status_code == 404, "taken back, the key yields nothing"
