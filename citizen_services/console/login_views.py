"""Login of staff, logout, and binding a citizen who shows the card at a counter."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases import visits
from citizen_services.console.guards import current_actor, current_staff, next_path, staff_required
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.population import Population
from citizen_services.parts import parts
from citizen_services.people import binding, limits, operations, second_factor, web
from citizen_services.people.errors import PeopleError, TooMany, WrongLogin
from citizen_services.people.models import Session
from citizen_services.people.queries import staff_for_page
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token

log = logging.getLogger(__name__)

bp = Blueprint("console_login", __name__, url_prefix="/console")

REGISTER_AWAY = "人口信息库暂时连不上，没有绑定。请稍后再试。"


@bp.app_context_processor
def _frame() -> dict[str, Any]:
    """What the console's frame shows of who is logged in."""
    person = web.logged_in()
    if person is None or person.staff is None:
        return {}
    return {"staff": staff_for_page(person.staff, person.roles)}


def _login_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "console/login.html",
        login=request.form.get("login", ""),
        errors=errors or {},
        next=next_path(request.args.get("next")),
        form_token=new_token(12),
    )
    return page, status


@bp.get("/login")
def page() -> ResponseReturnValue:
    """The login page; whoever is logged in goes on."""
    if current_staff() is not None:
        return redirect(next_path(request.args.get("next")), 303)
    return _login_page()


@bp.post("/login")
def login() -> ResponseReturnValue:
    """Log in with login and password."""
    name, password = request.form.get("login", "").strip(), request.form.get("password", "")
    errors = {}
    if not name:
        errors["login"] = ["请填写登录名。"]
    if not password:
        errors["password"] = ["请填写密码。"]
    if errors:
        return _login_page(422, errors)
    try:
        one = operations.reserve_staff_login(name, web.client_address())
    except TooMany as fault:
        return _login_page(429, {"password": [fault.sentence]})
    # The try counts from here on, whatever happens while the password is hashed.
    commit()
    before = web.logged_in()
    try:
        opened = operations.log_in_staff(one, name, password, before.session if before else None)
    except WrongLogin as fault:
        return _login_page(422, {"password": [fault.sentence]})
    commit()
    to = next_path(request.args.get("next"))
    if opened.factor_pending:
        to = url_for("console_login.code_page", next=to)
    return web.log_in(make_response(redirect(to, 303)), opened)


def _pending() -> Session | None:
    """The session of somebody whose password was right and whose second factor is still to be shown."""
    person = web.logged_in()
    return person.session if person is not None and person.session.factor_pending else None


def _code_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    onward = next_path(request.args.get("next"))
    page = render_template("console/login_code.html", errors=errors or {}, next=onward, form_token=new_token(12))
    return page, status


@bp.get("/login/code")
def code_page() -> ResponseReturnValue:
    """The page that asks for the second factor, of whoever's password was right."""
    if _pending() is None:
        return redirect(url_for(".page"), 303)
    return _code_page()


@bp.post("/login/code")
def code() -> ResponseReturnValue:
    """Log in by a code of the program, or a recovery code."""
    pending = _pending()
    if pending is None or pending.staff_id is None:
        return redirect(url_for(".page"), 303)
    try:
        one = second_factor.reserve(pending.staff_id)
        commit()
        opened = second_factor.log_in(one, pending, request.form.get("code", ""))
    except PeopleError as fault:
        rollback()
        return _code_page(429 if isinstance(fault, TooMany) else 422, {"code": [fault.sentence]})
    commit()
    return web.log_in(make_response(redirect(next_path(request.args.get("next")), 303)), opened)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session here."""
    response = web.log_out(make_response(redirect(url_for("console_login.page"), 303)))
    commit()
    return response


def _bind_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "console/bind.html",
        form={name: request.form.get(name, "") for name in ("code", "id_number", "card_shown")} if errors else {},
        errors=errors or {},
        form_token=new_token(12),
    )
    return page, status


@bp.get("/bind")
@staff_required("clerk")
def bind_page() -> ResponseReturnValue:
    """The clerk's page to bind a citizen who shows the card."""
    return _bind_page()


@bp.post("/bind")
@staff_required("clerk")
def bind() -> ResponseReturnValue:
    """Bind the citizen who says a code and shows the card with that number."""
    actor = current_actor()
    errors: dict[str, list[str]] = {}
    code, id_number = request.form.get("code", ""), ""
    try:
        id_number = parse_identity(request.form.get("id_number", ""), clock.today()).number
    except RuleError as fault:
        errors["id_number"] = [fault.sentence]
    if not code.strip():
        errors["code"] = ["请录入申请人手机上显示的6位核验码。"]
    if request.form.get("card_shown") != "yes":
        errors["card_shown"] = ["请当面核对身份证原件与本人一致后再勾选。"]
    if errors:
        return _bind_page(422, errors)
    try:
        one = binding.reserve_counter(actor)
        commit()
        waiting = binding.find_at_counter(code, id_number, actor)
    except TooMany as fault:
        return _bind_page(429, {"code": [fault.sentence]})
    except PeopleError as fault:
        return _bind_page(422, {"code": [fault.sentence]})
    register: Population = parts().clients["population"]
    # Nothing is locked while the register is asked.
    commit()
    try:
        person = register.person(id_number).value
    except OutsideError as fault:
        log.warning("%s", fault)
        limits.not_made(one)
        commit()
        return _bind_page(503, REGISTER_AWAY)
    change = Change(clock.now())
    try:
        citizen_id = binding.bind_at_counter(one, waiting, person, actor, change)
        here = visits.at_office(visits.open_cases(citizen_id, actor.district or ""), actor.office or "")
        visits.check_in(change, citizen_id, actor, here, known_by="id_number", card_seen=True)
        change.write()
        commit()
    except PeopleError as fault:
        rollback()
        return _bind_page(422, {"code": [fault.sentence]})
    except IntegrityError:
        rollback()
        return _bind_page(409, "这位申请人刚刚在别处完成了绑定，请让申请人刷新手机页面查看。")
    flash(f"{mask_name(waiting.name)} 已核验并绑定，申请人刷新手机页面就能继续办理。", "ok")
    return redirect(url_for("console_login.bind_page"), 303)
