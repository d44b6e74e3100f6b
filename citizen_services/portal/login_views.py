"""Login of citizens by a code sent to their phone, and logout."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.catalogue.forms import form_data
from citizen_services.database import Change, commit
from citizen_services.people import codes, operations, web
from citizen_services.people.errors import NotYourPhone, TooMany, WrongCode
from citizen_services.portal.guards import current_citizen, current_session, in_wechat, next_path
from citizen_services.portal.schemas_people import LOGIN_FORM, PHONE_FORM
from citizen_services.security import new_token

bp = Blueprint("portal_login", __name__, url_prefix="/h5")


def _next() -> str:
    return next_path(request.args.get("next"))


def _login_page(status: int = 200, *, sent: bool = False, errors: object = None, wait: int = 0) -> ResponseReturnValue:
    page = render_template(
        "h5/people/login.html",
        sent=sent,
        phone=request.form.get("phone", ""),
        code=request.form.get("code", ""),
        errors=errors or {},
        wait=wait,
        next=_next(),
        form_token=new_token(12),
        in_wechat=in_wechat(),
    )
    return page, status


@bp.get("/login")
def page() -> ResponseReturnValue:
    """The login page; somebody who is known already goes on."""
    if current_citizen() is not None:
        return redirect(_next(), 303)
    return _login_page()


@bp.get("/login/code")
def code_page() -> ResponseReturnValue:
    """Whoever reloads or opens the address of a form gets its page."""
    return redirect(url_for("portal_login.page", next=_next()), 303)


@bp.post("/login/code")
def send_code() -> ResponseReturnValue:
    """Send a code: the answer is the same whether or not we know the phone."""
    try:
        phone = PHONE_FORM.load(form_data(request.form, PHONE_FORM))["phone"]
    except ValidationError as fault:
        return _login_page(422, errors=fault.messages)
    change = Change(clock.now())
    try:
        codes.send(phone, "login", web.client_address(), change)
    except TooMany as fault:
        return _login_page(429, sent=True, errors={"phone": [fault.sentence]}, wait=fault.after_s)
    change.write()
    commit()
    return _login_page(sent=True, wait=codes.RESEND_S)


@bp.post("/login")
def login() -> ResponseReturnValue:
    """Log in with phone and code: as the phone's citizen, or as somebody to be bound first."""
    try:
        form = LOGIN_FORM.load(form_data(request.form, LOGIN_FORM))
    except ValidationError as fault:
        return _login_page(422, sent=True, errors=fault.messages)
    try:
        matches = codes.check(form["phone"], "login", form["code"], web.client_address())
    except TooMany as fault:
        return _login_page(429, sent=True, errors={"code": [fault.sentence]})
    if not matches:
        commit()
        return _login_page(422, sent=True, errors={"code": [WrongCode.sentence]})
    opened, citizens = operations.log_in_by_phone(form["phone"], current_session())
    commit()
    target = _next()
    if len(citizens) > 1:
        target = url_for("portal_login.who", next=_next())
    elif not citizens:
        target = url_for("portal_bind.page", next=_next())
    return web.log_in(make_response(redirect(target, 303)), opened)


def _who_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template("h5/people/who.html", errors=errors or {}, next=_next(), form_token=new_token(12))
    return page, status


@bp.get("/login/who")
def who() -> ResponseReturnValue:
    """Ask which of several persons of one phone it is."""
    session = current_session()
    if session is None or session.phone is None or current_citizen() is not None:
        return redirect(url_for("portal_login.page", next=_next()), 303)
    return _who_page()


@bp.post("/login/who")
def choose() -> ResponseReturnValue:
    """Log in the one of several persons of one phone whose number ends so."""
    session = current_session()
    if session is None or session.phone is None:
        return redirect(url_for("portal_login.page", next=_next()), 303)
    try:
        one = operations.reserve_choice(session.phone)
    except TooMany as fault:
        return _who_page(429, {"id_tail": [fault.sentence]})
    try:
        opened = operations.choose_citizen(one, session, request.form.get("id_tail", ""))
    except NotYourPhone as fault:
        commit()
        return _who_page(422, {"id_tail": [fault.sentence]})
    commit()
    return web.log_in(make_response(redirect(_next(), 303)), opened)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session here."""
    response = web.log_out(make_response(redirect(url_for("portal_login.page"), 303)))
    commit()
    flash("已经退出登录。", "ok")
    return response
