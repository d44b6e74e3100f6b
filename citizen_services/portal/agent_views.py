"""委托别人办: a person authorises another in their own account, proves it by a code, and takes it back at once."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.catalogue.forms import form_data
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import authorisations, codes, limits, web
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.errors import NoSuchAgent, NoSuchAuthorisation, TooMany, WrongCode
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.schemas_people import AGENT_CODE_FORM, AGENT_FORM
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.masking import mask_name, mask_phone
from citizen_services.security import new_token

bp = Blueprint("portal_agents", __name__, url_prefix="/h5/agents")


def _items() -> list[tuple[str, str]]:
    """The items for which others may be authorised: code and name."""
    return [(item.code, item.name) for item in parts().catalogue.items() if item.no_agent is None]


def _refused() -> list[str]:
    """The items of which the law wants the person, each with its law."""
    return [f"{item.name}（{item.no_agent}）" for item in parts().catalogue.items() if item.no_agent is not None]


def _list_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    citizen = the_citizen()
    given = authorisations.given_by(citizen.id)
    known, names = authorisations.people([one.agent_id for one in given]), dict(_items())
    page = render_template(
        "h5/people/agents.html",
        may_give=authorisations.may_give(citizen),
        given=[
            {
                "id": one.id,
                "name": mask_name(known[one.agent_id].name),
                "which": "、".join(names.get(code, code) for code in one.items),
                "until": chinese_date(one.until_day),
                "form_token": new_token(12),
            }
            for one in given
        ],
        items=[(code, name, "") for code, name in _items()],
        refused=_refused(),
        chosen=request.form.getlist("which"),
        form=request.form,
        errors=errors or {},
        form_token=new_token(12),
        back="/h5/",
    )
    return page, status


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """Who may act for the person, and the form that authorises another."""
    return _list_page()


@bp.post("")
@citizen_required
def ask() -> ResponseReturnValue:
    """Fill in an authorisation and have a code sent; nothing is given yet."""
    citizen = the_citizen()
    if not authorisations.may_give(citizen):
        return render_error(403, text="未满16周岁的，由监护人办理，不能委托别人。", back="/h5/")
    names = dict(_items())
    try:
        form = AGENT_FORM.load(form_data(request.form, AGENT_FORM) | {"which": request.form.getlist("which")})
        if not set(form["which"]) <= set(names):
            raise ValidationError({"which": ["请选择要委托的事项。"]})
    except ValidationError as fault:
        return _list_page(422, fault.messages)
    try:
        one = authorisations.reserve_search(citizen)
    except TooMany as fault:
        return _list_page(429, {"id_number": [fault.sentence]})
    commit()
    try:
        agent = authorisations.find_agent(citizen, form["name"], form["id_number"])
    except NoSuchAgent as fault:
        return _list_page(422, {"id_number": [fault.sentence]})
    limits.succeeded(one)
    change = Change(clock.now())
    sentence = authorisations.words(agent.name, [names[code] for code in form["which"]], form["until"])
    id_ = authorisations.ask(citizen, agent, form["which"], form["until"], sentence, change)
    try:
        codes.send(citizen.phone, authorisations.PURPOSE, web.client_address(), change, about=str(id_))
    except TooMany as fault:
        rollback()
        return _list_page(429, {"until": [fault.sentence]})
    change.write()
    commit()
    return redirect(url_for("portal_agents.confirm", authorisation_id=id_), 303)


def _confirm_page(found: Authorisation, status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "h5/people/agent_confirm.html",
        words=found.words,
        phone=mask_phone(the_citizen().phone),
        errors=errors or {},
        url=url_for("portal_agents.give", authorisation_id=found.id),
        form_token=new_token(12),
        back=url_for("portal_agents.mine"),
    )
    return page, status


def _gone() -> ResponseReturnValue:
    rollback()
    return render_error(404, text=NoSuchAuthorisation.sentence, back=url_for("portal_agents.mine"))


@bp.get("/<uuid:authorisation_id>")
@citizen_required
def confirm(authorisation_id: UUID) -> ResponseReturnValue:
    """The sentence, and the code that makes it hold."""
    try:
        return _confirm_page(authorisations.waiting(the_citizen(), authorisation_id))
    except NoSuchAuthorisation:
        return _gone()


@bp.post("/<uuid:authorisation_id>")
@citizen_required
def give(authorisation_id: UUID) -> ResponseReturnValue:
    """Give it, by the code that was sent."""
    citizen = the_citizen()
    try:
        found = authorisations.waiting(citizen, authorisation_id)
        form = AGENT_CODE_FORM.load(form_data(request.form, AGENT_CODE_FORM))
        authorisations.give(citizen, authorisation_id, form["code"], web.client_address())
    except NoSuchAuthorisation:
        return _gone()
    except ValidationError as fault:
        return _confirm_page(found, 422, fault.messages)
    except TooMany as fault:
        return _confirm_page(found, 429, {"code": [fault.sentence]})
    except WrongCode as fault:
        commit()
        return _confirm_page(found, 422, {"code": [fault.sentence]})
    commit()
    flash("委托已经生效。对方登录后，从首页的“替别人办”进入。每次替您办理，我们都会告诉您。", "ok")
    return redirect(url_for("portal_agents.mine"), 303)


@bp.post("/<uuid:authorisation_id>/revoke")
@citizen_required
def revoke(authorisation_id: UUID) -> ResponseReturnValue:
    """Take it back: from this moment the other sees and does nothing any more."""
    try:
        authorisations.revoke(the_citizen(), authorisation_id)
    except NoSuchAuthorisation:
        return _gone()
    commit()
    flash("委托已经收回，立即生效。", "ok")
    return redirect(url_for("portal_agents.mine"), 303)
