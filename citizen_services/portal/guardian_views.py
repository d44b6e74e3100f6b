"""A guardian answers for a child who is being bound: in their own account, by the code on the child's phone."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services.catalogue.forms import form_data
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.people import guardians, limits
from citizen_services.people.errors import NoGuardian, TooMany, WrongGuardianCode
from citizen_services.people.models import BindingRequest
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.schemas_people import CHILD_FORM, GUARDIAN_FORM
from citizen_services.security import new_token

bp = Blueprint("portal_guardian", __name__, url_prefix="/h5/guardian")


def _find_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    typed = {name: request.form.get(name, "") for name in ("id_number", "code")}
    page = render_template(
        "h5/people/guardian_find.html", form=typed, errors=errors or {}, form_token=new_token(12), back="/h5/"
    )
    return page, status


def _agree_page(child: BindingRequest, status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "h5/people/guardian_agree.html",
        child=child,
        relations=[(code, word, "") for code, word in guardians.RELATIONS.items()],
        relation=request.form.get("relation", ""),
        words=guardians.GUARDIAN_WORDS,
        face_words=guardians.GUARDIAN_FACE_WORDS,
        errors=errors or {},
        form_token=new_token(12),
        back=url_for("portal_guardian.page"),
    )
    return page, status


@bp.get("")
@citizen_required
def page() -> ResponseReturnValue:
    """Which child it is about."""
    return _find_page()


@bp.post("")
@citizen_required
def find() -> ResponseReturnValue:
    """Find the child that waits under a code; tries are counted before they are made."""
    guardian = the_citizen()
    try:
        form = CHILD_FORM.load(form_data(request.form, CHILD_FORM))
    except ValidationError as fault:
        return _find_page(422, fault.messages)
    try:
        one = guardians.reserve_search(guardian)
    except TooMany as fault:
        return _find_page(429, {"code": [fault.sentence]})
    commit()
    try:
        child = guardians.find_child(form["code"], form["id_number"], guardian)
    except (WrongGuardianCode, NoGuardian) as fault:
        return _find_page(422, {"code": [fault.sentence]})
    limits.succeeded(one)
    child_id = child.id
    commit()
    return redirect(url_for("portal_guardian.show", request_id=child_id), 303)


@bp.get("/<uuid:request_id>")
@citizen_required
def show(request_id: UUID) -> ResponseReturnValue:
    """What the guardian is asked to agree to."""
    try:
        return _agree_page(guardians.opened_for(the_citizen(), request_id))
    except WrongGuardianCode:
        return _find_page(404)


@bp.post("/<uuid:request_id>")
@citizen_required
def agree(request_id: UUID) -> ResponseReturnValue:
    """Keep the guardian's consent; the child's page goes on by itself."""
    guardian = the_citizen()
    try:
        child = guardians.opened_for(guardian, request_id)
        form = GUARDIAN_FORM.load(form_data(request.form, GUARDIAN_FORM))
        guardians.agree(child, guardian, form["relation"], face=form["consent_face"] == "yes")
    except WrongGuardianCode:
        rollback()
        return _find_page(404)
    except ValidationError as fault:
        return _agree_page(child, 422, fault.messages)
    commit()
    flash("已记下您的同意，孩子的手机上可以继续了。", "ok")
    return redirect("/h5/", 303)
