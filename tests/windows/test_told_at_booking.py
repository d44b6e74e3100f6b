"""Whoever books is told by the way they can be reached on, which is read in the same question as their hold."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.database.idempotency import Once
from citizen_services.people.models import WeChatBinding
from citizen_services.wechat.models import Follower
from citizen_services.windows import appointments, holds
from citizen_services.windows.held import held
from citizen_services.windows.subjects import subject_of
from notifications import rows
from notifications.models import Delivery, TellingChoice
from tests import factories
from tests.windows import hall


@pytest.mark.parametrize(
    ("follows", "first", "less", "channel"),
    [
        (None, None, False, "sms"),
        (True, None, False, "wechat"),
        (False, None, False, "sms"),
        (True, "sms", True, "sms"),
        (True, "call", False, "call"),
    ],
    ids=["no WeChat", "a follower", "one who left", "SMS first", "a call first"],
)
def test_a_booking_is_told_by_the_way_that_its_person_is_reached_on(
    app: Flask, follows: bool | None, first: str | None, less: bool, channel: str
) -> None:
    slot, person, now = hall.slot(1), factories.citizen("王一"), clock.now()
    openid = f"o-{person.id}"
    if follows is not None:
        db.session.add(WeChatBinding(id=new_id(), openid=openid, citizen_id=person.id, bound_at=now, ended_at=None))
        db.session.add(Follower(openid=openid, followed_at=now, left_at=None if follows else now))
    if first is not None:
        db.session.add(TellingChoice(citizen_id=person.id, first=first, less=less, at=now))
    commit()
    kept = holds.take(_once("hold"), person.id, slot, hall.SERVICE, subject_of(person.id, "person"))
    found = held(person.id, kept["hold_id"])
    assert found is not None
    assert rows.way_in(found.along["way"]) == rows.way_to(person.id)
    appointments.book(_once("book"), person.id, kept["hold_id"], "api")
    assert db.session.scalars(select(Delivery.channel)).all() == [channel]


def _once(key: str) -> Once:
    return Once.of("citizen:told", "test", key, {})
