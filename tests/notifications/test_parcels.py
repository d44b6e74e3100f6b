"""A permit's parcel: ordered once, followed by codes and never by words; the case ends with the person's signature."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from citizen_services.cases.models import CaseEvent
from citizen_services.clock import SHANGHAI
from citizen_services.database import commit, db, new_id
from citizen_services.exchange.ems import TrackEvent, seal
from citizen_services.parts import parts
from citizen_services.rules.errors import RuleError
from notifications import parcels, queries, scheduler, tasks
from notifications.errors import AlreadyNumbered
from notifications.models import Delivery, Parcel, ParcelEvent, Receipt
from notifications.operations import number_from_label
from tests.notifications.conftest import Outside, act, case_now, due_now, lease_ends, made_permit, parcel_now

MORNING = datetime(2026, 11, 10, 8, 0, tzinfo=SHANGHAI)


def stamp(minute: int) -> str:
    """A moment of that morning as China Post writes it."""
    return (MORNING + timedelta(minutes=minute)).strftime("%Y-%m-%d %H:%M:%S")


def push(client: FlaskClient, tracking: str, code: str, minute: int, **more: str) -> int:
    """What China Post pushes; the answer's status."""
    partner = parts().settings.partners["ems"]
    event = {
        "waybillNo": tracking,
        "opCode": code,
        "opTime": stamp(minute),
        "opName": "无法签收" if code == "705" else "轨迹",
        "opDesc": "已签收" if code == "705" else "轨迹",
        **more,
    }
    body = {
        "method": "040002",
        "senderNo": partner["sender_no"],
        "serialNo": new_id().hex.upper(),
        "timeStamp": event["opTime"],
        "msgType": "0",
        "version": "v1.0.0",
        "logitcsInterface": seal(json.dumps(event, ensure_ascii=False), partner["sign_key"]),
    }
    answer = client.post(f"/receipts/ems/{partner['receipt_token']}", json=body)
    if answer.status_code == 200:
        assert answer.json == {
            "serialNo": body["serialNo"], "code": "00000", "codeMessage": "", "senderNo": partner["sender_no"]
        }  # fmt: skip
    return answer.status_code


def ordered_permit(partners: Outside) -> tuple[UUID, str]:
    """A case whose parcel was ordered: its id and the tracking number."""
    case_id = made_permit()
    tasks.send("ems")
    tracking = parcel_now(case_id).tracking
    assert tracking is not None
    return case_id, tracking


