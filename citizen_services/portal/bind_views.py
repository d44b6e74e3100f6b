"""Binding: who somebody says to be, then the living person, by a photo or at a counter."""

from __future__ import annotations

import logging
from uuid import UUID

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.catalogue.forms import form_data
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.population import Population
from citizen_services.materials import faces
from citizen_services.parts import parts
from citizen_services.people import binding, codes, guardians, limits, operations, sessions, web
from citizen_services.people.binding import Claim
from citizen_services.people.errors import BindingOver, CannotBind, FaceNotUsable, TooMany, WrongCode
from citizen_services.people.limits import Try
from citizen_services.people.models import BindingRequest, Session
from citizen_services.people.sessions import Opened
from citizen_services.portal.guards import current_citizen, current_session, in_wechat, next_path
from citizen_services.portal.schemas_people import BIND_FORM, CLAIM_FORM, PHONE_FORM
from citizen_services.rules.errors import RuleError
from citizen_services.rules.phones import parse_mobile
from citizen_services.security import new_token

log = logging.getLogger(__name__)

bp = Blueprint("portal_bind", __name__, url_prefix="/h5/bind")

AWAY = "人口信息库暂时连不上。您填写的内容没有丢，请过几分钟再试；着急的话，可以带身份证到窗口办理。"
DISAGREES = "姓名、身份证号码、手机号码与人口登记信息对不上。请逐项核对；手机号码须是登记在您本人名下的号码。"
FACE_AWAY = "现在没有办法比对照片，这次不算次数。请过几分钟再试，或者改为到窗口核验。"


def _register() -> Population:
    client: Population = parts().clients["population"]
    return client


def _next() -> str:
    return next_path(request.args.get("next"))


def _proved_phone(session: Session | None) -> str:
    """The phone that this session has proved already, unless the person is about to use another one."""
    if session is None or session.phone is None or "other" in request.args:
        return ""
    typed = request.form.get("phone")
    return session.phone if not typed or _is_proved(session, typed) else ""


def _claim_page(
    status: int = 200, *, sent: bool = False, errors: object = None, wait: int = 0, counter: bool = False
) -> ResponseReturnValue:
    page = render_template(
        "h5/people/bind.html",
        sent=sent or bool(request.form.get("name")),
        proved=_proved_phone(current_session()),
        form={name: request.form.get(name, "") for name in ("name", "id_number", "phone", "code")},
        errors=errors or {},
        wait=wait,
        counter=counter,
        next=_next(),
        notice=binding.NOTICE_WORDS,
        form_token=new_token(12),
    )
    return page, status


def _prove_page(request_: BindingRequest, status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "h5/people/prove.html",
        binding=request_,
        left=binding.PHOTOS - request_.attempts,
        by_face=binding.may_show_face(request_),
        refresh=15 if request_.state == "guardian" and request_.guardian_agreed_at is None and not errors else 0,
        errors=errors or {},
        next=_next(),
        consent=binding.FACE_WORDS,
        form_token=new_token(12),
    )
    return page, status


def _again() -> ResponseReturnValue:
    return redirect(url_for("portal_bind.page", next=_next()), 303)


@bp.get("")
def page() -> ResponseReturnValue:
    """The binding as it stands: what to type, a photo or a counter, the counter's code, or on to where it led from."""
    session = current_session()
    if session is None:
        return (
            redirect(url_for("portal_oauth.start", next=request.full_path.rstrip("?")), 303)
            if in_wechat()
            else _claim_page()
        )
    if current_citizen() is not None:
        return redirect(_next(), 303)
    citizen = binding.bound_meanwhile(session)
    if citizen is not None:
        opened = operations.log_in_bound(citizen, session)
        commit()
        return _bound(opened)
    request_ = binding.request_of(session)
    if request_ is None or "again" in request.args:
        return _claim_page()
    return _prove_page(request_)


def _bound(opened: Opened) -> ResponseReturnValue:
    response = web.log_in(make_response(redirect(_next(), 303)), opened)
    flash("已核实是您本人，可以办事了。", "ok")
    return response


@bp.get("/<any(code, face, counter, verify):_form>")
def form_page(_form: str) -> ResponseReturnValue:
    """Whoever reloads or opens the address of a form gets the page as it stands."""
    return _again()


@bp.post("/code")
def send_code() -> ResponseReturnValue:
    """Send a code to the phone that is to be bound."""
    try:
        phone = PHONE_FORM.load(form_data(request.form, PHONE_FORM))["phone"]
    except ValidationError as fault:
        return _claim_page(422, errors=fault.messages)
    change = Change(clock.now())
    try:
        codes.send(phone, "bind", web.client_address(), change)
    except TooMany as fault:
        return _claim_page(429, sent=True, errors={"phone": [fault.sentence]}, wait=fault.after_s)
    change.write()
    commit()
    return _claim_page(sent=True, wait=codes.RESEND_S)


@bp.post("")
def bind() -> ResponseReturnValue:
    """Prove the phone, then ask the register whether name, number and phone belong together."""
    if current_citizen() is not None:
        return redirect(_next(), 303)
    session = current_session()
    proved = session is not None and _is_proved(session, request.form.get("phone", ""))
    schema = CLAIM_FORM if proved else BIND_FORM
    try:
        form = schema.load(form_data(request.form, schema))
    except ValidationError as fault:
        return _claim_page(422, sent=True, errors=fault.messages)
    claim = Claim(form["name"], form["id_number"], form["phone"])
    try:
        matches = proved or codes.check(claim.phone, "bind", form["code"], web.client_address())
    except TooMany as fault:
        return _claim_page(429, sent=True, errors={"code": [fault.sentence]})
    if not matches:
        commit()
        return _claim_page(422, sent=True, errors={"code": [WrongCode.sentence]})
    # Kept before the register is asked: a code serves once, and the register may be away.
    if session is None:
        opened = sessions.open_session("citizen", phone=claim.phone)
        commit()
        web.begin_forms(opened)
        return web.log_in(make_response(_ask(claim, opened.id, None)), opened)
    if not proved:
        sessions.prove_phone(session, claim.phone)
        commit()
    return _ask(claim, session.id, session.openid)


