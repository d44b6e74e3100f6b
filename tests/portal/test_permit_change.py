"""A move or another workplace goes onto the permit from the phone: at once where registers confirm it, no new card."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from citizen_services.cases.models import Case, Document
from citizen_services.database import db
from notifications import tasks
from notifications.models import Delivery
from tests.house import House
from tests.portal.acting import REASONS, staff_acts
from tests.portal.conftest import EMPLOYER, OTHER_ADDRESS, Resident
from tests.portal.test_addresses import declare
from tests.portal.test_replacement import holder, permit_of

CHANGE = "residence-permit-change"


def changes(person: Resident) -> list[Case]:
    """The person's applications for a change, oldest first."""
    return sorted((case for case in person.cases() if case.item == CHANGE), key=lambda case: case.submitted_at)


def paper_of(person: Resident, case: Case, kind: str) -> str:
    """What a case's document says."""
    with person.app.app_context():
        query = select(Document).where(Document.case_id == case.id, Document.kind == kind)
        return "\n".join(db.session.scalars(query).one().content["paragraphs"])


def test_a_registered_move_and_a_known_workplace_are_on_the_permit_at_once(
    resident: Callable[..., Resident], outside: House
) -> None:
    person = holder(resident)
    before = permit_of(person)
    person.begin("residence-registration")
    person.browser.submit("save", address_code=OTHER_ADDRESS, residence_kind="own_home", room="")
    person.browser.submit("save", ownership="own")
    person.browser.submit("submit", commitment="yes")
    person.begin(CHANGE)
    person.browser.submit("save", change="both")
    assert EMPLOYER in person.browser.words
    person.browser.submit("save", employment_correct="yes", employment_remark="")
    person.browser.submit("submit", commitment="yes")
    (case,) = changes(person)
    assert (case.state, case.visits, case.office_code) == ("completed", 0, "330213002000")
    after = permit_of(person)
    assert "锦绣家园12幢301室" in after.address
    assert after.address != before.address
    assert after.ground == "employment"
    assert after.workplace == EMPLOYER
    person.browser.open("/h5/permit")
    assert f"服务处所 {EMPLOYER}" in person.browser.words
    kept = ("id", "card_number", "issued_on", "counted_from", "endorsed_until", "state")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    paper = paper_of(person, case, "changed")
    assert f"居住地址变更为：{after.address}" in paper
    assert f"服务处所变更为：{EMPLOYER}" in paper
    with person.app.app_context():
        for _ in range(3):
            tasks.send("registration")
        writes = [one.payload for one in db.session.scalars(select(Delivery).where(Delivery.channel == "registration"))]
    (write,) = [one for one in writes if one.get("kind") == "change"]
    said = [write[name] for name in ("number", "address", "address_code", "employer")]
    assert said == [before.card_number, after.address, OTHER_ADDRESS, EMPLOYER]
    told = outside.control("GET", "ledger?partner=migrants&after=0").json()["entries"]
    assert any(
        f"居住证 change {person.name}" in one["text"]
        and f"服务处所 {EMPLOYER}" in one["text"]
        and one["outcome"] in ("ok", "accepted")
        for one in told
    ), "the province knows"


def test_an_address_that_nobody_has_confirmed_is_judged_by_an_officer(resident: Callable[..., Resident]) -> None:
    person = holder(resident)
    before = permit_of(person)
    # Who has not moved, as far as we know, is told what comes first.
    person.begin(CHANGE)
    person.browser.submit("save", change="address")
    person.browser.submit("submit", commitment="yes")
    assert "请先办理居住登记" in person.browser.words
    assert changes(person) == []
    declare(person)
    # The draft is as it was left.
    person.begin(CHANGE)
    person.browser.submit("submit", commitment="yes")
    (case,) = changes(person)
    assert case.state == "submitted"
    staff_acts(person, case.id, "accept", "yl-clerk")
    assert permit_of(person).address == before.address
    staff_acts(person, case.id, "approve", "yl-officer")
    (case,) = changes(person)
    assert (case.state, case.visits) == ("completed", 0)
    after = permit_of(person)
    assert "机耕路桥头北侧第二间" in after.address
    assert (after.card_number, after.ground) == (before.card_number, before.ground)
    assert "服务处所" not in paper_of(person, case, "changed")


def test_who_is_refused_reads_why_and_the_permit_stays(resident: Callable[..., Resident]) -> None:
    person = holder(resident)
    before = permit_of(person)
    declare(person)
    person.begin(CHANGE)
    person.browser.submit("save", change="address")
    person.browser.submit("submit", commitment="yes")
    (case,) = changes(person)
    staff_acts(person, case.id, "accept", "yl-clerk")
    staff_acts(person, case.id, "refuse", "yl-officer", REASONS)
    assert changes(person)[0].state == "refused"
    assert REASONS["reasons"] in paper_of(person, case, "refused")
    assert permit_of(person).address == before.address