def test_a_parcel_is_ordered_and_ends_the_case_when_the_person_signs(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = ordered_permit(partners)
    (order,) = partners.arrived("ems", "020003", "accepted")
    assert "李雷" in order["text"]
    assert order["detail"]["waybillNo"] == tracking
    case = case_now(case_id)
    assert (case.state, case.results["tracking"]) == ("made", tracking)
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    # The push tells no sub-code: the courier is asked, and only then it is a signature.
    for minute, code in enumerate(("203", "954", "702", "704")):
        event = {"opCode": code, "opTime": stamp(minute), "push": False} | (
            {"deliverCode": "10"} if code == "704" else {}
        )
        partners.house.control("POST", f"parcels/{tracking}", event)
    minute = 3
    assert push(client, tracking, "704", minute) == 200
    tasks.settle()
    assert parcel_now(case_id).state == "delivering"
    assert case_now(case_id).state == "posted"
    tasks.track(str(parcel_now(case_id).id))
    assert parcel_now(case_id).state == "signed"
    assert parcel_now(case_id).closed_at is not None
    case = case_now(case_id)
    assert (case.state, case.visits) == ("completed", 0)
    # The same push, and another question, change nothing.
    version = case.version
    assert push(client, tracking, "704", minute) == 200
    tasks.settle()
    tasks.track(str(parcel_now(case_id).id))
    assert case_now(case_id).version == version
    assert db.session.scalar(select(func.count()).select_from(Receipt)) == 1


def test_a_signature_by_somebody_else_does_not_end_the_case(app: Flask, client: FlaskClient, partners: Outside) -> None:
    case_id, tracking = ordered_permit(partners)
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    assert push(client, tracking, "704", 10, deliverCode="20") == 200
    tasks.settle()
    assert (parcel_now(case_id).state, case_now(case_id).state) == ("signed_by_other", "checking")
    # The courier takes it back, and the person signs after all.
    assert push(client, tracking, "743", 11) == 200
    assert push(client, tracking, "704", 12, deliverCode="10") == 200
    tasks.settle()
    assert (parcel_now(case_id).state, case_now(case_id).state) == ("signed", "completed")


def test_words_decide_nothing(app: Flask, client: FlaskClient, partners: Outside) -> None:
    case_id, tracking = ordered_permit(partners)
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    # 705 is a failed delivery, though the courier wrote 已签收.
    assert push(client, tracking, "705", 10, attemptDeliveryCode="4") == 200
    tasks.settle()
    assert (parcel_now(case_id).state, case_now(case_id).state) == ("delivering", "posted")


def test_a_signature_that_comes_before_the_clerk_has_posted_is_not_lost(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = ordered_permit(partners)
    assert push(client, tracking, "704", 10, deliverCode="10") == 200
    tasks.settle()
    assert (parcel_now(case_id).state, case_now(case_id).state) == ("signed", "made")
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    scheduler.sweep_parcels()
    assert case_now(case_id).state == "completed"
    scheduler.sweep_parcels()
    assert db.session.scalar(select(func.count()).select_from(CaseEvent).where(CaseEvent.action == "complete")) == 1


def test_a_missing_sub_code_is_asked_for_soon_and_then_less_and_less_often(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id, tracking = ordered_permit(partners)
    assert scheduler.parcels_to_track() == [], "one that was just ordered has nothing to tell"
    assert push(client, tracking, "704", 10) == 200
    tasks.settle()
    parcel_id = parcel_now(case_id).id
    assert scheduler.parcels_to_track() == [parcel_id]
    for asked, received, due in (("20 s", "1 min", False), ("40 s", "1 min", True), ("40 s", "2 h", False)):
        db.session.execute(text(f"UPDATE parcel SET asked_at = now() - interval '{asked}'"))
        db.session.execute(text(f"UPDATE parcel_event SET received_at = now() - interval '{received}'"))
        commit()
        assert scheduler.parcels_to_track() == ([parcel_id] if due else []), (asked, received)
    # A parcel on which all is known is asked about when nothing was heard for hours.
    db.session.execute(text("UPDATE parcel_event SET deliver_code = '20'"))
    db.session.execute(text("UPDATE parcel SET asked_at = now() - interval '5 h'"))
    commit()
    assert scheduler.parcels_to_track() == []
    db.session.execute(text("UPDATE parcel SET asked_at = now() - interval '7 h'"))
    commit()
    assert scheduler.parcels_to_track() == [parcel_id]


@pytest.mark.parametrize("repeat", ["same", "second"])
def test_an_order_whose_answer_was_lost_is_repeated_under_the_same_reference(
    app: Flask, client: FlaskClient, partners: Outside, repeat: str
) -> None:
    partners.put("settings/ems", repeat=repeat)
    case_id = made_permit()
    partners.fault("ems", "accept_then_cut", times=1)
    tasks.send("ems")
    assert parcel_now(case_id).tracking is None
    due_now("ems")
    tasks.send("ems")
    tracking = parcel_now(case_id).tracking
    first, second = partners.arrived("ems", "020003")
    assert first["our_ref"] == second["our_ref"]
    assert case_now(case_id).results["tracking"] == tracking
    lost = first["detail"]["waybillNo"]
    assert (lost == tracking) is (repeat == "same")
    if repeat == "second":
        # The lost number shows itself by an event: it is cancelled, and its events are not the parcel's.
        assert push(client, lost, "203", 5, orderNo=first["our_ref"]) == 200
        assert push(client, lost, "702", 6, orderNo=first["our_ref"]) == 200
        tasks.settle()
        tasks.send("ems")
        (cancelled,) = partners.arrived("ems", "020006")
        assert (cancelled["outcome"], cancelled["detail"]["waybillNo"]) == ("ok", lost)
        assert (parcel_now(case_id).tracking, parcel_now(case_id).state) == (tracking, "ordered")
    partners.put("settings/ems", repeat="same")


def test_a_lost_number_that_shows_itself_by_an_event_is_adopted(
    app: Flask, client: FlaskClient, partners: Outside
) -> None:
    case_id = made_permit()
    partners.fault("ems", "accept_then_cut", times=1)
    tasks.send("ems")
    (order,) = partners.arrived("ems", "020003")
    tracking = order["detail"]["waybillNo"]
    assert push(client, tracking, "203", 5, orderNo=order["our_ref"]) == 200
    tasks.settle()
    assert (parcel_now(case_id).tracking, parcel_now(case_id).state) == (tracking, "collected")
    assert case_now(case_id).results["tracking"] == tracking
    due_now("ems")
    tasks.send("ems")
    assert len(partners.arrived("ems", "020003")) == 1, "what was taken is not repeated"


def test_two_repetitions_in_vain_end_on_the_clerks_list(app: Flask, client: FlaskClient, partners: Outside) -> None:
    partners.put("settings/ems", repeat="error")
    case_id = made_permit()
    partners.fault("ems", "accept_then_cut", times=1)
    tasks.send("ems")
    due_now("ems")
    tasks.send("ems")
    for _ in range(3):
        due_now("ems")
        tasks.send("ems")
    partners.put("settings/ems", repeat="same")
    assert len(partners.arrived("ems", "020003")) == 2, "a refused repetition is a person's affair"
    (waiting,) = queries.parcels_without_number()
    assert waiting.case_id == case_id
    tracking = partners.arrived("ems", "020003")[0]["detail"]["waybillNo"]
    with pytest.raises(RuleError):
        number_from_label(waiting.id, "12345")
    db.session.rollback()
    assert number_from_label(waiting.id, f" {tracking[:5]} {tracking[5:]} ") is None
    commit()
    assert case_now(case_id).results["tracking"] == tracking
    assert not queries.parcels_without_number()
    with pytest.raises(AlreadyNumbered):
        number_from_label(waiting.id, "1119044791429")


def test_an_order_that_is_never_answered_is_sent_three_times_at_most(app: Flask, partners: Outside) -> None:
    case_id = made_permit()
    partners.fault("ems", "accept_then_cut")
    for _ in range(6):
        tasks.send("ems")
        due_now("ems")
    assert len(partners.arrived("ems", "020003")) == 3
    assert len({entry["our_ref"] for entry in partners.arrived("ems", "020003")}) == 1
    assert [parcel.case_id for parcel in queries.parcels_without_number()] == [case_id]


def test_a_worker_that_died_while_ordering_leaves_an_order_that_is_repeated(app: Flask, partners: Outside) -> None:
    case_id = made_permit()
    db.session.execute(
        text(
            "UPDATE delivery SET state = 'sending', attempts = 1, sent_at = now(), lease = id, leased_until = now() "
            "WHERE channel = 'ems'"
        )
    )
    commit()
    lease_ends()
    tasks.send("ems")
    assert db.session.scalars(select(Delivery.state).where(Delivery.channel == "ems")).one() == "uncertain"
    due_now("ems")
    tasks.send("ems")
    assert parcel_now(case_id).tracking is not None
    assert len(partners.arrived("ems", "020003", "accepted")) == 1


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["203", "207", "954", "702", "742", "704", "743", "705", "744", "708", "711"]),
        st.integers(min_value=0, max_value=12),
        st.sampled_from([None, "10", "20"]),
    ),
    max_size=9,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, seed=st.integers(0, 10**6))
