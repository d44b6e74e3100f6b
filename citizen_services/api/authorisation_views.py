"""委托别人办: who may act for the caller, given by a code to their own phone and taken back at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import url_for

from citizen_services import clock
from citizen_services.api import acting_schemas as forms
from citizen_services.api.callers import the_citizen
from citizen_services.api.once import do, once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import invalid
from citizen_services.cases.errors import NoSuchCase, NotAllowed
from citizen_services.cases.once import note
from citizen_services.database import Change, commit
from citizen_services.database.idempotency import Once
from citizen_services.parts import parts
from citizen_services.people import authorisations, codes, limits, web
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.errors import NoSuchAgent, NoSuchAuthorisation, WrongCode
from citizen_services.people.models import Citizen
from citizen_services.rules.masking import mask_name, mask_phone

bp = blueprint("authorisations", "/authorisations", "委托")

ME = ("citizen",)


def _page(rows: Sequence[Authorisation], others: Sequence[UUID]) -> dict[str, Any]:
    known = authorisations.people(others)
    items = [
        {"id": one.id, "name": mask_name(known[other].name), "items": list(one.items), "until": one.until_day}
        for one, other in zip(rows, others, strict=True)
    ]
    return {"items": items, "next": None}


def _waiting(citizen: Citizen, found: Authorisation) -> dict[str, Any]:
    return {"id": found.id, "words": found.words, "phone": mask_phone(citizen.phone)}


@bp.get("")
@operation(bp, "本人给出的委托", forms.AuthorisationsPage, who=ME)
def given() -> dict[str, Any]:
    """Who may act for the caller, newest first; one for each agent at the most."""
    rows = authorisations.given_by(the_citizen().id)
    return _page(rows, [one.agent_id for one in rows])


@bp.get("/received")
@operation(bp, "本人收到的委托", forms.AuthorisationsPage, who=ME)
def received() -> dict[str, Any]:
    """By which authorisations the caller may act for others today."""
    rows = authorisations.held_by(the_citizen().id)
    return _page(rows, [one.principal_id for one in rows])


@bp.post("")
@operation(
    bp,
    "填写委托，获取验证码",
    forms.WaitingSchema,
    status=201,
    body=forms.AskSchema,
    once=True,
    who=ME,
    problems=(404,),
)
def ask(body: Mapping[str, Any]) -> Any:
    """Fill in an authorisation and have a code sent to one's own phone; nothing is given yet."""
    citizen = the_citizen()
    if not authorisations.may_give(citizen):
        raise NotAllowed("未满16周岁的，由监护人办理，不能委托别人。")
    done = once_of(body).answer()
    if done is None:
        done = _ask(citizen, body)
    try:
        found = authorisations.asked_by(citizen.id, UUID(done["id"]))
    except NoSuchAuthorisation as fault:
        raise NoSuchCase(fault.sentence) from None
    address = url_for("api_authorisations.waiting", authorisation_id=found.id)
    return _waiting(citizen, found), 201, {"Location": address}


def _ask(citizen: Citizen, body: Mapping[str, Any]) -> Any:
    names = {item.code: item.name for item in parts().catalogue.items() if item.no_agent is None}
    if not set(body["items"]) <= set(names):
        raise invalid({"items": "请选择要委托的事项。"})
    one = authorisations.reserve_search(citizen)
    commit()
    try:
        agent = authorisations.find_agent(citizen, body["name"], body["id_number"])
    except NoSuchAgent as fault:
        raise invalid({"id_number": fault.sentence}) from None

    def act(once: Once) -> Any:
        limits.succeeded(one)
        change = Change(clock.now())
        sentence = authorisations.words(agent.name, [names[code] for code in body["items"]], body["until"])
        id_ = authorisations.ask(citizen, agent, body["items"], body["until"], sentence, change)
        codes.send(citizen.phone, authorisations.PURPOSE, web.client_address(), change, about=str(id_))
        answer = {"id": str(id_)}
        once.remember(change, answer)
        change.write()
        return answer

    return do(body, act)


@bp.get("/<uuid:authorisation_id>")
@operation(bp, "等待验证码的委托", forms.WaitingSchema, who=ME, problems=(404,))
def waiting(authorisation_id: UUID) -> dict[str, Any]:
    """The sentence that one agrees to by the code, while it waits: half an hour."""
    citizen = the_citizen()
    try:
        return _waiting(citizen, authorisations.waiting(citizen, authorisation_id))
    except NoSuchAuthorisation as fault:
        raise NoSuchCase(fault.sentence) from None


@bp.post("/<uuid:authorisation_id>/give")
@operation(
    bp, "用验证码确认委托", forms.GivenSchema, body=forms.CodeSchema, once=True, who=ME, problems=(404,),
)  # fmt: skip
def give(authorisation_id: UUID, body: Mapping[str, Any]) -> Any:
    """Give it by the code that was sent; an earlier one to the same agent ends by that."""
    citizen = the_citizen()

    def act(once: Once) -> Any:
        try:
            authorisations.give(citizen, authorisation_id, body["code"], web.client_address())
        except NoSuchAuthorisation as fault:
            raise NoSuchCase(fault.sentence) from None
        except WrongCode as fault:
            # The guess is counted.
            commit()
            raise invalid({"code": fault.sentence}) from None
        return note(once, {"id": str(authorisation_id), "given": True})

    return do(body, act)


@bp.post("/<uuid:authorisation_id>/revoke")
@operation(bp, "收回委托", forms.EndedSchema, once=True, who=ME, problems=(404,))
def revoke(authorisation_id: UUID) -> Any:
    """Take it back: from this moment the other sees and does nothing any more."""
    citizen = the_citizen()

    def act(once: Once) -> Any:
        try:
            authorisations.revoke(citizen, authorisation_id)
        except NoSuchAuthorisation as fault:
            raise NoSuchCase(fault.sentence) from None
        return note(once, {"id": str(authorisation_id), "ended": True})

    return do({}, act)
