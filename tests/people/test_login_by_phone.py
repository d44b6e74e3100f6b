"""Citizens log in by a code that their phone receives: once, within minutes, and not by guessing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from citizen_services.database import commit, db
from citizen_services.people import sessions
from citizen_services.people.models import Attempt, Citizen, PhoneCode, Session
from citizen_services.security import digest
from tests import factories
from tests.people.browser import Browser
from tests.people.conftest import Phones

NewBrowser = Callable[[], Browser]
Later = Callable[[timedelta], None]


@pytest.fixture
def citizen(application: Flask, database: None) -> Citizen:
    """Somebody who was bound some time ago."""
    with application.app_context():
        return factories.citizen()


def _log_in(one: Browser, phone: str, phones: Phones, path: str = "/h5/login") -> None:
    one.open(path)
    one.submit("send_code", phone=phone)
    one.submit("login", phone=phone, code=phones.last(phone), follow=False)


def _ask_again(one: Browser, phone: str) -> int:
    one.open("/h5/login")
    return one.submit("send_code", phone=phone).status_code


def test_a_code_opens_a_session_of_its_citizen_once(
    browser: NewBrowser, phones: Phones, citizen: Citizen, application: Flask
) -> None:
    one, other = browser(), browser()
    _log_in(one, citizen.phone, phones, "/h5/login?next=/h5/items/residence-permit-first")
    assert one.page.status_code == 303
    assert one.page.headers["Location"] == "/h5/items/residence-permit-first"
    cookie = next(line for line in one.page.headers.getlist("Set-Cookie") if line.startswith("h5_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/h5" in cookie
    token = one.cookie("h5_session", "/h5")
    with application.app_context():
        row = db.session.scalars(select(Session)).one()
        assert row.citizen_id == citizen.id
        # What the database holds opens nothing.
        assert row.token == digest(str(token))
        assert str(token).encode() not in db.session.execute(text("SELECT token FROM session")).scalar_one()
    other.open("/h5/login")
    other.submit("login", phone=citizen.phone, code=phones.last(citizen.phone))
    assert other.page.status_code == 422
    assert other.errors == {"code"}
    assert other.cookie("h5_session", "/h5") is None


def test_known_and_unknown_phones_get_the_same_answers(browser: NewBrowser, phones: Phones, citizen: Citizen) -> None:
    answers = []
    for phone in (citizen.phone, "13912345678"):
        one = browser()
        one.open("/h5/login")
        one.submit("send_code", phone=phone)
        sent = (one.page.status_code, one.words)
        wrong = f"{(int(phones.last(phone)) + 1) % 10**6:06d}"
        one.submit("login", phone=phone, code=wrong)
        answers.append((sent, (one.page.status_code, one.words, one.errors)))
    assert answers[0] == answers[1]
    assert answers[0][0][0] == 200
    assert answers[0][1][0] == 422


def test_a_phone_of_nobody_is_led_to_binding_and_stays_nobody(
    browser: NewBrowser, phones: Phones, application: Flask
) -> None:
    one = browser()
    _log_in(one, "13912345678", phones, "/h5/login?next=/h5/cases/7")
    assert one.page.headers["Location"] == "/h5/bind?next=/h5/cases/7"
    with application.app_context():
        row = db.session.scalars(select(Session)).one()
        assert (row.citizen_id, row.phone) == (None, "13912345678")
        stored = db.session.execute(text("SELECT phone FROM session")).scalar_one()
        assert b"13912345678" not in bytes(stored)


def test_five_wrong_guesses_kill_a_code_and_only_the_newest_code_counts(
    browser: NewBrowser, phones: Phones, citizen: Citizen, later: Later
) -> None:
    one = browser()
    one.open("/h5/login")
    one.submit("send_code", phone=citizen.phone)
    first = phones.last(citizen.phone)
    for step in range(1, 6):
        one.submit("login", phone=citizen.phone, code=f"{(int(first) + step) % 10**6:06d}")
        assert one.page.status_code == 422
    one.submit("login", phone=citizen.phone, code=first)
    assert one.page.status_code == 422
    later(timedelta(minutes=1))
    one.submit("send_code", phone=citizen.phone)
    second = phones.last(citizen.phone)
    if first != second:
        one.submit("login", phone=citizen.phone, code=first)
        assert one.page.status_code == 422
    one.submit("login", phone=citizen.phone, code=second, follow=False)
    assert one.page.status_code == 303


def test_a_code_is_dead_after_five_minutes_and_for_any_other_phone_or_purpose(
    browser: NewBrowser, phones: Phones, citizen: Citizen, later: Later
) -> None:
    one = browser()
    one.open("/h5/login")
    one.submit("send_code", phone=citizen.phone)
    code = phones.last(citizen.phone)
    one.submit("login", phone="13912345678", code=code)
    assert one.page.status_code == 422
    one.open("/h5/bind")
    one.submit("bind", name=citizen.name, id_number=citizen.id_number, phone=citizen.phone, code=code)
    assert one.errors == {"code"}
    later(timedelta(minutes=5))
    one.open("/h5/login")
    one.submit("login", phone=citizen.phone, code=code)
    assert one.page.status_code == 422


def test_codes_are_sent_once_a_minute_five_times_an_hour_ten_times_a_day(
    browser: NewBrowser, phones: Phones, later: Later
) -> None:
    one, phone = browser(), "13912345678"
    sent = 0
    refused = []
    for minute in range(24 * 60 // 12):
        status = _ask_again(one, phone)
        sent += status == 200
        if status == 429:
            refused.append(minute)
            assert one.errors == {"phone"}
            assert "再试" in one.words
        if minute == 0:
            assert _ask_again(one, phone) == 429
            later(timedelta(seconds=58))
            assert _ask_again(one, phone) == 429
        if minute == 4:
            # Five within the hour: the sixth must wait.
            assert sent == 5
        later(timedelta(minutes=2) if minute < 5 else timedelta(minutes=12))
        if sent == 10:
            break
    assert 5 in refused
    assert sent == len(phones.codes[phone]) == 10
    assert _ask_again(one, phone) == 429
    later(timedelta(hours=24))
    assert _ask_again(one, phone) == 200


def test_of_many_who_ask_or_guess_at_the_same_moment_no_more_pass_than_one_after_the_other(
    browser: NewBrowser, phones: Phones, citizen: Citizen, application: Flask
) -> None:
    def all_at_once(browsers: list[Browser], act: Callable[[Browser, int], object]) -> list[int]:
        start = threading.Barrier(len(browsers))

        def run(one: Browser, number: int) -> None:
            start.wait()
            act(one, number)

        threads = [threading.Thread(target=run, args=(one, number)) for number, one in enumerate(browsers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(one.page.status_code for one in browsers)

    browsers = [browser() for _ in range(8)]
    for one in browsers:
        one.open("/h5/login")
    asked = all_at_once(browsers, lambda one, _: one.submit("send_code", phone=citizen.phone))
    assert asked == [200] + [429] * 7
    code = phones.last(citizen.phone)
    for one in browsers:
        one.open("/h5/login")
    used = all_at_once(browsers, lambda one, _: one.submit("login", phone=citizen.phone, code=code, follow=False))
    assert used.count(303) == 1
    with application.app_context():
        assert db.session.scalars(select(PhoneCode)).one().attempts <= 5


def test_logging_in_gives_a_new_token_and_what_was_planted_before_opens_nothing(
    browser: NewBrowser, phones: Phones, citizen: Citizen, application: Flask
) -> None:
    one, thief = browser(), browser()
    planted = "planted-by-somebody-else"
    one.client.set_cookie("h5_session", planted, domain="127.0.0.1", path="/h5")
    _log_in(one, citizen.phone, phones)
    assert one.cookie("h5_session", "/h5") not in (None, planted)
    thief.client.set_cookie("h5_session", planted, domain="127.0.0.1", path="/h5")
    assert thief.open("/h5/login", follow=False).status_code == 200
    # An unbound session that logs in again leaves no row behind that its old token would open.
    unbound = browser()
    _log_in(unbound, "13912345678", phones)
    old = unbound.cookie("h5_session", "/h5")
    with application.app_context():
        db.session.execute(update(Attempt).values(at=Attempt.at - timedelta(hours=1)))
        db.session.execute(update(Citizen).values(epoch=3))
        commit()
    _log_in(unbound, citizen.phone, phones)
    assert unbound.cookie("h5_session", "/h5") != old
    with application.app_context():
        assert sessions.load_session(str(old), "citizen") is None


def test_logout_is_a_form_and_ends_the_session_for_its_cookie_too(
    browser: NewBrowser, phones: Phones, citizen: Citizen, application: Flask
) -> None:
    one = browser()
    _log_in(one, citizen.phone, phones)
    token = str(one.cookie("h5_session", "/h5"))
    assert one.open("/h5/logout").status_code == 405
    csrf = _token_of(one)
    one.open("/h5/logout", "POST", data={"csrf_token": csrf}, follow=False)
    assert one.page.status_code == 303
    assert one.cookie("h5_session", "/h5") is None
    with application.app_context():
        assert db.session.scalars(select(Session)).all() == []
        assert sessions.load_session(token, "citizen") is None


def _token_of(one: Browser) -> str:
    one.open("/h5/nothing-here")
    return one.form("care").inputs["csrf_token"]


def test_a_session_ends_when_idle_when_old_and_when_its_person_is_logged_out_everywhere(
    browser: NewBrowser, phones: Phones, citizen: Citizen, later: Later, application: Flask
) -> None:
    one = browser()
    life = sessions.LIFETIMES["citizen"]

    def known() -> bool:
        return one.open("/h5/login", follow=False).status_code == 303

    _log_in(one, citizen.phone, phones)
    later(life.idle - timedelta(minutes=1))
    assert known()
    for _ in range(life.whole // life.idle):
        later(life.idle - timedelta(minutes=1))
        known()
    later(timedelta(hours=1))
    assert not known()
    _log_in(one, citizen.phone, phones)
    later(life.idle + timedelta(seconds=1))
    assert not known()
    _log_in(one, citizen.phone, phones)
    assert known()
    with application.app_context():
        db.session.execute(update(Citizen).values(epoch=Citizen.epoch + 1))
        commit()
    assert not known()


def test_several_persons_of_one_phone_are_told_apart_by_their_own_numbers_tail(
    browser: NewBrowser, phones: Phones, citizen: Citizen, application: Flask
) -> None:
    with application.app_context():
        second = factories.citizen("韩梅梅")
        db.session.execute(
            update(Citizen)
            .where(Citizen.id == second.id)
            .values(phone=citizen.phone, phone_lookup=citizen.phone_lookup)
            .execution_options(synchronize_session=False)
        )
        commit()
    one = browser()
    _log_in(one, citizen.phone, phones, "/h5/login?next=/h5/cases/7")
    assert one.page.headers["Location"] == "/h5/login/who?next=/h5/cases/7"
    one.open("/h5/login/who?next=/h5/cases/7")
    one.submit("choose", id_tail="000000")
    assert one.page.status_code == 422
    assert one.errors == {"id_tail"}
    one.submit("choose", id_tail=second.id_number[-6:].lower(), follow=False)
    assert one.page.headers["Location"] == "/h5/cases/7"
    with application.app_context():
        assert db.session.scalars(select(Session.citizen_id)).all() == [second.id]
    # The tail can't be searched for: five misses, and the right one is not heard any more.
    other = browser()
    with application.app_context():
        db.session.execute(update(Attempt).values(at=Attempt.at - timedelta(hours=1)))
        commit()
    _log_in(other, citizen.phone, phones)
    other.open("/h5/login/who")
    for number in range(5):
        other.submit("choose", id_tail=f"00000{number}")
    other.submit("choose", id_tail=second.id_number[-6:])
    assert other.page.status_code == 429


def test_what_is_over_is_removed_and_the_record_of_tries_is_kept_for_half_a_year(
    browser: NewBrowser, phones: Phones, citizen: Citizen, later: Later, application: Flask
) -> None:
    _log_in(browser(), citizen.phone, phones)
    with application.app_context():
        assert sessions.remove_old() == 0
        commit()
    later(timedelta(days=170))
    with application.app_context():
        assert sessions.remove_old() == 2
        commit()
        assert db.session.scalars(select(Attempt)).all() != []
    later(timedelta(days=30))
    with application.app_context():
        assert sessions.remove_old() == 4
        commit()
