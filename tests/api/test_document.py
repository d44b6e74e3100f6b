"""The OpenAPI document is true: whatever a program sends by it, every answer is one that the document names."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from tests.api.conftest import Program
from tests.portal.conftest import Resident

#: Nothing crashes, and every status, media type and body is one that the document names.
_HELD = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def _document(application: Flask) -> Any:
    answer = application.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    return answer.get_json()


def test_the_document_names_this_door_alone_and_each_operation_whole(application: Flask) -> None:
    document = _document(application)
    assert document["openapi"] == "3.1.0"
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    rules = {rule.rule for rule in application.url_map.iter_rules() if rule.rule.startswith("/api/v1/")}
    assert len(document["paths"]) == len(rules)
    ids = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            ids.append(operation["operationId"])
            codes = set(operation["responses"])
            assert {"500", "503"} <= codes, where
            problems = [code for code in codes if code >= "400"]
            for code in problems:
                content = operation["responses"][code]["content"]
                assert list(content) == ["application/problem+json"], f"{where} {code}"
            if method == "post":
                keys = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
                assert [one["required"] for one in keys] == [True], where
            if not path.startswith(("/api/v1/items", "/api/v1/slots/free")):
                assert operation["security"], where
                assert {"401", "403", "429"} <= codes, where
    assert len(ids) == len(set(ids))
    sent = document["paths"]["/api/v1/cases"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    named = [one["$ref"].rpartition("/")[2] for one in sent["oneOf"] if "$ref" in one]
    assert named == [
        "ResidenceRegistrationV1",
        "ResidencePermitFirstV2",
        "ResidencePermitEndorseV1",
        "ResidencePermitReplaceV3",
        "ResidencePermitRenewV3",
        "ResidencePermitChangeV1",
        "LicenceRenewV1",
        "LicenceReplaceDamagedV1",
        "LicenceReplaceLostV1",
        "LicenceTransferInV1",
        "LicenceChangeV1",
        "LicenceMedicalV1",
        "LicencePostponeV1",
        "VehiclePlateReplaceV1",
        "VehicleLicenceReplaceV1",
        "VehicleMarkReplaceV1",
        "VehicleMarkExemptV1",
        "VehicleContactV1",
    ]
    permit = document["components"]["schemas"]["ResidencePermitFirstV2"]["properties"]["data"]["properties"]
    assert "receiver_phone" in permit["delivery"]["properties"]


@pytest.fixture
def world(
    resident: Callable[..., Resident], desk_program: Callable[[str], Program], application: Flask
) -> dict[str, Any]:
    """Ids and tokens that reach something, so that not every answer is 404."""
    person = resident()
    case_id = person.apply()
    draft = person.begin("residence-registration").rpartition("/")[2]
    return {
        "tokens": [person.token, desk_program("yl-clerk").token, "nobody"],
        "case_id": str(case_id),
        "draft_id": draft,
        "code": "residence-permit-first",
    }


def test_whatever_is_sent_by_the_document_gets_an_answer_that_it_names(
    world: dict[str, Any], application: Flask, database: None
) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    found = list(schema.get_all_operations())
    assert len(found) == sum(len(one) for one in _document(application)["paths"].values())
    statuses: set[int] = set()
    for result in found:
        operation = result.ok()

        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), token=st.sampled_from(world["tokens"]), known=st.booleans())
        def call(case: Any, token: str, known: bool) -> None:
            if known:
                case.path_parameters.update({k: v for k, v in world.items() if k in case.path_parameters})
            case.headers["Authorization"] = f"Bearer {token}"
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                answer = case.call()
            statuses.add(answer.status_code)
            case.validate_response(answer, checks=_HELD)

        call()
    assert {200, 401, 404, 422} <= statuses
