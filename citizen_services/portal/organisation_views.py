"""单位: bound by credit code, its people named by whoever answers for it, workers reported by form."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.catalogue.forms import form_data
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.filling.fields import station_words, stations
from citizen_services.filling.organisations import acted_for, is_late
from citizen_services.pages import render_error
from citizen_services.people import authorisations, limits, organisations
from citizen_services.people.acting_models import Organisation
from citizen_services.people.errors import (
    AlreadyReported,
    NoSuchAgent,
    NoSuchOrganisation,
    NotNamedFor,
    NotTheHead,
    TooMany,
)
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.schemas_organisations import CREDIT_FORM, NAMED_FORM, WORKER_FORM
from citizen_services.rules.dates import chinese_date, local_date
from citizen_services.rules.masking import mask_name
from citizen_services.security import new_token

bp = Blueprint("portal_organisations", __name__, url_prefix="/h5/organisations")


@bp.errorhandler(NoSuchOrganisation)
def _none(fault: NoSuchOrganisation) -> ResponseReturnValue:
    rollback()
    return render_error(404, text=fault.sentence, back=url_for("portal_organisations.mine"))


def _list_page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    page = render_template(
        "h5/people/organisations.html",
        mine=[
            {
                "title": one.name,
                "text": one.credit_code,
                "icon": "building",
                "href": url_for("portal_organisations.show", organisation_id=one.id),
            }
            for one in organisations.of(the_citizen().id)
        ],
        form=request.form,
        errors=errors or {},
        form_token=new_token(12),
        back="/h5/",
    )
    return page, status


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """For which organisations one may act, and the form that binds another."""
    return _list_page()


@bp.post("")
@citizen_required
def bind() -> ResponseReturnValue:
    """Bind an organisation: the market register says whether the person answers for it."""
    citizen = the_citizen()
    try:
        code = CREDIT_FORM.load(form_data(request.form, CREDIT_FORM))["credit_code"]
        one = organisations.reserve_binding(citizen)
    except ValidationError as fault:
        return _list_page(422, fault.messages)
    except TooMany as fault:
        return _list_page(429, {"credit_code": [fault.sentence]})
    commit()
    try:
        business = organisations.look_up(citizen, code)
    except NotTheHead as fault:
        return _list_page(422, {"credit_code": [fault.sentence]})
    except OutsideError:
        limits.succeeded(one)
        commit()
        return _list_page(503, {"credit_code": ["市场主体登记暂时连不上，请过几分钟再试。"]})
    limits.succeeded(one)
    id_ = organisations.bind(citizen, business)
    commit()
    flash("单位已经绑定。", "ok")
    return redirect(url_for("portal_organisations.show", organisation_id=id_), 303)


def _page(found: Organisation, status: int = 200, errors: object = None) -> ResponseReturnValue:
    citizen = the_citizen()
    head, mine = found.head_id == citizen.id, organisations.matters_of(citizen.id, found)
    page = render_template(
        "h5/people/organisation.html",
        organisation=found,
        head=head,
        people=[
            {
                "name": mask_name(who.name),
                "matters": "、".join(f"报告{organisations.KINDS[code]}" for code in one.matters),
                "until": chinese_date(one.until_day),
                "url": url_for("portal_organisations.end", organisation_id=found.id, person_id=one.id),
                "form_token": new_token(12),
            }
            for one, who in (organisations.people_of(found.id) if head else ())
        ],
        kinds=[(code, word, "") for code, word in organisations.KINDS.items() if code in mine],
        matters=[(code, f"报告{word}", "") for code, word in organisations.KINDS.items()],
        chosen=request.form.getlist("person_matters") if request.method == "POST" else list(organisations.KINDS),
        stations=[(one.code, *station_words(one)) for one in stations()],
        reports=[
            {
                "label": mask_name(one.name),
                "value": f"{organisations.KINDS[one.kind]} {chinese_date(one.day)}",
                "note": f"{chinese_date(local_date(one.at))}报告" + ("，超过3个工作日" if one.late else ""),
            }
            for one in organisations.reports_of(found.id)
        ],
        form=request.form,
        errors=errors or {},
        worker_token=new_token(12),
        person_token=new_token(12),
        back=url_for("portal_organisations.mine"),
    )
    return page, status


@bp.get("/<uuid:organisation_id>")
@citizen_required
def show(organisation_id: UUID) -> ResponseReturnValue:
    """One organisation: the form that reports a worker, what was reported, and who may report."""
    return _page(acted_for(the_citizen(), organisation_id))


@bp.post("/<uuid:organisation_id>/people")
@citizen_required
def name(organisation_id: UUID) -> ResponseReturnValue:
    """Name somebody who may report, until a day."""
    head = the_citizen()
    acted_for(head, organisation_id)
    found = organisations.headed(head.id, organisation_id)
    try:
        given = form_data(request.form, NAMED_FORM) | {"person_matters": request.form.getlist("person_matters")}
        form = NAMED_FORM.load(given)
        one = authorisations.reserve_search(head)
    except ValidationError as fault:
        return _page(found, 422, fault.messages)
    except TooMany as fault:
        return _page(found, 429, {"person_id_number": [fault.sentence]})
    commit()
    try:
        person = authorisations.find_agent(head, form["person_name"], form["person_id_number"])
    except NoSuchAgent as fault:
        return _page(found, 422, {"person_id_number": [fault.sentence]})
    limits.succeeded(one)
    organisations.name_person(found, head, person, form["person_matters"], form["person_until"])
    commit()
    flash("经办人已经加上，对方登录后从首页的“单位用工报告”进入。", "ok")
    return redirect(url_for("portal_organisations.show", organisation_id=organisation_id), 303)


@bp.post("/<uuid:organisation_id>/people/<uuid:person_id>/end")
@citizen_required
def end(organisation_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Take somebody out: from this moment they see and report nothing any more."""
    organisations.end_person(organisations.headed(the_citizen().id, organisation_id), person_id)
    commit()
    flash("已经移出，立即生效。", "ok")
    return redirect(url_for("portal_organisations.show", organisation_id=organisation_id), 303)


@bp.post("/<uuid:organisation_id>/workers")
@citizen_required
def report(organisation_id: UUID) -> ResponseReturnValue:
    """Report that somebody began or ceased to work there."""
    citizen = the_citizen()
    found = acted_for(citizen, organisation_id)
    try:
        form: dict[str, Any] = WORKER_FORM.load(form_data(request.form, WORKER_FORM))
        if form["station"] not in {one.code for one in stations()}:
            raise ValidationError({"station": ["请选择单位所在的街道或镇。"]})
    except ValidationError as fault:
        return _page(found, 422, fault.messages)
    day, station = form.pop("day"), form.pop("station")
    change = Change(clock.now())
    try:
        organisations.report(change, found, citizen, station, form, day, late=is_late(day))
        change.write()
        commit()
    except (AlreadyReported, IntegrityError):
        rollback()
        return _page(organisations.acted_for(citizen.id, organisation_id), 409, {"day": [AlreadyReported.sentence]})
    except NotNamedFor as fault:
        rollback()
        return _page(organisations.acted_for(citizen.id, organisation_id), 403, {"kind": [fault.sentence]})
    except TooMany as fault:
        rollback()
        return _page(organisations.acted_for(citizen.id, organisation_id), 429, {"day": [fault.sentence]})
    told = "我们会请这名员工自己申报居住登记，也请您告诉他（她）。" if form["kind"] == "joined" else ""
    flash(f"已经报告。{told}", "ok")
    return redirect(url_for("portal_organisations.show", organisation_id=organisation_id), 303)
