"""Cases: a citizen's own, or those of a member of the staff's office; what was done, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from citizen_services import clock
from citizen_services.api import schemas
from citizen_services.api.callers import Caller, caller
from citizen_services.api.once import do
from citizen_services.api.opening_schemas import OpenedSchema, OpeningSchema
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import Problem
from citizen_services.cases import charging, corrections, operations, queries, seeing, serving, standing
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.cases.serving_models import Serving
from citizen_services.catalogue.describe import field_of
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.database import Change, commit
from citizen_services.database.idempotency import Once
from citizen_services.fees.queries import of_duty
from citizen_services.filling import fields
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.look_limits import EnoughForToday, count_look
from citizen_services.people.models import Office
from citizen_services.people.queries import office, offices
from citizen_services.rules.keyset import place_from_text, place_to_text
from citizen_services.words import role_word

bp = blueprint("cases", "/cases", "办件")

EVERYBODY = ("citizen", "staff")
READ, ACT = "cases:read", "cases:act"


def _item(case: Case) -> ServiceItem:
    return parts().catalogue.item(case.item, case.item_version)


def seen_case(case_id: UUID) -> Case:
    """A case that the caller may see: one's own, or one in the hands of the staff, which is recorded.

    Problem `reason-wanted` where a case of the office is in nobody's hands who asks; NoSuchCase for others.
    """
    who = caller()
    if who.citizen is not None:
        case = queries.own_case(who.citizen.id, case_id)
        who.refuse_beyond(case.item, case.ended_at)
        return case
    try:
        case = seeing.visible_case(who.actor, case_id)
    except seeing.ReasonWanted as fault:
        if fault.case is None:
            raise NoSuchCase from None
        detail = "这个办件不在您手上，也不在您岗位的待办里：请先说明查看理由。"
        raise Problem("reason-wanted", 403, "A reason is wanted", detail) from None
    except seeing.OwnMatter:
        raise NoSuchCase from None
    seeing.record_opening(who.actor, case)
    commit()
    return case


def own_or_office_case(case_id: UUID) -> Case:
    """A case of which nothing of its person is shown: one's own, or one of the office. The engine judges a step."""
    who = caller()
    if who.citizen is not None:
        return seen_case(case_id)
    try:
        return seeing.office_case(who.actor, case_id)
    except (seeing.ReasonWanted, seeing.OwnMatter):
        raise NoSuchCase from None


# --- Reading ------------------------------------------------------------------------------------------------------


@bp.get("")
@operation(bp, "办件列表", schemas.CasesPage, query=schemas.CasesQuery, who=EVERYBODY, scope=READ, for_others=True)
def cases(query: Mapping[str, str]) -> dict[str, Any]:
    """One's own cases, newest first; for staff those on their office's desk, the clock that runs out first on top."""
    who, after = caller(), place_from_text(query["after"])
    wanted: dict[str, Any] = {"item": query["item"] or None, "state": query["state"] or None, "after": after}
    if who.citizen is not None:
        by = who.standing
        found = queries.of_citizen(
            who.citizen.id, **wanted, items=by.items if by else None, ended_since=by.since if by else None
        )
    elif who.actor.roles & seeing.case_roles():
        found = queries.desk(who.actor.office or "", **wanted)
    else:
        raise NoSuchCase
    return {"items": found.cases, "next": place_to_text(found.after)}


@bp.get("/<uuid:case_id>")
@operation(bp, "一个办件", schemas.CaseSchema, who=EVERYBODY, scope=READ, for_others=True, problems=(404,))
def case(case_id: UUID) -> dict[str, Any]:
    """One case with its clocks, answers, documents, and what the caller may do now."""
    return _whole(seen_case(case_id), caller())


def _whole(case: Case, who: Caller) -> dict[str, Any]:
    item = _item(case)
    state = item.state(case.state)
    asked = corrections.open_correction(case.id)
    served = {one.document_id: one for one in serving.of_case(case.id)}
    # Whoever acts for the person sees as much as a page would show them.
    masked = who.citizen is None or who.standing is not None
    register = queries.register_answers(case.answers)
    address = next((a["content"] for key, a in register.items() if key.startswith("addresses.")), None)
    short = {name: getattr(case, name) for name in schemas.ShortCaseSchema().fields}
    dates = ("accepted_at", "first_answer_due", "promised_due", "statutory_due", "due_provisional", "visits", "door")
    return {
        **short,
        **{name: getattr(case, name) for name in dates},
        "item_name": item.name,
        "state_word": state.word,
        "waits_for": state.waits_for,
        "office": office(case.office_code),
        "correction": asked,
        "answers": [
            {
                "code": group.code,
                "title": group.title,
                "lines": fields.answer_rows(group, case.data.get(group.code, {}), masked=masked, address=address),
            }
            for group in item.active_groups(case.data)
        ],
        "documents": [_document(one, served.get(one.id)) for one in queries.documents_of(case.id)],
        "fees": [order.id for order in of_duty(charging.duty_of(case.id))] if item.fee else [],
        "actions": [_action(step) for step in queries.steps_for(item, case, who.actor)],
    }


def _action(step: Step) -> dict[str, Any]:
    named = step.input.fields.items() if step.input is not None else ()
    return {
        "action": step.action,
        "label": step.label,
        "to": step.end,
        "fields": [field_of(name, field) for name, field in named],
    }


