"""A binding that moves: only with the face or a counter, and whoever held it is told and logged out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Citizen, WeChatBinding
from tests import factories
from tests.people.browser import photo, upload
from tests.people.conftest import Phones
from tests.people.test_binding import Invent, NewBrowser, claim, show_face


def test_a_number_bound_elsewhere_moves_only_with_the_face_and_the_earlier_account_is_told_and_logged_out(
    browser: NewBrowser, phones: Phones, invented: Invent, later: Callable[[timedelta], None], application: Flask
) -> None:
    person, elsewhere = invented(), invented("石大山")
    old, new = browser(), browser()
    claim(old, person, phones)
    show_face(old)
    later(timedelta(hours=1))
    new.enter_by_wechat(elsewhere.openid, "/h5/bind?next=/h5/login")
    new.submit("send_code", phone=person.phone)
    new.submit("bind", name=person.name, id_number=person.id_number, phone=person.phone, code=phones.last(person.phone))
    # Name, number and the very phone: still nothing moved, and the page doesn't tell that somebody is bound.
    assert new.actions == ["face", "counter"]
    assert phones.told == []
    assert old.open("/h5/login", follow=False).status_code == 303
    show_face(new, follow=False)
    assert new.page.status_code == 303
    with application.app_context():
        citizen = db.session.scalars(select(Citizen)).one()
        assert phones.told == [{"citizen_id": citizen.id, "openid": person.openid, "phone": person.phone}]
        current = select(WeChatBinding.openid).where(WeChatBinding.ended_at.is_(None))
        assert db.session.scalars(current).all() == [elsewhere.openid]
    assert old.open("/h5/login", follow=False).status_code == 200
    assert new.open("/h5/login", follow=False).status_code == 303


def test_a_follower_bound_to_another_person_meanwhile_moves_and_that_person_is_told_by_phone(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    person, one = invented(), browser()
    claim(one, person, phones)
    with application.app_context():
        earlier = factories.citizen()
        db.session.add(WeChatBinding(id=new_id(), openid=person.openid, citizen_id=earlier.id, bound_at=clock.now()))
        commit()
    show_face(one, follow=False)
    assert one.page.status_code == 303
    with application.app_context():
        bound = db.session.scalars(select(Citizen).where(Citizen.id != earlier.id)).one()
        current = db.session.scalars(select(WeChatBinding).where(WeChatBinding.ended_at.is_(None))).one()
        assert (current.openid, current.citizen_id) == (person.openid, bound.id)
        assert db.session.get_one(Citizen, earlier.id).epoch == 1
    assert phones.told == [{"citizen_id": earlier.id, "openid": None, "phone": earlier.phone}]


@pytest.mark.parametrize("status", ["cancelled", "deceased"])
def test_nobody_is_bound_as_a_person_who_cannot_act(
    browser: NewBrowser, phones: Phones, invented: Invent, status: str, application: Flask
) -> None:
    one = browser()
    claim(one, invented(status=status), phones)
    assert show_face(one) == 422
    assert "带身份证到任一办事窗口" in one.words
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []
        assert db.session.scalars(select(WeChatBinding)).all() == []


def test_a_photo_binds_only_in_the_browser_that_began(
    browser: NewBrowser, phones: Phones, invented: Invent, application: Flask
) -> None:
    person, one, other = invented(), browser(), browser()
    claim(one, person, phones)
    other.open("/h5/bind")
    token = other.form("send_code").inputs["csrf_token"]
    other.open("/h5/bind/face", "POST", data={"csrf_token": token, "file": upload(photo()), "consent_face": "yes"})
    assert "face" not in other.actions
    with application.app_context():
        assert db.session.scalars(select(Citizen)).all() == []
