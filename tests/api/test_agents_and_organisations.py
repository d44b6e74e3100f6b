"""Programs let others act, and act for organisations: by the pages' own steps and refusals, each write once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.people import organisations
from citizen_services.people.acting_models import Authorisation, OrganisationPerson, WorkerReport
from citizen_services.people.models import Citizen
from citizen_services.people.signals import code_wanted
from tests.api.conftest import Program
from tests.api.test_api import APPLICATION, Programs
from tests.api.test_on_behalf import Make, acting
from tests.house import House
from tests.portal.conftest import Resident
from tests.portal.test_organisations import CODE, NAME, day, firm

__all__ = ["acting", "firm"]

PERMIT = "residence-permit-first"


@pytest.fixture
def codes() -> Iterator[list[str]]:
    """The codes that phones receive, newest last."""
    got: list[str] = []

    def take(purpose: str, *, code: str, **_: Any) -> None:
        assert purpose == "authorise"
        got.append(code)

    code_wanted.connect(take, weak=False)
    yield got
    code_wanted.disconnect(take)


def pointers(answer: Any) -> set[str]:
    """Where a program's request was wrong."""
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json"), answer.text
    return {one["pointer"] for one in answer.get_json()["errors"]}


def asking(agent: Resident, **changes: Any) -> dict[str, Any]:
    """Whom the principal authorises: for a month, to apply for a permit."""
    about = {"name": agent.name, "id_number": agent.id_number, "items": [PERMIT], "until": day(agent, 30)}
    return about | {"agree": True} | changes


def test_an_authorisation_is_given_by_the_code_used_and_taken_back(
    resident: Make,
    program: Programs,
    acting: Callable[..., Program],
    application: Flask,
    codes: list[str],
) -> None:
    principal, agent, stranger = resident("韦小花"), resident("石大海"), resident("陆远")
    mine, theirs, other = program(principal.token), acting(agent, principal), program(stranger.token)
    for wrong, where in (
        ({"until": day(agent, 366)}, "/until"), ({"items": ["no-such-item"]}, "/items"), ({"agree": False}, "/agree"),
        ({"name": "石大江"}, "/id_number"),
    ):  # fmt: skip
        assert pointers(mine.post("/authorisations", asking(agent, **wrong))) == {where}
    assert codes == []
    asked = mine.post("/authorisations", asking(agent), key="authorise-once")
    assert asked.status_code == 201, asked.text
    again = mine.post("/authorisations", asking(agent), key="authorise-once")
    assert (again.status_code, again.get_json(), len(codes)) == (201, asked.get_json(), 1)
    assert "石大海" in asked.get_json()["words"]
    path = f"/authorisations/{asked.get_json()['id']}"
    assert mine.get(path).get_json() == asked.get_json()
    assert asked.headers["Location"].endswith(path)
    wrong_code = "000000" if codes[0] != "000000" else "111111"
    assert pointers(mine.post(f"{path}/give", {"code": wrong_code}, key="give-once")) == {"/code"}
    # Nobody else gives, sees or ends it, and nothing is given yet.
    assert other.get(path).status_code == 404
    assert other.post(f"{path}/give", {"code": codes[0]}).status_code == 404
    assert theirs.post("/cases", APPLICATION).status_code == 404
    assert theirs.post(f"{path}/give", {"code": codes[0]}).status_code == 403, "never for another"
    first = mine.post(f"{path}/give", {"code": codes[0]}, key="give-once")
    assert (first.status_code, first.get_json()["given"]) == (200, True), first.text
    assert mine.post(f"{path}/give", {"code": codes[0]}, key="give-once").get_json() == first.get_json()
    assert mine.post(f"{path}/give", {"code": codes[0]}).status_code == 404, "by another key it was given already"
    listed = mine.get("/authorisations")
    (row,) = listed.get_json()["items"]
    assert (row["name"], row["items"], row["until"]) == ("石*海", [PERMIT], day(agent, 30))
    assert mine.get("/authorisations", **{"If-None-Match": listed.headers["ETag"]}).status_code == 304
    (held,) = program(agent.token).get("/authorisations/received").get_json()["items"]
    assert (held["id"], held["name"]) == (row["id"], "韦*花")
    assert other.get("/authorisations/received").get_json()["items"] == []
    sent = theirs.post("/cases", APPLICATION)
    assert sent.status_code == 201, sent.text
    case = f"/cases/{sent.get_json()['id']}"
    assert theirs.get(case).status_code == 200
    assert program(agent.token).post(f"{path}/revoke").status_code == 404
    ended = mine.post(f"{path}/revoke", key="revoke-once")
    assert (ended.status_code, mine.post(f"{path}/revoke", key="revoke-once").get_json()) == (200, ended.get_json())
    assert theirs.get(case).status_code == 404
    assert mine.get("/authorisations").get_json()["items"] == []
    with application.app_context():
        assert db.session.scalar(select(func.count()).select_from(Authorisation)) == 1
        young = clock.today() - timedelta(days=15 * 365)
        db.session.execute(update(Citizen).where(Citizen.id == stranger.id).values(birth_date=young))
        commit()
    assert other.post("/authorisations", asking(agent)).status_code == 403, "a child's guardian acts"


