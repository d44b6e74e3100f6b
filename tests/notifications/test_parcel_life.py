"""What becomes of a parcel that does not simply arrive: each way has its notice, its list, and its end."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from citizen_services.cases import visits
from citizen_services.cases.errors import CaseError, GuardFailed, InvalidInput, NotPossible
from citizen_services.cases.models import CaseEvent
from citizen_services.database import commit, db
from citizen_services.registers.queries import permit_of_case
from notifications import queries, scheduler, tasks
from notifications.models import Delivery
from tests.notifications.conftest import (
    Outside,
    act,
    applicant_acts,
    card_of,
    case_now,
    later,
    parcels_now,
    told_of,
)
from tests.notifications.test_parcels import ordered_permit, push

ELSEWHERE = {
    "way": "post",
    "receiver": "李雷",
    "receiver_phone": "13900139000",
    "province": "浙江省",
    "city": "宁波市",
    "county": "奉化区",
    "postal_address": "锦屏街道中山路66号2幢301室",
}


def posted_permit(partners: Outside) -> tuple[UUID, str]:
    """A case whose card is on its way: its id and the tracking number."""
    case_id, tracking = ordered_permit(partners)
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    return case_id, tracking


def arrive(client: FlaskClient, tracking: str, code: str, minute: int, **more: str) -> None:
    """The courier reports an event, and it is settled."""
    assert push(client, tracking, code, minute, **more) == 200
    tasks.settle()


def refused_why(case_id: UUID, action: str, login: str, data: dict[str, str] | None = None) -> CaseError:
    """Why a member of the staff may not take a step now."""
    with pytest.raises(CaseError) as caught:
        act(case_id, action, login, data)
    db.session.rollback()
    return caught.value


def test_a_refused_parcel_finds_its_new_address_at_no_cost_and_no_visit(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, first = posted_permit(partners)
    arrive(client, first, "702", 1)
    arrive(client, first, "705", 2, attemptDeliveryCode="7")
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("returning", "parcel_refused")
    assert [p.tracking for p in queries.parcels_coming_back()] == [first]
    # The person need not wait until it is back.
    with pytest.raises(InvalidInput) as incomplete:
        applicant_acts(case_id, "choose_delivery", {"way": "post", "receiver": "李雷"})
    assert "postal_address" in incomplete.value.errors
    db.session.rollback()
    applicant_acts(case_id, "choose_delivery", ELSEWHERE)
    assert case_now(case_id).data["delivery"]["postal_address"] == ELSEWHERE["postal_address"]
    arrive(client, first, "708", 3)
    arrive(client, first, "711", 9)
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("returned", "parcel_returned")
    assert [p.tracking for p in queries.parcels_returned()] == [first]
    assert len(parcels_now(case_id)) == 1, "nothing is sent that we don't hold"
    assert isinstance(refused_why(case_id, "receive_back", "fw-clerk", {"tracking": "1119044791429"}), GuardFailed)
    act(case_id, "receive_back", "fw-clerk", {"tracking": f" {first} "})
    # It goes out again by itself: another parcel, another reference, the new address.
    assert case_now(case_id).state == "made"
    assert not queries.parcels_returned()
    tasks.send("ems")
    old, new = parcels_now(case_id)
    assert new.tracking not in (None, old.tracking)
    orders = partners.arrived("ems", "020003", "accepted")
    assert len({entry["our_ref"] for entry in orders}) == 2
    assert ELSEWHERE["postal_address"] in str(orders[-1])
    act(case_id, "post", "fw-clerk", {"tracking": str(new.tracking)})
    # What is still heard of the first one moves nothing.
    arrive(client, first, "704", 20, deliverCode="20")
    assert case_now(case_id).state == "posted"
    arrive(client, str(new.tracking), "704", 30, deliverCode="10")
    case = case_now(case_id)
    assert (case.state, case.visits) == ("completed", 0)
    assert told_of(case_id).count("parcel_returned") == 1


def test_a_returned_card_may_be_collected_and_that_is_a_visit_by_choice(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "705", 1, attemptDeliveryCode="2")
    arrive(client, tracking, "708", 2)
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("returning", "parcel_returning")
    # It is here before the courier reports it.
    act(case_id, "receive_back", "fw-clerk", {"tracking": tracking})
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("returned", "parcel_returned")
    arrive(client, tracking, "711", 5)
    assert told_of(case_id).count("parcel_returned") == 1
    assert parcels_now(case_id)[0].told == "returned"
    applicant_acts(case_id, "choose_delivery", {"way": "counter"})
    assert isinstance(refused_why(case_id, "collect", "fw-clerk", {"card_number": "33021326000002"}), GuardFailed)
    act(case_id, "collect", "fw-clerk", {"card_number": card_of(case_id)})
    case = case_now(case_id)
    assert (case.state, case.visits) == ("completed", 1)
    ((visit, by_choice),) = visits.of_case(case_id)
    assert (by_choice, visit.office_code) == (True, "330213000000")


def test_whoever_comes_for_a_returned_card_without_having_chosen_to_is_served_and_counted(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "711", 5)
    assert isinstance(refused_why(case_id, "collect", "fw-clerk", {"card_number": card_of(case_id)}), GuardFailed)
    act(case_id, "receive_back", "fw-clerk", {"tracking": tracking})
    act(case_id, "collect", "fw-clerk", {"card_number": card_of(case_id)})
    assert case_now(case_id).visits == 1
    ((_, by_choice),) = visits.of_case(case_id)
    assert by_choice is False


def test_a_lost_card_is_void_made_again_and_sent_again(app: Flask, client: FlaskClient, partners: Outside) -> None:
    case_id, first = posted_permit(partners)
    lost = card_of(case_id)
    met = case_now(case_id).result_met_at
    arrive(client, first, "987", 1)
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("lost", "parcel_lost")
    assert [p.tracking for p in queries.parcels_to_check()] == [first]
    act(case_id, "make_again", "fw-clerk", {"how": "邮政确认丢失"})
    permit = permit_of_case(case_id)
    assert permit is not None
    assert (permit.state, permit.card_number) == ("approved", None)
    act(case_id, "make", "fw-clerk", {"card_number": "33021326000077"})
    tasks.send("ems")
    second = str(parcels_now(case_id)[-1].tracking)
    act(case_id, "post", "fw-clerk", {"tracking": second})
    arrive(client, second, "704", 9, deliverCode="10")
    case = case_now(case_id)
    assert (case.state, case.visits, case.results["lost_cards"]) == ("completed", 0, [lost])
    assert case.result_met_at == met, "what left us in time is not late because the courier lost it"
    permit = permit_of_case(case_id)
    assert permit is not None
    assert (permit.state, permit.card_number) == ("current", "33021326000077")
    # The province hears of both, the second as the one that replaces the first.
    kinds = db.session.scalars(select(Delivery).where(Delivery.about == permit.id).order_by(Delivery.id)).all()
    assert [row.payload["kind"] for row in kinds] == ["first", "replace"]


@pytest.mark.parametrize("code", ["20", "30", "50", "161", "ZDY"])
def test_a_signature_by_anybody_else_is_checked_with_the_person(
    app: Flask, client: FlaskClient, partners: Outside, code: str
) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "704", 1, deliverCode=code)
    assert (case_now(case_id).state, told_of(case_id)[-1]) == ("checking", "parcel_checked")
    assert [p.tracking for p in queries.parcels_to_check()] == [tracking]
    if code == "20":
        applicant_acts(case_id, "received")
        assert case_now(case_id).state == "completed"
    elif code == "30":
        act(case_id, "confirm_received", "fw-clerk", {"how": "电话联系本人，已拿到"})
        assert case_now(case_id).state == "completed"
    elif code == "50":
        applicant_acts(case_id, "not_received")
        assert case_now(case_id).state == "lost"
        # It turns up: the courier's own report ends it after all.
        arrive(client, tracking, "743", 2)
        arrive(client, tracking, "704", 3, deliverCode="10")
        assert case_now(case_id).state == "completed"
    else:
        act(case_id, "report_lost", "fw-clerk", {"how": "电话联系本人，没有收到"})
        assert case_now(case_id).state == "lost"
    assert not queries.parcels_to_check() or case_now(case_id).state == "lost"


def test_what_the_courier_revokes_is_taken_back_on_the_case(app: Flask, client: FlaskClient, partners: Outside) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "705", 1, attemptDeliveryCode="7")
    assert case_now(case_id).state == "returning"
    arrive(client, tracking, "744", 2)
    assert case_now(case_id).state == "posted"
    arrive(client, tracking, "705", 3, attemptDeliveryCode="7")
    assert told_of(case_id).count("parcel_refused") == 2, "it was refused twice"
    arrive(client, tracking, "702", 4)
    arrive(client, tracking, "704", 5, deliverCode="10")
    assert case_now(case_id).state == "completed"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("1", "address"), ("2", "address"), ("5", "address"), ("11", "address"), ("12", "address"),
     ("4", "absent"), ("6", "absent"), ("8", "absent"), ("9", "absent")],
)  # fmt: skip
def test_a_failed_delivery_is_told_once_an_event_with_what_to_do(
    app: Flask, client: FlaskClient, partners: Outside, code: str, kind: str
) -> None:
    case_id, tracking = posted_permit(partners)
    # Without the sub-code nobody knows what to tell.
    arrive(client, tracking, "705", 1)
    assert not [k for k in told_of(case_id) if k.startswith("parcel_")]
    arrive(client, tracking, "705", 1, attemptDeliveryCode=code)
    arrive(client, tracking, "705", 1, attemptDeliveryCode=code)
    assert told_of(case_id).count(f"parcel_{kind}") == 1
    arrive(client, tracking, "702", 2)
    arrive(client, tracking, "705", 3, attemptDeliveryCode=code)
    assert told_of(case_id).count(f"parcel_{kind}") == 2
    assert case_now(case_id).state == "posted"
    # One that is learned of only afterwards is no news.
    arrive(client, tracking, "705", 2, attemptDeliveryCode=code)
    assert told_of(case_id).count(f"parcel_{kind}") == 2
    tasks.send("sms")
    sent = [e for e in partners.arrived("sms_aliyun", "SendSms", "accepted") if tracking in e["text"]]
    assert len([entry for entry in sent if "11183" in entry["text"]]) == 2


def test_what_only_an_enquiry_clears_up_is_a_list(app: Flask, client: FlaskClient, partners: Outside) -> None:
    case_id, tracking = posted_permit(partners)
    arrive(client, tracking, "705", 1, attemptDeliveryCode="14")
    assert [p.tracking for p in queries.parcels_to_check()] == [tracking]
    assert not [k for k in told_of(case_id) if k.startswith("parcel_")]
    arrive(client, tracking, "702", 2)
    assert not queries.parcels_to_check()


def test_parcels_that_are_silent_for_days_are_a_list(app: Flask, client: FlaskClient, partners: Outside) -> None:
    _, tracking = posted_permit(partners)
    assert not queries.parcels_silent()
    with later(days=3, minutes=1):
        assert [p.tracking for p in queries.parcels_silent()] == [tracking]
        assert not queries.parcels_silent(days=4)
        arrive(client, tracking, "954", 5)
        assert not queries.parcels_silent()
        # The same event once more is nothing new.
        with later(days=3, minutes=1):
            arrive(client, tracking, "954", 5, opDesc="轨迹")
            assert [p.tracking for p in queries.parcels_silent()] == [tracking]
    arrive(client, tracking, "704", 6, deliverCode="10")
    with later(days=9):
        assert not queries.parcels_silent()


def test_a_case_that_cannot_follow_yet_is_brought_up_by_the_sweep_once(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    # Returned before anybody scanned it out: the courier collected it by itself.
    case_id, tracking = ordered_permit(partners)
    arrive(client, tracking, "705", 1, attemptDeliveryCode="7")
    arrive(client, tracking, "711", 2)
    assert case_now(case_id).state == "made"
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    scheduler.sweep_parcels()
    scheduler.sweep_parcels()
    assert case_now(case_id).state == "returned"
    db.session.rollback()
    actions = db.session.scalars(select(CaseEvent.action).where(CaseEvent.case_id == case_id)).all()
    assert actions.count("parcel_returned") == 1


def test_a_caller_may_have_the_choice_noted_and_nobody_chooses_for_what_is_on_its_way(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = posted_permit(partners)
    with pytest.raises(NotPossible):
        applicant_acts(case_id, "choose_delivery", ELSEWHERE)
    db.session.rollback()
    arrive(client, tracking, "711", 2)
    act(case_id, "note_choice", "fw-clerk", ELSEWHERE)
    act(case_id, "receive_back", "fw-clerk", {"tracking": tracking})
    commit()
    assert case_now(case_id).state == "made"
