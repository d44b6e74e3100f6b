"""A person's program consents to electronic service and withdraws it, as the pages do; nobody else does it for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services.cases import operations, serving
from citizen_services.cases.models import Case
from citizen_services.database import commit, db, new_id
from citizen_services.parts import parts
from citizen_services.people.models import Consent
from citizen_services.rules.dates import local_date
from tests import factories as make
from tests.api.conftest import Program
from tests.portal.conftest import Resident

Make = Callable[..., Resident]
Programs = Callable[[str | None], Program]
PATH = "/me/electronic-service"
WHY = {"reasons": "社会保险登记显示您已离职。", "ground": "《居住证暂行条例》第二条"}


def refused(case_id: UUID, application: Flask) -> None:
    """An officer refuses a case."""
    with application.app_context():
        for action, login, data in (("accept", "yl-clerk", None), ("refuse", "yl-officer", WHY)):
            case = db.session.get_one(Case, case_id, populate_existing=True)
            operations.perform(parts().catalogue, case_id, action, make.staff(login), case.version, data)
            commit()


def test_a_program_agrees_for_every_case_or_for_one_and_withdraws(
    resident: Make, program: Programs, application: Flask
) -> None:
    person = resident("韦小花")
    own = program(person.token)
    assert own.get(PATH).get_json() == {
        "consents": False, "words": serving.STANDING, "cases": [], "case_words": serving.ONE_CASE,
    }  # fmt: skip
    case_id = person.apply()
    agreed = own.post(PATH, {"consents": True, "case": str(case_id)}, key="agree-to-one-case")
    assert (agreed.status_code, agreed.get_json()["cases"]) == (200, [str(case_id)])
    assert own.post(PATH, {"consents": True, "case": str(case_id)}, key="agree-to-one-case").get_json() == (
        agreed.get_json()
    )
    assert own.post(PATH, {"consents": False, "case": str(case_id)}, key="agree-to-one-case").status_code == 422
    refused(case_id, application)
    documents = own.get(f"/cases/{case_id}").get_json()["documents"]
    served = {one["kind"]: one["served"] for one in documents}
    assert [how for how in served.values() if how is None], "a voucher is not served"
    (how,) = [how for how in served.values() if how is not None]
    assert (how["way"], how["at"] is not None) == ("electronic", True)
    with application.app_context():
        at = serving.of_case(case_id)[0].served_at
        assert at is not None
        assert how["reconsideration_until"] == (local_date(at) + timedelta(days=60)).isoformat()
        kept = db.session.scalars(select(Consent).where(Consent.purpose == serving.PURPOSE)).one()
        assert (kept.citizen_id, kept.words) == (person.id, serving.ONE_CASE)
    assert own.post(PATH, {"consents": True}).get_json()["consents"] is True
    assert own.post(PATH, {"consents": False}).get_json() | {"cases": []} == own.get(PATH).get_json() | {"cases": []}
    assert own.get(PATH).get_json()["consents"] is False


def test_a_letter_s_document_says_that_it_is_not_served_yet(
    resident: Make, program: Programs, application: Flask
) -> None:
    person = resident("韦小花")
    case_id = person.apply()
    refused(case_id, application)
    documents = program(person.token).get(f"/cases/{case_id}").get_json()["documents"]
    (how,) = [one["served"] for one in documents if one["served"] is not None]
    assert how == {"way": "ems", "at": None, "reconsideration_until": None, "court_until": None}


def test_nobody_consents_for_another_or_in_nonsense(resident: Make, program: Programs, application: Flask) -> None:
    person, stranger = resident("韦小花"), resident("石大海")
    case_id = person.apply()
    theirs = program(stranger.token)
    for which in (str(case_id), str(new_id())):
        answer = theirs.post(PATH, {"consents": True, "case": which})
        assert (answer.status_code, answer.get_json()["type"]) == (404, "not-found")
    bad: list[Any] = [{}, {"consents": "perhaps"}, {"consents": True, "case": "x"}, {"consents": True, "more": 1}]
    assert [theirs.post(PATH, body).status_code for body in bad] == [422, 422, 422, 422]
    assert program(None).post(PATH, {"consents": True}).status_code == 401
    with_header = theirs.get(PATH, **{"On-Behalf-Of": str(person.id)})
    assert with_header.status_code == 403
    with application.app_context():
        assert db.session.scalars(select(Consent).where(Consent.purpose == serving.PURPOSE)).all() == []