def test_tries_at_naming_an_agent_are_counted_as_on_the_page(resident: Make, program: Programs) -> None:
    principal, agent = resident("韦小花"), resident("石大海")
    mine = program(principal.token)
    for _ in range(5):
        assert pointers(mine.post("/authorisations", asking(agent, name="石大江"))) == {"/id_number"}
    refused = mine.post("/authorisations", asking(agent))
    assert (refused.status_code, refused.get_json()["type"]) == (429, "too-many")
    assert int(refused.headers["Retry-After"]) > 0


def test_an_organisation_is_bound_others_are_named_and_workers_reported(
    resident: Make,
    program: Programs,
    firm: Callable[..., None],
    outside: House,
    application: Flask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, clerk, hand, stranger = resident("陈总"), resident("石大海"), resident("韦小花"), resident("陆远")
    mine, office, other = (program(one.token) for one in (head, clerk, stranger))
    firm(head, "shareholder")
    assert pointers(mine.post("/organisations", {"credit_code": CODE})) == {"/credit_code"}
    assert pointers(mine.post("/organisations", {"credit_code": "12"})) == {"/credit_code"}
    firm(head)
    assert pointers(other.post("/organisations", {"credit_code": CODE})) == {"/credit_code"}
    bound = mine.post("/organisations", {"credit_code": f" {CODE.lower()} "}, key="bind-once")
    assert bound.status_code == 201, bound.text
    one = bound.get_json()
    assert (one["name"], one["credit_code"], one["head"], one["matters"]) == (NAME, CODE, True, ["joined", "left"])
    assert mine.post("/organisations", {"credit_code": CODE}, key="bind-once").get_json() == one
    path = f"/organisations/{one['id']}"
    assert mine.get("/organisations").get_json()["items"] == [mine.get(path).get_json()] == [one]
    # A stranger, and who is not named yet, find nothing.
    named = {"name": clerk.name, "id_number": clerk.id_number, "matters": ["joined"], "until": day(head, 30)}
    worker = {"kind": "joined", "name": hand.name, "id_number": hand.id_number, "phone": hand.phone}
    worker |= {"day": day(head, 0), "station": "330213001000"}
    for who in (office, other):
        for answer in (
            who.get(path), who.get(f"{path}/people"), who.get(f"{path}/workers"),
            who.post(f"{path}/people", named), who.post(f"{path}/workers", worker),
        ):  # fmt: skip
            assert (answer.status_code, answer.get_json()["type"]) == (404, "not-found"), answer.text
    assert pointers(mine.post(f"{path}/people", named | {"matters": ["paid"], "until": day(head, -1)})) == {
        "/matters/0", "/until",
    }  # fmt: skip
    assert pointers(mine.post(f"{path}/people", named | {"name": "石大江"})) == {"/id_number"}
    added = mine.post(f"{path}/people", named, key="name-once")
    assert added.status_code == 201, added.text
    (person,) = added.get_json()["items"]
    assert (person["name"], person["matters"], person["until"]) == ("石*海", ["joined"], day(head, 30))
    assert mine.post(f"{path}/people", named, key="name-once").get_json() == added.get_json()
    assert mine.get(f"{path}/people").get_json() == added.get_json()
    assert office.get(f"{path}/people").status_code == 404, "only the head names others"
    assert office.get(path).get_json()["matters"] == ["joined"]
    # Reporting: in the matters alone that one was named for, and once.
    assert worker["station"] in {row["code"] for row in office.get("/organisations/stations").get_json()["items"]}
    assert pointers(office.post(f"{path}/workers", worker | {"day": day(head, 1)})) == {"/day"}
    assert pointers(office.post(f"{path}/workers", worker | {"station": "330213"})) == {"/station"}
    assert office.post(f"{path}/workers", worker | {"kind": "left"}).status_code == 403
    reported = office.post(f"{path}/workers", worker, key="report-once")
    assert (reported.status_code, reported.get_json()["late"]) == (201, False), reported.text
    assert office.post(f"{path}/workers", worker, key="report-once").get_json() == reported.get_json()
    assert office.post(f"{path}/workers", worker).status_code == 409, "reported before"
    left = mine.post(f"{path}/workers", worker | {"kind": "left", "day": day(head, -30)})
    assert (left.status_code, left.get_json()["late"]) == (201, True), left.text
    monkeypatch.setattr(organisations, "_SHOWN", 1)
    begin = office.get(f"{path}/workers").get_json()
    rest = office.get(f"{path}/workers?after={begin['next']}").get_json()
    kinds = [row["kind"] for row in begin["items"] + rest["items"]]
    assert (len(begin["items"]), sorted(kinds), rest["next"]) == (1, ["joined", "left"], None)
    assert {row["name"] for row in begin["items"] + rest["items"]} == {"韦*花"}
    # Out at once.
    ended = mine.post(f"{path}/people/{person['id']}/end", key="end-once")
    assert ended.status_code == 200, ended.text
    assert mine.post(f"{path}/people/{person['id']}/end", key="end-once").get_json() == ended.get_json()
    assert mine.post(f"{path}/people/{person['id']}/end").status_code == 404
    assert office.post(f"{path}/workers", worker | {"day": day(head, -1)}).status_code == 404
    assert office.get("/organisations").get_json()["items"] == []
    with application.app_context():
        assert db.session.scalar(select(func.count()).select_from(OrganisationPerson)) == 1
        assert db.session.scalar(select(func.count()).select_from(WorkerReport)) == 2
