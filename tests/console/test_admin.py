"""Administration through the console: each change by who may, on record, and roles and keys by two pairs of eyes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select, text

from app import cli
from citizen_services.database import commit, db
from citizen_services.people import administration_record, api_keys
from citizen_services.people.administration_models import AdminAct, RoleRequest
from citizen_services.people.models import Office, RoleGrant, Staff
from citizen_services.people.queries import roles_of
from citizen_services.security import password_matches
from tests.console.conftest import Desk
from tests.house import House
from tests.pages_kit import check_page, pages_browser, serving

Desks = Callable[[str], Desk]
STATION = "330213001000"
#: What nobody would guess of a colleague.
OWN = "korrekt pferd batterie heftklammer"


def member(login: str) -> Staff:
    """Somebody of the staff as the database has them now."""
    db.session.rollback()
    return db.session.scalars(select(Staff).where(Staff.login == login).execution_options(populate_existing=True)).one()


def test_somebody_new_works_only_after_two_pairs_of_eyes_and_is_out_at_once_when_they_leave(
    app: Flask, house: House, desk: Desks
) -> None:
    system, security = desk("fw-system"), desk("fw-security")
    system.open("/console/admin")
    new: dict[str, Any] = {"login": "yl-new", "name": "顾小满", "standing": "auxiliary", "office": STATION}
    system.submit("add_staff", **new)
    assert system.page.status_code == 422
    assert "辅警须在一名在岗民警带领下工作" in system.words
    system.submit("add_staff", **new, under="yl-officer")
    secret = re.search(r"data-secret>([^<]+)<", system.page.text)
    assert secret is not None
    system.open("/console/admin")
    assert secret.group(1) not in system.page.text
    newcomer = Desk(app, house.web_url)
    newcomer.open("/console/login")
    newcomer.submit("login", login="yl-new", password=secret.group(1))
    # What somebody else has seen opens nothing but the page to change it.
    assert newcomer.at == "/console/account"
    newcomer.open("/console/cases")
    assert "请先修改密码" in newcomer.words
    newcomer.submit("change_password", old=secret.group(1), new=OWN, again=OWN)
    assert "密码已修改" in newcomer.words
    assert newcomer.open("/console/cases").status_code == 403
    id_ = member("yl-new").id
    system.open(f"/console/admin/staff/{id_}")
    system.submit("ask_role", role="clerk")
    # Who asked can't decide, by whichever way.
    assert "批准" not in re.findall(r'class="mx-t">([^<]+)<', system.page.text)
    wish = db.session.scalars(select(RoleRequest)).one()
    form = {"csrf_token": system.form("add_staff").inputs["csrf_token"], "form_token": "a" * 12}
    assert system.open(f"/console/admin/requests/{wish.id}/approve", "POST", data=form).status_code == 403
    assert not roles_of(id_)
    security.open("/console/admin")
    security.submit("approve")
    assert set(roles_of(id_)) == {"clerk"}
    newcomer.open("/console/login")
    newcomer.submit("login", login="yl-new", password=OWN)
    assert newcomer.open("/console/cases").status_code == 200
    # Nobody is two of the three administrators.
    system.open(f"/console/admin/staff/{member('fw-security').id}")
    system.submit("ask_role", role="system_admin")
    assert "须由不同的人担任" in system.words
    system.open(f"/console/admin/staff/{id_}")
    system.submit("move", office="330213002000", standing="auxiliary", under="jp-officer")
    assert member("yl-new").office_code == "330213002000"
    newcomer.open("/console/cases", follow=False)
    assert newcomer.page.status_code == 303
    newcomer.open("/console/login")
    newcomer.submit("login", login="yl-new", password=OWN)
    assert newcomer.open("/console/cases").status_code == 200
    system.open(f"/console/admin/staff/{id_}")
    system.submit("ask_role", role="approver")
    system.open(f"/console/admin/staff/{id_}")
    system.submit("leave")
    newcomer.open("/console/cases", follow=False)
    assert newcomer.page.status_code == 303
    newcomer.open("/console/login")
    newcomer.submit("login", login="yl-new", password=OWN)
    assert "登录名或密码不对" in newcomer.words
    assert not roles_of(id_)
    # What was asked for them waits for nobody.
    security.open("/console/admin")
    assert "yl-new" not in security.words
    assert "顾小满" not in security.words


def test_every_change_is_on_record_and_a_change_of_the_record_is_seen(desk: Desks) -> None:
    system, security, audit = desk("fw-system"), desk("fw-security"), desk("fw-audit")
    system.open("/console/admin")
    office: dict[str, Any] = {
        "code": STATION,
        "name": "岳林派出所",
        "kind": "station",
        "address": "奉化区岳林东路90号",
    }
    system.submit("save_office", **office, phone="0574-88580111", serves="岳林街道")
    assert db.session.get_one(Office, STATION, populate_existing=True).serves == "岳林街道"
    system.submit("save_office", code="330213009000", name="第二中心", kind="service_centre", address="某路1号",
                  phone="0574-88580119")  # fmt: skip
    assert "只能有一个" in system.words
    system.open("/console/admin")
    system.submit("ask_key", name="大厅取号机", login="yl-clerk", scope="cases:read")
    token = re.search(r"data-secret>([^<]+)<", system.page.text)
    assert token is not None
    assert api_keys.load(token.group(1)) is None
    security.open("/console/admin")
    security.submit("approve_key")
    db.session.rollback()
    opened = api_keys.load(token.group(1))
    assert opened is not None
    assert opened.staff.login == "yl-clerk"
    security.open("/console/admin")
    security.submit("revoke_key")
    db.session.rollback()
    assert api_keys.load(token.group(1)) is None
    system.submit("load_calendar", document="{}")
    assert system.page.status_code == 422
    assert system.open("/console/admin/record").status_code == 403
    audit.open("/console/admin/record")
    assert "记录完整" in audit.words
    for words in (
        "修改单位",
        "宁波市奉化区岳林东路88号 → 奉化区岳林东路90号",
        "申请接口密钥",
        "批准接口密钥",
        "停用接口密钥",
    ):
        assert words in audit.words, words
    assert token.group(1) not in audit.page.text
    whats = db.session.scalars(select(AdminAct.what).order_by(AdminAct.id)).all()
    assert whats == ["office_changed", "key_asked", "key_approved", "key_revoked"]
    db.session.execute(text("DELETE FROM admin_act WHERE id = 2"))
    commit()
    audit.open("/console/admin/record")
    assert "记录被改动过" in audit.words


def test_the_first_administrators_come_from_the_command_line_and_only_the_first(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.create_app", lambda **_: app)
    words = ["first-admin", "--role", "system_admin", "--login", "first", "--name", "严立", "--office", STATION]
    told = CliRunner().invoke(cli, words)
    assert told.exit_code == 1
    assert "there is a system_admin already" in told.output
    db.session.execute(text("DELETE FROM role_grant WHERE role = 'system_admin'"))
    commit()
    told = CliRunner().invoke(cli, words)
    assert told.exit_code == 0, told.output
    first = member("first")
    assert password_matches(first.password_hash, told.output.strip())
    assert db.session.scalars(select(RoleGrant.role).where(RoleGrant.staff_id == first.id)).all() == ["system_admin"]
    assert administration_record.verify() == []
    db.session.execute(text("UPDATE admin_act SET target = 'x' WHERE id = 1"))
    commit()
    told = CliRunner().invoke(cli, ["audit", "verify", "--json"])
    assert told.exit_code == 1
    assert json.loads(told.output)["broken"] == [
        {"case": "administration", "seq": 1, "why": "the act was altered, reordered or inserted"}
    ]


def test_the_pages_of_administration_can_be_read_and_used_by_everybody(
    app: Flask, staff_logins: dict[str, dict[str, Any]], desk: Desks
) -> None:
    system = desk("fw-system")
    system.open(f"/console/admin/staff/{member('yl-clerk').id}")
    system.submit("ask_role", role="approver")
    system.submit("ask_key", name="大厅取号机", login="yl-clerk", scope="cases:read")
    with serving(app) as address, pages_browser() as chromium:
        looks: dict[str, dict[str, Any]] = {"light": {"width": 1280}, "zoomed": {"width": 683, "dark": True}}
        for look, size in looks.items():
            for login, places in {
                "fw-system": ("/console/admin", f"/console/admin/staff/{member('yl-clerk').id}"),
                "fw-security": ("/console/admin", "/console/admin/record"),
            }.items():
                page = chromium.desktop(base_url=address, **size)
                page.goto("/console/login")
                page.fill("[name=login]", login)
                page.fill("[name=password]", staff_logins[login]["password"])
                page.click("form[data-action=login] button")
                expect(page.locator("form[data-action=logout]")).to_be_visible()
                for number, place in enumerate(places):
                    page.goto(place)
                    check_page(page, f"console-admin-{login}-{number}-{look}", least=24)
        chromium.close()
