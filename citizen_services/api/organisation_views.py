"""单位: bound by its head, who names others; workers who join or leave are reported for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import url_for
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.api import acting_schemas as forms
from citizen_services.api.callers import the_citizen
from citizen_services.api.once import do, once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import Problem, invalid
from citizen_services.api.schemas import PageQuery
from citizen_services.cases.errors import CaseError, NoSuchCase, NotAllowed
from citizen_services.cases.once import note
from citizen_services.database import Change, commit, violated_constraint
from citizen_services.database.idempotency import CONSTRAINT, Once
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.filling.fields import stations
from citizen_services.filling.organisations import acted_for, is_late
from citizen_services.people import authorisations, limits, organisations
from citizen_services.people.acting_models import Organisation
from citizen_services.people.errors import (
    AlreadyReported,
    NoSuchAgent,
    NoSuchOrganisation,
    NotNamedFor,
    NotTheHead,
)
from citizen_services.people.models import Citizen
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.rules.masking import mask_name

bp = blueprint("organisations", "/organisations", "单位")

ME = ("citizen",)


def _acted_for(organisation_id: UUID) -> Organisation:
    try:
        return acted_for(the_citizen(), organisation_id)
    except NoSuchOrganisation as fault:
        raise NoSuchCase(fault.sentence) from None


def _headed(organisation_id: UUID) -> Organisation:
    _acted_for(organisation_id)
    try:
        return organisations.headed(the_citizen().id, organisation_id)
    except NoSuchOrganisation as fault:
        raise NoSuchCase(fault.sentence) from None


def _one(citizen: Citizen, found: Organisation) -> dict[str, Any]:
    about = {"id": found.id, "name": found.name, "credit_code": found.credit_code}
    matters = sorted(organisations.matters_of(citizen.id, found))
    return about | {"head": found.head_id == citizen.id, "matters": matters}


@bp.get("")
@operation(bp, "可以代办的单位", forms.OrganisationsPage, who=ME)
def mine() -> dict[str, Any]:
    """For which organisations the caller may act today."""
    citizen = the_citizen()
    return {"items": [_one(citizen, one) for one in organisations.of(citizen.id)], "next": None}


@bp.get("/stations")
@operation(bp, "报告用工的派出所", forms.StationsPage, who=ME)
def offered() -> dict[str, Any]:
    """The police stations of the district, to one of which each report goes."""
    rows = [{"code": one.code, "name": one.name, "serves": one.serves or ""} for one in stations()]
    return {"items": rows, "next": None}


@bp.post("")
@operation(
    bp, "绑定单位", forms.OrganisationSchema, status=201, body=forms.BindSchema, once=True, who=ME, problems=(404,)
)
def bind(body: Mapping[str, Any]) -> Any:
    """Bind an organisation: the market register says whether the caller answers for it."""
    citizen = the_citizen()
    done = once_of(body).answer()
    if done is None:
        done = _bind(citizen, body)
    found = _acted_for(UUID(done["organisation"]))
    address = url_for("api_organisations.show", organisation_id=found.id)
    return _one(citizen, found), 201, {"Location": address}


def _bind(citizen: Citizen, body: Mapping[str, Any]) -> Any:
    one = organisations.reserve_binding(citizen)
    commit()
    try:
        business = organisations.look_up(citizen, body["credit_code"])
    except NotTheHead as fault:
        raise invalid({"credit_code": fault.sentence}) from None
    except OutsideError:
        limits.succeeded(one)
        commit()
        detail = "市场主体登记暂时连不上，请过几分钟再试。"
        raise Problem("unavailable", 503, "Unavailable", detail, headers={"Retry-After": "120"}) from None

    def act(once: Once) -> Any:
        limits.succeeded(one)
        return note(once, {"organisation": str(organisations.bind(citizen, business))})

    return do(body, act)


@bp.get("/<uuid:organisation_id>")
@operation(bp, "一个单位", forms.OrganisationSchema, who=ME, problems=(404,))
def show(organisation_id: UUID) -> dict[str, Any]:
    """One organisation, and what the caller may do for it."""
    return _one(the_citizen(), _acted_for(organisation_id))


# --- Who may act --------------------------------------------------------------------------------------------------


@bp.get("/<uuid:organisation_id>/people")
@operation(bp, "单位的经办人", forms.PeoplePage, who=ME, problems=(404,))
def people(organisation_id: UUID) -> dict[str, Any]:
    """Whom the head named; to the head alone."""
    return _people(_headed(organisation_id))


def _people(found: Organisation) -> dict[str, Any]:
    rows = [
        {"id": one.id, "name": mask_name(who.name), "matters": list(one.matters), "until": one.until_day}
        for one, who in organisations.people_of(found.id)
    ]
    return {"items": rows, "next": None}


@bp.post("/<uuid:organisation_id>/people")
@operation(
    bp, "加经办人", forms.PeoplePage, status=201, body=forms.NamePersonSchema, once=True, who=ME, problems=(404,)
)
def name(organisation_id: UUID, body: Mapping[str, Any]) -> Any:
    """Let somebody act for it until a day; naming them again replaces matters and day. Answers all who may."""
    found, head = _headed(organisation_id), the_citizen()
    if once_of(body).answer() is None:
        one = authorisations.reserve_search(head)
        commit()
        try:
            person = authorisations.find_agent(head, body["name"], body["id_number"])
        except NoSuchAgent as fault:
            raise invalid({"id_number": fault.sentence}) from None

        def act(once: Once) -> Any:
            limits.succeeded(one)
            organisations.name_person(found, head, person, body["matters"], body["until"])
            return note(once, {"named": True})

        do(body, act)
    return _people(found), 201


@bp.post("/<uuid:organisation_id>/people/<uuid:person_id>/end")
@operation(bp, "移出经办人", forms.EndedSchema, once=True, who=ME, problems=(404,))
def end(organisation_id: UUID, person_id: UUID) -> Any:
    """Take somebody out: from this moment they see and report nothing any more."""
    found = _headed(organisation_id)

    def act(once: Once) -> Any:
        try:
            organisations.end_person(found, person_id)
        except NoSuchOrganisation as fault:
            raise NoSuchCase(fault.sentence) from None
        return note(once, {"id": str(person_id), "ended": True})

    return do({}, act)


# --- Who works there ----------------------------------------------------------------------------------------------


@bp.get("/<uuid:organisation_id>/workers")
@operation(bp, "用工报告", forms.WorkersPage, query=PageQuery, who=ME, problems=(404,))
def workers(organisation_id: UUID, query: Mapping[str, str]) -> dict[str, Any]:
    """What was reported for it, newest first."""
    found = _acted_for(organisation_id)
    rows, after = organisations.reports_page(found.id, place_from_text(query["after"]))
    items = [
        {"id": one.id, "kind": one.kind, "name": mask_name(one.name), "day": one.day, "at": one.at, "late": one.late}
        for one in rows
    ]
    return {"items": items, "next": place_to_text(after)}


@bp.post("/<uuid:organisation_id>/workers")
@operation(
    bp, "报告入职或离职", forms.ReportedSchema, status=201, body=forms.ReportSchema, once=True, who=ME, problems=(404,)
)
def report(organisation_id: UUID, body: Mapping[str, Any]) -> Any:
    """Report that somebody began or ceased to work there; whoever began is asked to declare where they live."""
    found, citizen = _acted_for(organisation_id), the_citizen()
    if body["station"] not in {one.code for one in stations()}:
        raise invalid({"station": "请选择单位所在的街道或镇。"})
    worker = {part: body[part] for part in ("kind", "name", "id_number", "phone")}

    def act(once: Once) -> Any:
        change, late = Change(clock.now()), is_late(body["day"])
        try:
            organisations.report(change, found, citizen, body["station"], worker, body["day"], late=late)
            answer = {"late": late}
            once.remember(change, answer)
            change.write()
        except NotNamedFor as fault:
            raise NotAllowed(fault.sentence) from None
        except AlreadyReported as fault:
            raise CaseError(fault.sentence) from None
        except IntegrityError as fault:
            if violated_constraint(fault) == CONSTRAINT:
                raise
            raise CaseError(AlreadyReported.sentence) from None
        return answer

    return {"kind": body["kind"], "day": body["day"], **do(body, act)}, 201
