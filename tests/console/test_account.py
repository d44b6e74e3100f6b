"""Each one's own account: passwords that are changed and reset, and a second factor, at the pages themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select, text

from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people import administration_record, passwords, second_factor
from citizen_services.people.administration_models import AdminAct
from citizen_services.people.credential_models import RecoveryCode, SecondFactor
from citizen_services.people.models import Staff
from tests.console.conftest import Desk
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving

Desks = Callable[[str], Desk]
Logins = dict[str, dict[str, Any]]
OWN = "korrekt pferd batterie heftklammer"
NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


def member(login: str) -> Staff:
    """Somebody of the staff as the database has them now."""
    db.session.rollback()
    return db.session.scalars(select(Staff).where(Staff.login == login).execution_options(populate_existing=True)).one()


class Phone:
    """A program that shows codes, and a machine's clock that only the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        monkeypatch.setattr(second_factor, "protocol_now", lambda: self.now)
        self.secret = ""

    def code(self, steps: int = 0) -> str:
        """The code of now, or of so many half minutes later."""
        return pyotp.TOTP(self.secret).generate_otp(int(self.now.timestamp()) // 30 + steps)

    def wait(self, steps: int) -> None:
        """Let so many half minutes pass."""
        self.now = datetime.fromtimestamp(self.now.timestamp() + 30 * steps, UTC)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Phone:
    """Somebody's phone."""
    return Phone(monkeypatch)


def enrol(browser: Desk, phone: Phone) -> list[str]:
    """Set up a second factor by the pages; returns the recovery codes."""
    browser.open("/console/account")
    browser.submit("begin_factor")
    found = re.search(r"data-secret>([A-Z2-7 ]+)<", browser.page.text)
    assert found is not None, browser.words
    phone.secret = found.group(1).replace(" ", "")
    browser.submit("confirm_factor", code=phone.code())
    return re.findall(r"data-recovery>([^<]+)<", browser.page.text)


def login(app: Flask, house: House, name: str, password: str) -> Desk:
    """A fresh browser that typed login and password."""
    browser = Desk(app, house.web_url)
    browser.open("/console/login")
    browser.submit("login", login=name, password=password)
    return browser


def test_whoever_changes_their_password_is_out_everywhere_else_and_weak_ones_are_refused(
    app: Flask, house: House, staff_logins: Logins, desk: Desks
) -> None:
    here, elsewhere = desk("yl-clerk"), desk("yl-clerk")
    old = staff_logins["yl-clerk"]["password"]
    here.open("/console/account")
    weak = {
        "kurz": "10 至 128",
        "password123": "常见的密码",
        "1q2w3e4r5t6y": "容易被猜到",
        "aaaaaaaaaaaaaa": "容易被猜到",
        "yl-clerk hat ein Fahrrad im Keller": "登录名或姓名",
        old: "不能和现在的一样",
    }
    for password, words in weak.items():
        here.submit("change_password", old=old, new=password, again=password)
        assert here.page.status_code == 422
        assert words in here.words, password
    # None of these was a guess at the old one, which are few.
    here.submit("change_password", old="falsch", new=OWN, again=OWN)
    assert here.errors == {"old"}
    here.submit("change_password", old=old, new=OWN, again=OWN + "!")
    assert here.errors == {"again"}
    here.submit("change_password", old=old, new=OWN, again=OWN)
    assert "密码已修改" in here.words
    assert here.open("/console/cases", follow=False).status_code == 200
    assert elsewhere.open("/console/cases", follow=False).status_code == 303
    assert "登录名或密码不对" in login(app, house, "yl-clerk", old).words
    assert login(app, house, "yl-clerk", OWN).at == "/console/cases"
    assert db.session.scalars(select(AdminAct.what)).all() == ["password_changed"]


def test_guesses_at_the_old_password_are_few(desk: Desks, staff_logins: Logins) -> None:
    browser = desk("yl-clerk")
    browser.open("/console/account")
    for _ in range(5):
        browser.submit("change_password", old="falsch", new=OWN, again=OWN)
        assert browser.page.status_code == 422
    browser.submit("change_password", old=staff_logins["yl-clerk"]["password"], new=OWN, again=OWN)
    assert browser.page.status_code == 429


def test_a_forgotten_password_is_drawn_anew_by_two_pairs_of_eyes_and_changed_at_the_first_login(
    app: Flask, house: House, desk: Desks
) -> None:
    system, security, clerk = desk("fw-system"), desk("fw-security"), desk("yl-clerk")
    id_ = member("yl-clerk").id
    system.open(f"/console/admin/staff/{id_}")
    system.submit("reset_password")
    assert "等安全管理员决定" in system.words
    system.open(f"/console/admin/staff/{id_}")
    system.submit("reset_password")
    assert "已经申请过" in system.words
    wish = passwords.open_requests()[0]
    form = {"csrf_token": system.form("reset_password").inputs["csrf_token"], "form_token": "a" * 12}
    assert system.open(f"/console/admin/resets/{wish.id}/approve", "POST", data=form).status_code == 403
    security.open("/console/admin")
    security.submit("approve_reset")
    found = re.search(r"data-secret>([^<]+)<", security.page.text)
    assert found is not None, security.words
    drawn = found.group(1)
    security.open("/console/admin")
    assert drawn not in security.page.text
    assert clerk.open("/console/cases", follow=False).status_code == 303
    back = login(app, house, "yl-clerk", drawn)
    assert back.at == "/console/account"
    # Nor at the machine door before it was changed.
    token = back.cookie("console_session", "/console")
    asked = back.client.get("/api/v1/cases", base_url=house.web_url, headers={"Authorization": f"Bearer {token}"})
    assert asked.status_code == 403
    assert asked.json is not None
    assert asked.json["type"].endswith("password-to-change")
    back.submit("change_password", old=drawn, new=OWN, again=OWN)
    assert back.open("/console/cases", follow=False).status_code == 200
    whats = db.session.scalars(select(AdminAct.what).order_by(AdminAct.id)).all()
    assert whats == ["reset_asked", "reset_approved", "password_changed"]
    assert administration_record.verify() == []
    # One's own is decided by somebody else.
    system.open(f"/console/admin/staff/{member('fw-security').id}")
    system.submit("reset_password")
    security.open("/console/admin")
    assert "approve_reset" not in security.actions


def test_with_a_second_factor_the_password_alone_opens_nothing(
    app: Flask, house: House, staff_logins: Logins, desk: Desks, phone: Phone
) -> None:
    first = desk("fw-system")
    codes = enrol(first, phone)
    assert len(set(codes)) == second_factor.CODES
    row = db.session.scalars(select(SecondFactor)).one()
    stored = db.session.execute(text("SELECT secret FROM second_factor")).scalar_one()
    assert row.secret == phone.secret
    assert phone.secret.encode() not in bytes(stored)
    # What was set up is shown to nobody any more.
    assert first.open("/console/account/factor.png").status_code == 404
    password = staff_logins["fw-system"]["password"]
    browser = login(app, house, "fw-system", password)
    assert browser.at == "/console/login/code"
    token = browser.cookie("console_session", "/console")
    for place in ("/console/admin", "/console/cases", "/console/account"):
        assert browser.open(place, follow=False).status_code == 303
    asked = browser.client.get("/api/v1/cases", base_url=house.web_url, headers={"Authorization": f"Bearer {token}"})
    assert asked.status_code == 401
    # The code that set it up was taken already.
    browser.open("/console/login/code")
    browser.submit("code", code=phone.code())
    assert "验证码不对或已经用过" in browser.words
    phone.wait(3)
    browser.submit("code", code=phone.code(-2))
    assert browser.page.status_code == 422
    code = phone.code()
    browser.submit("code", code=f" {code[:3]} {code[3:]} ")
    assert browser.open("/console/admin", follow=False).status_code == 200
    assert browser.cookie("console_session", "/console") != token
    # Seen over somebody's shoulder it opens nothing.
    thief = login(app, house, "fw-system", password)
    thief.submit("code", code=code)
    assert thief.page.status_code == 422
    # Without the phone a recovery code opens once.
    for status in (200, 422):
        lost = login(app, house, "fw-system", password)
        lost.submit("code", code=codes[0].upper())
        assert lost.page.status_code == status
    assert second_factor.codes_left(member("fw-system").id) == second_factor.CODES - 1
    guesser = login(app, house, "fw-system", password)
    for _ in range(5):
        guesser.open("/console/login/code")
        guesser.submit("code", code="000000")
    phone.wait(3)
    guesser.submit("code", code=phone.code())
    assert guesser.page.status_code == 429


def test_a_lost_phone_is_a_matter_of_four_eyes_and_a_role_may_ask_for_a_second_factor(
    app: Flask,
    house: House,
    staff_logins: Logins,
    desk: Desks,
    phone: Phone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clerk = desk("yl-clerk")
    enrol(clerk, phone)
    system, security = desk("fw-system"), desk("fw-security")
    system.open(f"/console/admin/staff/{member('yl-clerk').id}")
    system.submit("reset_factor")
    security.open("/console/admin")
    security.submit("approve_reset")
    assert "已解除" in security.words
    assert db.session.scalars(select(RecoveryCode)).all() == []
    assert clerk.open("/console/cases", follow=False).status_code == 303
    assert login(app, house, "yl-clerk", staff_logins["yl-clerk"]["password"]).at == "/console/cases"
    settings = replace(parts().settings, second_factor_roles=frozenset({"security_admin"}))
    monkeypatch.setitem(app.extensions, "citizen_services", replace(parts(), settings=settings))
    assert security.open("/console/admin").status_code == 200
    assert "请先启用动态验证码" in security.words
    assert security.at == "/console/account"
    token = security.client.get_cookie("console_session", path="/console", domain="127.0.0.1")
    assert token is not None
    bearer = {"Authorization": f"Bearer {token.value}"}
    asked = security.client.get("/api/v1/cases", base_url=house.web_url, headers=bearer)
    assert (asked.status_code, asked.json["type"]) == (403, "second-factor-wanted")
    elsewhere = login(app, house, "fw-security", staff_logins["fw-security"]["password"])
    enrol(security, phone)
    # What the password alone had opened is closed.
    assert elsewhere.open("/console/account", follow=False).status_code == 303
    assert security.open("/console/admin", follow=False).status_code == 200
    security.open("/console/account")
    assert "remove_factor" not in security.actions
    # Whom no role asks ends it by a code of theirs.
    enrol(system, phone)
    phone.wait(3)
    system.open("/console/account")
    system.submit("remove_factor", code="000000")
    assert system.page.status_code == 422
    system.submit("remove_factor", code=phone.code())
    assert "动态验证码已停用" in system.words


def test_the_pages_of_the_account_can_be_read_and_used_by_everybody(
    app: Flask, staff_logins: Logins, phone: Phone
) -> None:
    with serving(app) as address, pages_browser() as chromium:
        page = chromium.desktop(base_url=address, width=1280)
        page.goto("/console/login")
        page.fill("[name=login]", "fw-audit")
        page.fill("[name=password]", staff_logins["fw-audit"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        page.goto("/console/account")
        check_page(page, "console-account", least=24)
        page.click("form[data-action=begin_factor] button")
        secret = page.locator("[data-secret]").inner_text()
        check_page(page, "console-account-factor", least=24)
        phone.secret = secret.replace(" ", "")
        page.fill("[name=code]", phone.code())
        page.click("form[data-action=confirm_factor] button")
        expect(page.locator("[data-recovery]").first).to_be_visible()
        check_page(page, "console-account-codes", least=24)
        page.click("form[data-action=logout] button")
        page.fill("[name=login]", "fw-audit")
        page.fill("[name=password]", staff_logins["fw-audit"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=code]")).to_be_visible()
        check_page(page, "console-login-code", least=24)
        chromium.close()
