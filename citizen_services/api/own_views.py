"""What is held of a person, who looked, what they agreed to, what they ask to be corrected; and their ticket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.api import own_schemas
from citizen_services.api.callers import the_citizen, the_citizens_id
from citizen_services.api.once import once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import Problem
from citizen_services.api.schemas import PageQuery
from citizen_services.cases.disposal import kept_here
from citizen_services.cases.once import do_once
from citizen_services.database import Change
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling import own_requests
from citizen_services.parts import parts
from citizen_services.people import data_requests, looks, own_data
from citizen_services.people.queries import offices
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.rules.masking import mask_address, mask_id, mask_name, mask_phone
from citizen_services.windows import standings
from citizen_services.words import role_word

bp = blueprint("own", "/me", "本人")
tickets_bp = blueprint("tickets", "/tickets", "预约")

ME = ("citizen",)
_PAGE = 20


@bp.get("/data")
@operation(bp, "存了我的什么", own_schemas.OwnDataSchema, who=ME)
def data() -> dict[str, Any]:
    """Who one is here, masked, and each kind of data that is held: why, who sees it, how long."""
    citizen = the_citizen()
    bound = own_data.binding_of(citizen.id)
    return {
        "identity": {
            "name": mask_name(citizen.name),
            "id_number": mask_id(citizen.id_number),
            "phone": mask_phone(citizen.phone),
            "hukou_address": mask_address(citizen.hukou_address),
        },
        "wechat_bound_at": bound.bound_at if bound is not None else None,
        "kept": kept_here(),
    }


@bp.get("/looks")
@operation(bp, "谁看过我的信息", own_schemas.LooksPage, query=PageQuery, who=ME)
def looks_at_me(query: Mapping[str, str]) -> dict[str, Any]:
    """Who of the staff saw one's data, by office and role, when and why; newest first."""
    known = offices()
    seen, further = looks.page_of(the_citizens_id(), place_from_text(query["after"]), _PAGE)
    rows = [
        {
            "at": one.at,
            "office": known[one.office_code].name,
            "role": one.role,
            "role_word": role_word(one.role),
            "what": one.what,
            "words": own_data.look_words(one),
        }
        for one in seen
    ]
    return {"items": rows, "next": place_to_text(further)}


@bp.get("/consents")
@operation(bp, "我同意过什么", own_schemas.AgreedPage, who=ME)
def consents() -> dict[str, Any]:
    """What one agreed to, or one's guardian did, and what was withdrawn since; newest first."""
    rows = [
        {
            "purpose": one.purpose,
            "title": own_data.AGREED.get(one.purpose, one.purpose),
            "words": one.words,
            "at": one.at,
            "withdrawn_at": one.withdrawn_at,
        }
        for one in own_data.consents_of(the_citizens_id())
    ]
    return {"items": rows, "next": None}


# --- Requests -----------------------------------------------------------------------------------------------------


@bp.get("/requests")
@operation(bp, "更正和删除请求", own_schemas.RequestsPage, who=ME)
def requests() -> dict[str, Any]:
    """What one asked of one's own data and how it was answered, newest first."""
    return {"items": data_requests.of_person(the_citizens_id()), "next": None}


@bp.post("/requests/correction")
@operation(
    bp, "请求更正", own_schemas.AskedSchema, status=201, body=own_schemas.RequestBody, once=True, who=ME,
    problems=(409,),
)  # fmt: skip
def correct(body: Mapping[str, Any]) -> Any:
    """Ask that something be put right; it is answered in writing by the day that is told."""
    return _ask("correction", body), 201


@bp.post("/requests/deletion")
@operation(
    bp, "请求删除", own_schemas.AskedSchema, status=201, body=own_schemas.RequestBody, once=True, who=ME,
    problems=(409,),
)  # fmt: skip
def delete(body: Mapping[str, Any]) -> Any:
    """Ask that data be deleted: what was not sent yet goes at once, of the rest the answer says what stays, and why."""
    return _ask("deletion", body), 201


def _ask(kind: Literal["correction", "deletion"], body: Mapping[str, Any]) -> dict[str, Any]:
    citizen = the_citizen()

    def act(once: Once) -> dict[str, Any]:
        change = Change(clock.now())
        asked = own_requests.ask(citizen, kind, body["words"], change)
        told = {"id": str(asked.id), "due": asked.due.at.isoformat(), "drafts_deleted": asked.drafts_deleted}
        once.remember(change, told)
        change.write()
        return told

    once = once_of(body)
    try:
        done: dict[str, Any] = do_once(once, act)
    except (data_requests.AlreadyAsked, IntegrityError) as fault:
        rollback()
        if isinstance(fault, IntegrityError) and not data_requests.asked_at_once(fault):
            raise
        # The same request at the same moment gets the answer of whichever came first.
        first = once.answer()
        if first is None:
            sentence = data_requests.AlreadyAsked.sentence
            raise Problem("already-asked", 409, "Already asked", sentence) from fault
        done = first
    return {**done, "due": datetime.fromisoformat(done["due"])}


# --- In the hall --------------------------------------------------------------------------------------------------


@tickets_bp.get("/<uuid:ticket_id>")
@operation(tickets_bp, "排队情况", own_schemas.TicketSchema, who=ME, problems=(404,))
def ticket(ticket_id: UUID) -> dict[str, Any]:
    """How many are ahead of one's own ticket, about how long that takes, and where one is called to."""
    found = standings.own(the_citizens_id(), ticket_id)
    stands = standings.standing(found)
    return {
        **{name: getattr(found, name) for name in ("id", "number", "state", "day")},
        "office": offices()[found.office_code].name,
        "service": parts().catalogue.service(found.service).name,
        "ahead": stands.ahead,
        "minutes": stands.minutes,
        "counter": stands.counter,
    }