def _document(found: Document, served: Serving | None) -> dict[str, Any]:
    return {
        "id": found.id,
        "number": found.number,
        "kind": found.kind,
        "title": found.title,
        "sha256": found.sha256.hex(),
        "at": found.at,
        "served": None if served is None else _served(served),
    }


def _served(one: Serving) -> dict[str, Any]:
    first, court = serving.remedies_until(one.served_at) if one.served_at is not None else (None, None)
    return {"way": one.way, "at": one.served_at, "reconsideration_until": first, "court_until": court}


@bp.get("/<uuid:case_id>/events")
@operation(
    bp,
    "办件经过",
    schemas.EventsPage,
    query=schemas.PageQuery,
    who=EVERYBODY,
    scope=READ,
    for_others=True,
    problems=(404,),
)
def events(case_id: UUID, query: Mapping[str, str]) -> dict[str, Any]:
    """What was done on a case, oldest first; a citizen is shown what concerns them."""
    case, own = seen_case(case_id), caller().citizen is not None
    item, known = _item(case), offices()
    after = int(query["after"]) if query["after"].isdigit() else 0
    later = [event for event in queries.events_of(case.id) if event.seq > after]
    page = later[: queries.PAGE]
    rows = [row for event in page if (row := _event(item, event, own, known)) is not None]
    return {"items": rows, "next": str(page[-1].seq) if len(later) > len(page) else None}


def _event(item: ServiceItem, event: CaseEvent, own: bool, known: Mapping[str, Office]) -> dict[str, Any] | None:
    step = item.step(event.from_state, event.action)
    if own and (step is None or not step.public):
        return None
    who = standing.who_words(event) or {"citizen": "申请人", "system": "系统"}.get(event.actor_kind, "")
    if event.actor_kind == "staff":
        place = known.get(event.actor_office or "")
        who = f"{place.name if place else '办事窗口'} · {role_word(event.actor_role or '')}"
    return {
        "seq": event.seq,
        "at": event.at,
        "action": event.action,
        "label": step.public if own and step is not None else item.words_of(event.from_state, event.action),
        "from_state": event.from_state,
        "to_state": event.to_state,
        "who": who,
    }


@bp.get("/<uuid:case_id>/documents/<uuid:document_id>")
@operation(bp, "一份文书", schemas.WholeDocumentSchema, who=EVERYBODY, scope=READ, for_others=True, problems=(404,))
def document(case_id: UUID, document_id: UUID) -> dict[str, Any]:
    """A writing as it was issued; it names the person in full: a look of the staff is recorded and counted."""
    case, who = seen_case(case_id), caller()
    found = queries.document(case.id, document_id)
    if who.citizen is None:
        try:
            count_look("unmasked", who.actor.id)
        except EnoughForToday as fault:
            raise enough_for_today(fault) from fault
        change = Change(clock.now())
        reason, role = f"查看文书《{found.title}》", seeing.role_of(who.actor)
        looks.note(change, who.actor, case.citizen_id, "unmasked", reason, role=role, case_id=case.id)
        change.write()
        commit()
    whole = {"paragraphs": found.content["paragraphs"], "issued_by": office(found.issued_by).name}
    served = next((one for one in serving.of_case(case.id) if one.document_id == found.id), None)
    return _document(found, served) | whole


# --- Acting -------------------------------------------------------------------------------------------------------


@bp.post("/<uuid:case_id>/openings")
@operation(
    bp, "说明查看理由", OpenedSchema, body=OpeningSchema, once=True, who=("staff",), scope=READ,
    problems=(403, 404),
)  # fmt: skip
def give_reason(case_id: UUID, body: Mapping[str, str]) -> dict[str, Any]:
    """Say why one opens a case that isn't in one's hands: recorded, counted, told its person. Then it can be read."""
    who = caller()
    if not who.actor.roles & seeing.case_roles():
        raise NoSuchCase
    case = queries.case_for_staff(who.actor, case_id)

    def note(once: Once) -> dict[str, Any]:
        change = Change(clock.now())
        seeing.record_reason(who.actor, case, body["reason"], change)
        told = {"id": str(case.id), "until": (change.at + looks.COVERS).isoformat()}
        once.remember(change, told)
        change.write()
        return told

    try:
        done: dict[str, Any] = do(body, note)
    except seeing.OwnMatter:
        raise NoSuchCase from None
    except EnoughForToday as fault:
        raise enough_for_today(fault) from fault
    return {"id": done["id"], "until": datetime.fromisoformat(done["until"])}


def enough_for_today(fault: EnoughForToday) -> Problem:
    """The day's number of looks is used up, as this door says it."""
    return Problem("enough-for-today", 429, "The day's number of looks is used up", fault.sentence)


@bp.post("/<uuid:case_id>/actions/<string:action>")
@operation(
    bp, "办理一步", schemas.DoneSchema, body=schemas.ActSchema, once=True, who=EVERYBODY, scope=ACT, for_others=True,
    problems=(403, 404, 409),
)  # fmt: skip
def act(case_id: UUID, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Take a step on the version that the caller saw; 409 `moved-on` where somebody was faster."""
    case, who = own_or_office_case(case_id), caller()

    def perform(once: Once) -> dict[str, Any]:
        catalogue, version, data = parts().catalogue, body["version"], body["data"]
        return operations.told(operations.perform(catalogue, case.id, action, who.actor, version, data, once=once))

    return done_of(do(body, perform))


def done_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an act led to, as this door tells it."""
    return {"id": answer["case_id"], **{name: answer[name] for name in ("number", "state", "version")}}
