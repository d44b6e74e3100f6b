"""A program registers a household in one go; each other adult answers for themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases.models import Case
from citizen_services.database import db
from tests.api.conftest import Program
from tests.api.test_api import Programs
from tests.api.test_on_behalf import authorised
from tests.portal.conftest import ADDRESS, Resident

ITEM = "residence-registration"
Make = Callable[..., Resident]


def ready(mine: Program) -> dict[str, Any]:
    """The caller's own draft, filled in: what a household is registered by."""
    draft = mine.post("/drafts", {"item": ITEM}).get_json()
    address = {"address_code": ADDRESS, "residence_kind": "own_home"}
    for group, data in (("address", address), ("own_home", {"ownership": "own"})):
        saved = mine.post(f"/drafts/{draft['id']}/groups/{group}", {"version": draft["version"], "data": data})
        assert saved.status_code == 200, saved.text
        draft = saved.get_json()
    return {"draft": draft["id"], "version": draft["version"], "commitment": True}


def test_a_program_registers_a_household_once_and_an_adult_only_with_their_own_yes(
    resident: Make, program: Programs, application: Flask
) -> None:
    head, mother, spouse, stranger = (
        resident(name, months=0) for name in ("韦大山", "韦老太", "龙小梅", "陆远")
    )  # fmt: skip
    authorised(mother, head, ITEM)
    mine, theirs, other = (program(one.token) for one in (head, spouse, stranger))
    body = ready(mine) | {"members": [str(mother.id)]}
    named = {"relation": "spouse", "name": spouse.name, "id_number": spouse.id_number}
    for wrong in (
        {"others": [named | {"id_number": "110105194912310021"}]},
        {"others": [named], "commitment": False},
        {"others": [named, named]},
        {"others": [named | {"id_number": head.id_number}]},
    ):
        refused = mine.post("/households", body | wrong)
        assert (refused.status_code, refused.get_json()["type"]) == (422, "invalid"), refused.text
    assert mine.post("/households", body | {"members": [str(stranger.id)]}).status_code == 404
    assert mine.post("/households", body | {"others": [named], "version": 1}).status_code == 409
    assert other.post("/households", body | {"others": [named]}).status_code == 404
    first = mine.post("/households", body | {"others": [named]}, key="one-household-only")
    assert first.status_code == 201, first.text
    members = first.get_json()["members"]
    assert [(one["relation"], one["state"]) for one in members] == [
        ("self", "done"), ("other", "done"), ("spouse", "invited"),
    ]  # fmt: skip
    assert mine.post("/households", body | {"others": [named]}, key="one-household-only").get_json() == first.get_json()
    address = f"/households/{first.get_json()['id']}"
    with application.app_context():
        assert db.session.scalar(select(func.count()).select_from(Case)) == 2
    # The invitation is the spouse's alone.
    assert other.get("/households/invitations").get_json()["items"] == []
    (asked,) = theirs.get("/households/invitations").get_json()["items"]
    assert (asked["by"], asked["relation"], asked["data"]["own_home"]) == ("韦*山", "spouse", {"ownership": "family"})
    answer = {"confirm": True, "commitment": True}
    for nobody in (mine, other):
        assert nobody.post(f"/households/invitations/{asked['id']}", answer).status_code == 404
    assert theirs.post(f"/households/invitations/{asked['id']}", {"confirm": True}).status_code == 422
    said = theirs.post(f"/households/invitations/{asked['id']}", answer)
    assert (said.status_code, said.get_json()["state"]) == (200, "done"), said.text
    assert other.get(address).status_code == theirs.get(address).status_code == 404
    last = mine.get(address).get_json()["members"][2]
    assert (last["number"], last["case_id"]) == (spouse.cases()[0].number, None)
    assert mine.get(f"/cases/{said.get_json()['case_id']}").status_code == 404
    assert mine.post(f"{address}/again", {}).status_code == 200
    assert len(spouse.cases()) == 1