def test_in_whatever_order_and_however_often_events_come_the_state_is_the_same(
    app: Flask, events: list[tuple[str, int, str | None]], seed: int
) -> None:
    # One code at one moment is one event, whatever it says.
    distinct = list({(code, minute): (code, minute, sub) for code, minute, sub in events}.values())
    rng = random.Random(seed)
    shuffled = distinct * 2
    rng.shuffle(shuffled)
    states = set()
    for order in (distinct, shuffled):
        # A parcel of no case that could move: the state alone is looked at.
        parcel = Parcel(id=new_id(), case_id=new_id(), direction="back", receiver={}, tracking="1119044791429")
        parcel.state, parcel.at = "ordered", MORNING
        db.session.add(parcel)
        db.session.flush()
        for code, minute, sub in order:
            parcels.record(parcels.lock(parcel.id), [_event(code, minute, sub)])
        states.add(parcels.lock(parcel.id).state)
        stored = select(func.count()).select_from(ParcelEvent).where(ParcelEvent.parcel_id == parcel.id)
        assert db.session.scalar(stored) == len(distinct)
    db.session.rollback()
    assert len(states) == 1


def _event(code: str, minute: int, sub: str | None) -> TrackEvent:
    return TrackEvent(
        tracking="1119044791429",
        order_ref=None,
        op_code=code,
        op_time=MORNING + timedelta(minutes=minute),
        deliver_code=sub if code == "704" else None,
        attempt_code={"10": "7", "20": "4"}.get(sub or "") if code == "705" else None,
        name="",
        description="轨迹",
    )
