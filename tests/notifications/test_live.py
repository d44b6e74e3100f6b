"""The whole installation: what is told reaches the partner, and the partner's own report closes it."""

from __future__ import annotations

from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services.database import db
from citizen_services.registers.queries import permit_of_case
from notifications.models import Delivery, Receipt
from tests.house import House
from tests.notifications.conftest import (
    Outside,
    act,
    case_now,
    follower,
    made_permit,
    parcel_now,
    somebody,
    state_of,
    tell,
    tries,
)
from tests.notifications.test_processes import until


def test_messages_and_parcels_are_closed_by_the_partners_own_receipts(
    app: Flask, live: House, partners: Outside
) -> None:
    in_wechat, by_phone, blocking = somebody(), somebody(), somebody()
    follower(partners, in_wechat)
    openid = follower(partners, blocking)
    partners.put(f"followers/{openid}", blocked=True, push=False)
    first, second, third = tell(in_wechat), tell(by_phone), tell(blocking)
    for notice in (first, second, third):
        until(lambda told=notice: state_of(told) == "delivered", "the partner's report")
    assert set(tries(first)) == {"wechat"}
    assert set(tries(second)) == {"sms"}
    assert {name: t.state for name, t in tries(third).items()} == {"wechat": "failed", "sms": "delivered"}

    case_id = made_permit()
    until(lambda: parcel_now(case_id).tracking, "the courier's number")
    tracking = parcel_now(case_id).tracking
    act(case_id, "post", "fw-clerk", {"tracking": tracking})
    for event in ({"opCode": "203"}, {"opCode": "702"}, {"opCode": "704", "deliverCode": "10"}):
        live.control("POST", f"parcels/{tracking}", event)
    until(lambda: case_now(case_id).state == "completed", "the signature")
    assert parcel_now(case_id).state == "signed"
    until(_all_settled, "every receipt to be settled")
    permit = permit_of_case(case_id)
    assert permit is not None
    until(lambda: writes_of(permit.id) == {"delivered"}, "the province to know of the permit")


def writes_of(about: UUID) -> set[str]:
    """What has become of the writes of a register row."""
    db.session.rollback()
    return set(db.session.scalars(select(Delivery.state).where(Delivery.about == about)))


def _all_settled() -> bool:
    db.session.rollback()
    return db.session.scalars(select(Receipt.id).where(Receipt.settled_at.is_(None)).limit(1)).first() is None
