"""Staff log in with login and password; wrong ones are all alike, and few."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import commit, db
from citizen_services.people import operations, sessions
from citizen_services.people.models import Attempt, Session, Staff
from tests.people.browser import Browser

NewBrowser = Callable[[], Browser]
Logins = dict[str, dict[str, Any]]
HOME = "/console/bind"


def _log_in(one: Browser, login: str, password: str, next_: str = HOME) -> int:
    one.open(f"/console/login?next={next_}")
    return one.submit("login", login=login, password=password, follow=False).status_code


def test_staff_log_in_and_out_under_a_new_token(browser: NewBrowser, staff_logins: Logins, application: Flask) -> None:
    one = browser()
    one.client.set_cookie("console_session", "planted", domain="127.0.0.1", path="/console")
    assert one.open(f"{HOME}?x=1", follow=False).headers["Location"] == f"/console/login?next={HOME}?x%3D1"
    assert _log_in(one, "yl-clerk", staff_logins["yl-clerk"]["password"]) == 303
    assert one.page.headers["Location"] == HOME
    cookie = next(line for line in one.page.headers.getlist("Set-Cookie") if line.startswith("console_session="))
    assert "HttpOnly" in cookie
    assert "Path=/console" in cookie
    assert "Max-Age" not in cookie
    token = str(one.cookie("console_session", "/console"))
    assert token != "planted"
    one.open(HOME)
    assert "陈静" in one.words
    assert "岳林派出所" in one.words
    # The staff's cookie opens nothing at the citizens' door, whatever it is called there.
    thief = browser()
    thief.client.set_cookie("h5_session", token, domain="127.0.0.1", path="/h5")
    assert thief.open("/h5/login", follow=False).status_code == 200
    one.submit("logout", follow=False)
    assert one.cookie("console_session", "/console") is None
    with application.app_context():
        assert sessions.load_session(token, "staff") is None
    assert one.open(HOME, follow=False).status_code == 303


def test_wrong_passwords_unknown_logins_and_people_who_left_get_the_same_answer_for_the_same_work(
    browser: NewBrowser, staff_logins: Logins, application: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = operations.password_matches
    monkeypatch.setattr(
        operations, "password_matches", lambda stored, typed: hashed.append(stored) or real(stored, typed)
    )
    with application.app_context():
        db.session.execute(update(Staff).where(Staff.login == "xk-clerk").values(active=False))
        commit()
    answers = set()
    for login, password in (
        ("yl-clerk", "not this one"),
        ("nobody-here", "not this one"),
        ("xk-clerk", staff_logins["xk-clerk"]["password"]),
        ("yl-clerk", "x" * 5000),
        ("yl-clerk\0", "not this one"),
    ):
        one = browser()
        assert _log_in(one, login, password) == 422
        assert one.errors == {"password"}
        answers.add(one.words)
        assert one.cookie("console_session", "/console") is None
    assert len(answers) == 1
    # Argon2 ran once for each, over hashes of the same parameters.
    assert len(hashed) == 5
    assert len({stored.rsplit("$", 2)[0] for stored in hashed}) == 1


def test_five_failures_close_a_login_for_a_quarter_of_an_hour_even_with_the_right_password(
    browser: NewBrowser, staff_logins: Logins, later: Callable[[timedelta], None], application: Flask
) -> None:
    one, password = browser(), staff_logins["yl-clerk"]["password"]
    for number in range(5):
        assert _log_in(one, "yl-clerk" if number % 2 else "YL-Clerk", "wrong") == 422
    assert _log_in(one, "yl-clerk", password) == 429
    assert "分钟后再试" in one.words
    # Colleagues behind the same address are not locked out with it.
    assert _log_in(browser(), "jp-clerk", staff_logins["jp-clerk"]["password"]) == 303
    later(timedelta(minutes=14))
    assert _log_in(one, "yl-clerk", password) == 429
    later(timedelta(minutes=1))
    assert _log_in(one, "yl-clerk", password) == 303
    with application.app_context():
        assert len(db.session.scalars(select(Attempt).where(~Attempt.succeeded)).all()) == 10


def test_a_success_forgets_the_failures_of_its_login_but_not_of_the_address(
    browser: NewBrowser, staff_logins: Logins
) -> None:
    password = staff_logins["yl-clerk"]["password"]
    one = browser()
    failures = 0
    for login in ("yl-clerk", "yl-clerk", *(f"guess-{number}" for number in range(6))):
        for _ in range(4):
            if failures < 30:
                assert _log_in(one, login, "wrong") == 422
                failures += 1
        if login == "yl-clerk":
            assert _log_in(browser(), "yl-clerk", password) == 303
    assert _log_in(browser(), "jp-clerk", staff_logins["jp-clerk"]["password"]) == 429


def test_guesses_made_at_the_same_moment_are_counted_before_they_are_compared(
    browser: NewBrowser, application: Flask
) -> None:
    browsers = [browser() for _ in range(12)]
    for one in browsers:
        one.open("/console/login")
    start = threading.Barrier(len(browsers))

    def guess(one: Browser) -> None:
        start.wait()
        one.submit("login", login="yl-clerk", password="guess", follow=False)

    threads = [threading.Thread(target=guess, args=(one,)) for one in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.page.status_code for one in browsers) == [422] * 5 + [429] * 7


def test_a_session_ends_after_half_an_hour_idle_and_at_once_when_the_person_leaves(
    browser: NewBrowser, staff_logins: Logins, later: Callable[[timedelta], None], application: Flask
) -> None:
    one = browser()
    _log_in(one, "yl-clerk", staff_logins["yl-clerk"]["password"])
    for _ in range(3):
        later(timedelta(minutes=29))
        assert one.open(HOME, follow=False).status_code == 200
    later(timedelta(minutes=30))
    assert one.open(HOME, follow=False).status_code == 303
    for end in ({"active": False}, {"active": True, "epoch": Staff.epoch + 1}):
        with application.app_context():
            db.session.execute(update(Staff).values(active=True))
            commit()
        one = browser()
        _log_in(one, "yl-clerk", staff_logins["yl-clerk"]["password"])
        assert one.open(HOME, follow=False).status_code == 200
        with application.app_context():
            db.session.execute(update(Staff).values(**end))
            commit()
        assert one.open(HOME, follow=False).status_code == 303


def test_a_desk_is_not_logged_in_for_longer_than_a_shift(
    browser: NewBrowser, staff_logins: Logins, later: Callable[[timedelta], None], application: Flask
) -> None:
    one = browser()
    _log_in(one, "yl-clerk", staff_logins["yl-clerk"]["password"])
    for _ in range(12 * 60 // 25):
        later(timedelta(minutes=25))
        one.open(HOME)
    later(timedelta(minutes=25))
    assert one.open(HOME, follow=False).status_code == 303
    with application.app_context():
        assert db.session.scalars(select(Session)).one().seen_at is not None


def test_a_view_is_guarded_by_login_and_role_and_knows_its_actor(
    browser: NewBrowser, staff_logins: Logins, application: Flask
) -> None:
    one = browser()
    _log_in(one, "yl-auxiliary", staff_logins["yl-auxiliary"]["password"])
    token = str(one.cookie("console_session", "/console"))
    with application.test_request_context("/console/bind", headers={"Cookie": f"console_session={token}"}):
        application.preprocess_request()
        actor = current_actor()
        assert (actor.kind, actor.name, actor.office, actor.office_kind) == (
            "staff",
            "yl-auxiliary",
            "330213001000",
            "station",
        )
        assert (actor.roles, actor.standing, actor.district) == (frozenset({"clerk"}), "auxiliary", "330213")
        assert staff_required("approver", "clerk")(lambda: "in")() == "in"
    part = one.open("/console/bind", headers={"HX-Request": "true"})
    assert part.status_code == 200
    stranger = browser()
    answer = stranger.open("/console/bind", headers={"HX-Request": "true"}, follow=False)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/console/login")