def _is_proved(session: Session, typed: str) -> bool:
    try:
        return session.phone is not None and session.phone == parse_mobile(typed)
    except RuleError:
        return False


def _ask(claim: Claim, session_id: UUID, openid: str | None) -> ResponseReturnValue:
    """Ask the register about a claim, outside of any transaction, and note what it says.

    A child's waits for its guardian first.
    """
    if guardians.is_child(claim.id_number):
        change = Change(clock.now())
        binding.wait_for_guardian(session_id, openid, claim, change)
        change.write()
        commit()
        return _again()
    try:
        one = binding.reserve_check(claim, web.client_address())
    except TooMany as fault:
        return _claim_page(429, sent=True, errors=fault.sentence)
    commit()
    try:
        agrees = _register().verify(claim.name, claim.id_number, claim.phone)
    except OutsideError as fault:
        log.warning("%s", fault)
        limits.not_made(one)
        commit()
        return _claim_page(503, sent=True, errors=AWAY)
    change = Change(clock.now())
    if agrees:
        limits.succeeded(one)
    binding.begin(session_id, openid, claim, agrees, change)
    change.write()
    commit()
    return _again() if agrees else _claim_page(422, sent=True, errors=DISAGREES, counter=True)


@bp.post("/verify")
def verify() -> ResponseReturnValue:
    """Go on with a child's binding once the guardian has agreed: ask the register, outside of any transaction."""
    session = current_session()
    request_ = binding.request_of(session) if session is not None else None
    waits = request_ is not None and request_.state == "guardian" and request_.guardian_agreed_at is not None
    if request_ is None or not waits or current_citizen() is not None:
        return _again()
    claim = Claim(request_.name, request_.id_number, request_.phone)
    try:
        one = binding.reserve_check(claim, web.client_address())
    except TooMany as fault:
        return _prove_page(request_, 429, fault.sentence)
    commit()
    try:
        agrees = _register().verify(claim.name, claim.id_number, claim.phone)
    except OutsideError as fault:
        log.warning("%s", fault)
        limits.not_made(one)
        commit()
        return _prove_page(_fresh(request_), 503, AWAY)
    if agrees:
        limits.succeeded(one)
    try:
        binding.go_on_after_guardian(request_, agrees)
    except BindingOver:
        rollback()
        return _again()
    commit()
    return _again()


@bp.post("/face")
def face() -> ResponseReturnValue:
    """Compare a photo with the register's, once, with the person's separate consent."""
    session = current_session()
    request_ = binding.request_of(session) if session is not None else None
    if session is None or request_ is None or not binding.may_show_face(request_) or current_citizen() is not None:
        return _again()
    errors = {}
    image = b""
    try:
        upload = request.files.get("file")
        image = faces.prepare(upload.read(faces.MOST_BYTES + 1) if upload is not None else b"")
    except FaceNotUsable as fault:
        errors["file"] = [fault.sentence]
    if request.form.get("consent_face") != "yes":
        errors["consent_face"] = ["刷脸需要您单独同意；不同意的，请选择“到窗口核验”。"]
    if errors:
        return _prove_page(request_, 422, errors)
    try:
        one = binding.reserve_photo(request_)
    except TooMany as fault:
        return _prove_page(request_, 429, {"file": [fault.sentence + "也可以改为到窗口核验。"]})
    except BindingOver:
        return _again()
    commit()
    return _compare(session, request_, image, one)


def _compare(session: Session, request_: BindingRequest, image: bytes, one: Try) -> ResponseReturnValue:
    try:
        result = _register().face(request_.id_number, image)
        person = _register().person(request_.id_number).value if result == "match" else None
    except OutsideError as fault:
        log.warning("%s", fault)
        result, person = "unavailable", None
    if result == "unavailable":
        binding.photo_not_compared(one, request_)
        commit()
        return _prove_page(_fresh(request_), 503, {"file": [FACE_AWAY]})
    if result == "no_match":
        left = binding.photo_did_not_match(request_)
        commit()
        more = f"还可以再试 {left} 次。" if left else "请改为到窗口核验。"
        words = "照片没有比对上。请在光线好的地方正对镜头，摘下口罩、帽子和墨镜。" + more
        return _prove_page(_fresh(request_), 422, {"file": [words]})
    change = Change(clock.now())
    try:
        limits.succeeded(one)
        binding.complete(_fresh(request_), person, "face", change)
        change.write()
        citizen = binding.bound_meanwhile(session)
        if citizen is None:
            raise BindingOver
        opened = operations.log_in_bound(citizen, session)
        commit()
    except (BindingOver, IntegrityError):
        # Somebody was faster with the same person or follower (another tab, a counter): what stands now is shown.
        rollback()
        return _again()
    except CannotBind as fault:
        rollback()
        return _prove_page(_fresh(request_), 422, {"file": [fault.sentence]})
    return _bound(opened)


def _fresh(known: BindingRequest) -> BindingRequest:
    """The binding as the database has it now."""
    db.session.refresh(known)
    return known


@bp.post("/counter")
def counter() -> ResponseReturnValue:
    """Choose the counter: a code of six digits to say there, with the card."""
    session = current_session()
    request_ = binding.request_of(session) if session is not None else None
    if request_ is None or current_citizen() is not None:
        return _again()
    try:
        binding.go_to_counter(request_)
    except BindingOver:
        return _again()
    commit()
    return _again()
