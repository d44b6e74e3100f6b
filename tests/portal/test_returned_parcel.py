"""A parcel that comes back: the person chooses anew on the case's page, without a trip and at no cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from citizen_services.cases import operations
from citizen_services.database import commit
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from tests.portal.acting import staff_acts
from tests.portal.conftest import Resident

TRACKING = "1119044791429"


def system_acts(person: Resident, case_id: UUID, action: str, data: dict[str, Any] | None = None) -> None:
    """What a receipt makes happen."""
    with person.app.app_context():
        operations.perform(parts().catalogue, case_id, action, Actor.system("ems_receipt"), None, data or {})
        commit()


def refused_parcel(person: Resident) -> UUID:
    """A permit of the person's whose parcel nobody took."""
    case_id = person.apply()
    staff_acts(person, case_id, "accept", "yl-clerk")
    staff_acts(person, case_id, "approve", "yl-officer")
    staff_acts(person, case_id, "make", "fw-clerk", {"card_number": "33021326990001"})
    system_acts(person, case_id, "parcel_ordered", {"tracking": TRACKING})
    staff_acts(person, case_id, "post", "fw-clerk", {"tracking": TRACKING})
    system_acts(person, case_id, "parcel_refused")
    return case_id


def test_a_refused_parcel_finds_its_new_address(resident: Callable[..., Resident]) -> None:
    person = resident()
    case_id = refused_parcel(person)
    page = person.browser
    page.open(f"/h5/cases/{case_id}")
    assert "选择取证方式" in page.words
    page.submit("choose_delivery", way="post", postal_address="")
    assert page.page.status_code == 422
    assert 'data-error="postal_address"' in page.page.text
    page.submit("choose_delivery", way="post", postal_address="锦屏街道南山路26号2幢301室")
    assert page.page.status_code == 200
    case = person.cases()[0]
    assert case.state == "returning"
    assert case.data["delivery"]["postal_address"] == "锦屏街道南山路26号2幢301室"
    assert case.visits == 0


def test_an_unknown_way_is_refused_with_words(resident: Callable[..., Resident]) -> None:
    person = resident()
    case_id = refused_parcel(person)
    page = person.browser
    page.open(f"/h5/cases/{case_id}")
    page.submit("choose_delivery", way="pigeon")
    assert page.page.status_code == 422
    assert 'data-error="way"' in page.page.text
