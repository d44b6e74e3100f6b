"""My account (我的账号): one's own password, and the second factor."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.console.guards import current_actor, current_member, staff_required
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.people import passwords, second_factor, web
from citizen_services.people.administration_record import record
from citizen_services.people.errors import PeopleError, TooMany
from citizen_services.people.passwords import BadPassword
from citizen_services.rules import qr
from citizen_services.security import new_token

bp = Blueprint("console_account", __name__, url_prefix="/console/account")


def _page(status: int = 200, *, failed: str = "", errors: Mapping[str, list[str]] | None = None) -> ResponseReturnValue:
    person = current_member()
    return render_template(
        "console/account.html",
        member=person.staff,
        shortest=passwords.SHORTEST,
        enrolled=second_factor.enrolled(person.staff.id),
        demanded=second_factor.demanded(person.roles),
        codes_left=second_factor.codes_left(person.staff.id),
        failed=failed,
        errors=errors,
        form_token=lambda: new_token(12),
    ), status


@bp.get("")
@staff_required(unready=True)
def page() -> ResponseReturnValue:
    """One's own password and second factor."""
    return _page()


@bp.post("/password")
@staff_required(unready=True)
def password() -> ResponseReturnValue:
    """Change one's own password; every other session of the person ends."""
    person = current_member()
    try:
        one = passwords.reserve_change(person.staff)
    except TooMany as fault:
        return _page(429, failed="password", errors={"old": [fault.sentence]})
    # The try counts from here on, whatever happens while passwords are hashed.
    commit()
    given = (request.form.get(name, "") for name in ("old", "new", "again"))
    try:
        opened = passwords.change_own(one, person.staff, person.session, *given)
    except BadPassword as fault:
        rollback()
        if fault.field != "old":
            passwords.no_guess(one)
            commit()
        return _page(422, failed="password", errors={fault.field: [fault.sentence]})
    commit()
    flash("密码已修改，其他地方的登录已经退出。", "ok")
    return web.log_in(make_response(redirect(url_for(".page"), 303)), opened)


@bp.post("/factor/begin")
@staff_required(unready=True)
def begin_factor() -> ResponseReturnValue:
    """Draw a secret for a program that shows codes."""
    try:
        second_factor.begin(current_member().staff)
    except PeopleError as fault:
        rollback()
        return _page(422, failed="factor", errors={"factor": [fault.sentence]})
    commit()
    return redirect(url_for(".factor"), 303)


def _factor_page(status: int = 200, errors: Mapping[str, list[str]] | None = None) -> ResponseReturnValue:
    found = second_factor.beginning(current_member().staff)
    if found is None:
        return redirect(url_for(".page"), 303)
    secret = found[0]
    words = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return render_template(
        "console/account_factor.html", secret=words, errors=errors, form_token=lambda: new_token(12)
    ), status


@bp.get("/factor")
@staff_required(unready=True)
def factor() -> ResponseReturnValue:
    """What the program scans, until its first code is right."""
    return _factor_page()


@bp.get("/factor.png")
@staff_required(unready=True)
def factor_code() -> ResponseReturnValue:
    """The secret that is being set up as a picture; afterwards there is none."""
    found = second_factor.beginning(current_member().staff)
    if found is None:
        return Response(status=404)
    answer = Response(qr.png(found[1]), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/factor/confirm")
@staff_required(unready=True)
def confirm_factor() -> ResponseReturnValue:
    """Put it in force; the recovery codes are shown on this one answer."""
    person = current_member()
    staff = person.staff
    try:
        one = second_factor.reserve(staff.id)
        commit()
        codes = second_factor.confirm(one, staff, request.form.get("code", ""), person.session)
    except PeopleError as fault:
        rollback()
        return _factor_page(429 if isinstance(fault, TooMany) else 422, {"code": [fault.sentence]})
    commit()
    return render_template("console/account_codes.html", codes=codes)


@bp.post("/factor/remove")
@staff_required(unready=True)
def remove_factor() -> ResponseReturnValue:
    """End one's own second factor by one of its codes, unless one's role demands it."""
    person = current_member()
    try:
        if second_factor.demanded(person.roles):
            raise PeopleError("您的岗位要求使用动态验证码，不能停用。换手机的，请系统管理员申请解除后重新启用。")
        one = second_factor.reserve(person.staff.id)
        commit()
        second_factor.check(person.staff, request.form.get("code", ""))
    except PeopleError as fault:
        rollback()
        return _page(429 if isinstance(fault, TooMany) else 422, failed="factor", errors={"code": [fault.sentence]})
    second_factor.succeeded(one)
    second_factor.remove(person.staff.id)
    record(current_actor(), "factor_removed", person.staff.login, {}, {"动态验证码": "本人停用"})
    commit()
    flash("动态验证码已停用。", "ok")
    return redirect(url_for(".page"), 303)
