"""The counter's first page: one scan notes who came; then their cases, and what is filled in for them here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases import eligibility, queries, visits
from citizen_services.cases.eligibility import Refusal
from citizen_services.cases.errors import AlreadyOpen, NoSuchCase, NotEligible
from citizen_services.cases.models import Case, Draft, Visit
from citizen_services.cases.once import do_once
from citizen_services.console import render
from citizen_services.console.answers import applicant_lines
from citizen_services.console.asked import read_asked
from citizen_services.console.counter_place import (
    COUNTER,
    DESKS,
    SERVING,
    SERVING_AT_HOME,
    CardNotSeen,
    at_home,
    desk_role,
    open_drafts,
    person_here,
    refuse_own,
    tell_refusals_here,
)
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.listed import case_url
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database import Change
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling import beginning
from citizen_services.filling.posted import Posted
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen, is_bound_to_wechat, staff_name
from citizen_services.rules.dates import chinese_moment
from citizen_services.rules.errors import RuleError
from citizen_services.rules.masking import mask_name
from citizen_services.rules.text import compact
from citizen_services.security import new_token
from citizen_services.windows import plans

bp = Blueprint("console_counter", __name__, url_prefix="/console/counter")
tell_refusals_here(bp)

#: A code that a person's phone shows for binding at a counter.
_BINDING_CODE = re.compile(r"\d{6}")


class ScanSchema(FormSchema):
    """What the scanner, the card reader or the clerk typed."""

    scan = fields.String(load_default="", validate=validate.Length(max=300))


class CardSchema(FormSchema):
    """That the clerk compared the person with the card."""

    card_shown = fields.String(
        required=True,
        validate=validate.Equal("yes", error="请当面核对身份证原件与本人一致后再勾选。"),
        error_messages={"required": "请当面核对身份证原件与本人一致后再勾选。"},
    )


class ServeSchema(FormSchema):
    """Another case of the person's that is served in the same visit."""

    case = fields.UUID(required=True)


_SCAN, _CARD, _SERVE, _FORM = ScanSchema(), CardSchema(), ServeSchema(), FormSchema()


@bp.get("")
@staff_required(*DESKS)
def page() -> ResponseReturnValue:
    """The scan page."""
    return _page()


def _page(errors: object = None, unknown: str = "") -> str:
    return render_template(
        "console/counter.html",
        home=at_home(current_actor()),
        errors=errors or {},
        unknown=unknown,
        form_token=lambda: new_token(12),
    )


@bp.post("")
@staff_required(*DESKS)
def check_in() -> ResponseReturnValue:
    """Note who came: by a case's QR code or number, or by the identity number; once a presence."""
    actor = current_actor()
    try:
        given = read_form(_SCAN)
    except ValidationError as fault:
        return _page(fault.normalized_messages()), 422
    typed = given["scan"].strip()
    home = at_home(actor)
    if _BINDING_CODE.fullmatch(compact(typed)) and not home:
        # A binding is found by code and card number together.
        form = {"code": compact(typed), "id_number": "", "card_shown": ""}
        return render_template("console/bind.html", form=form, errors={}, form_token=new_token(12))
    try:
        asked = read_asked(typed)
    except RuleError as fault:
        return _page({"scan": [fault.sentence]}), 422
    case = _case(actor, asked.case_id, asked.number)
    if case is None and not asked.id_number:
        sentence = "没有找到这个办件，请核对后再扫一次；或录入 18 位身份证号码。"
        return _page({"scan": [sentence]}), 422
    person = citizen(case.citizen_id) if case is not None else next(iter(asked.people), None)
    if person is None:
        return _page({"scan": ["系统里还没有这个人。请点下面“首次来办事”，核对身份证后登记。"]}, "yes"), 422
    refuse_own(actor, person)
    served = visits.at_office(visits.open_cases(person.id, actor.district or ""), actor.office or "")
    if case is not None and case.ended_at is None and case.id not in {one.id for one in served}:
        served.append(case)

    def note(once: Once) -> Any:
        change = Change(clock.now())
        known_by = "case" if case is not None else "id_number"
        done = visits.check_in(change, person.id, actor, served, known_by=known_by, home=home)
        looks.note(change, actor, person.id, "searched", SERVING_AT_HOME if home else SERVING, role=desk_role(actor))
        once.remember(change, {"new": done.new})
        change.write()
        return {"new": done.new}

    # What was scanned identifies somebody: who was found tells one scan from another.
    once = Once.of(actor.key, request.endpoint or "", given["form_token"], {"person": str(person.id)})
    answer = do_once(once, note)
    came = "上门" if home else "到场"
    words = f"已登记{came}。" if answer["new"] else f"这次{came}刚才已经登记，不重复计数。"
    flash(words, "ok" if answer["new"] else "info")
    return redirect(url_for(".person", citizen_id=person.id), 303)


def _case(actor: Actor, case_id: UUID | None, number: str) -> Case | None:
    if case_id is None:
        return queries.by_number(actor.district or "", number) if number else None
    try:
        return queries.case_for_staff(actor, case_id)
    except NoSuchCase:
        return None


# --- The person who is here ---------------------------------------------------------------------------------------


@bp.get("/people/<uuid:citizen_id>")
@staff_required(*DESKS)
def person(citizen_id: UUID) -> ResponseReturnValue:
    """Who is here: their cases, what is not sent yet, and what can be applied for."""
    who, visit = person_here(current_actor(), citizen_id)
    return _person(who, visit)


def _person(
    who: Citizen, visit: Visit, *, errors: object = None, refusal: Refusal | None = None, failed_item: str = ""
) -> str:
    actor = current_actor()
    catalogue = parts().catalogue
    cases = visits.open_cases(who.id, actor.district or "")
    served = visits.served_in(visit.id)
    begun = open_drafts(who, [item.code for item in catalogue.items()])
    running = {case.item: case for case in cases}
    rows = {row["id"]: row for row in render.rows_of(cases, actor)}
    if visit.card_seen_at:
        for row in rows.values():
            row["href"] = case_url(row["id"], actor, "counter")
    return render_template(
        "console/counter_person.html",
        who=who,
        home=at_home(actor),
        lines=[line for line in applicant_lines(who) if line.key != "applicant.hukou_address"],
        came=chinese_moment(visit.at),
        card=f"{chinese_moment(visit.card_seen_at)}由{staff_name(visit.card_seen_by)}核对"
        if visit.card_seen_by and visit.card_seen_at
        else "",
        by_wechat=is_bound_to_wechat(who.id),
        may_book=not at_home(actor) and bool(plans.groups_of(actor.office or "")),
        cases=[{"row": rows[case.id], "served": case.id in served, "visits": case.visits} for case in cases],
        items=[_item_row(item, begun.get(item.code), running.get(item.code), rows) for item in catalogue.items()],
        refusal=refusal,
        failed_item=failed_item,
        errors=errors or {},
        form_token=lambda: new_token(16),
    )


def _item_row(item: Any, draft: Draft | None, running: Case | None, rows: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "code": item.code,
        "name": item.name,
        "summary": item.guide.summary,
        "draft": f"还没有提交，{chinese_moment(draft.saved_at)}保存" if draft is not None else "",
        "running": rows[running.id]["href"] if running is not None else "",
    }


@bp.post("/people/<uuid:citizen_id>/card")
@staff_required(*DESKS)
def card(citizen_id: UUID) -> ResponseReturnValue:
    """Note that the clerk compared the person with the identity card: without it nothing is filled in for them."""
    actor = current_actor()
    who, visit = person_here(actor, citizen_id)
    try:
        given = read_form(_CARD)
    except ValidationError as fault:
        return _person(who, visit, errors=fault.normalized_messages()), 422

    def note(once: Once) -> Any:
        change = Change(clock.now())
        visits.see_card(visit, actor, change)
        looks.note(change, actor, who.id, "bound", "核对身份证", role=desk_role(actor))
        once.remember(change, "seen")
        change.write()
        return "seen"

    do_once(once_of(actor, given["form_token"]), note)
    return redirect(url_for(".person", citizen_id=who.id), 303)


@bp.post("/people/<uuid:citizen_id>/serve")
@staff_required(*DESKS)
def serve(citizen_id: UUID) -> ResponseReturnValue:
    """Another open case of the person's is served in this visit, which counts for it as well."""
    actor = current_actor()
    who, _ = person_here(actor, citizen_id)
    try:
        given = read_form(_SERVE)
    except ValidationError:
        abort(400)
    cases = [case for case in visits.open_cases(who.id, actor.district or "") if case.id == given["case"]]
    if not cases:
        abort(404)
    _note(actor, who, given["form_token"], cases, again=False)
    return redirect(url_for(".person", citizen_id=who.id), 303)


@bp.post("/people/<uuid:citizen_id>/again")
@staff_required(*DESKS)
def again(citizen_id: UUID) -> ResponseReturnValue:
    """The person went away and came back within the presence: another visit, for the cases of the last one."""
    actor = current_actor()
    who, visit = person_here(actor, citizen_id)
    try:
        given = read_form(_FORM)
    except ValidationError:
        abort(400)
    served = visits.served_in(visit.id)
    cases = [case for case in visits.open_cases(who.id, actor.district or "") if case.id in served]
    _note(actor, who, given["form_token"], cases, again=True)
    flash("已另记一次到场。", "ok")
    return redirect(url_for(".person", citizen_id=who.id), 303)


def _note(actor: Actor, who: Citizen, token: str, cases: Sequence[Case], *, again: bool) -> None:
    def note(once: Once) -> Any:
        change = Change(clock.now())
        visits.check_in(change, who.id, actor, cases, known_by="id_number", again=again, home=at_home(actor))
        once.remember(change, "noted")
        change.write()
        return "noted"

    do_once(once_of(actor, token), note)


@bp.post("/people/<uuid:citizen_id>/items/<code>")
@staff_required(*DESKS)
def start(citizen_id: UUID, code: str) -> ResponseReturnValue:
    """Begin an application for the person, or go on with the one begun earlier, by whomever."""
    item = parts().catalogue.item(code)
    who, visit = person_here(current_actor(), citizen_id)
    if visit.card_seen_by is None:
        raise CardNotSeen(who.id)
    posted = Posted.read()
    try:
        draft_id = beginning.begin(COUNTER, who, item, posted)
    except NotEligible as fault:
        rollback()
        refusal = eligibility.refusal_of([verdict for _, verdict in fault.verdicts])
        return _person(who, visit, refusal=refusal, failed_item=item.name), 422
    except AlreadyOpen:
        rollback()
        flash(f"{mask_name(who.name)}已有一件“{item.name}”正在办理。", "warn")
        return redirect(url_for(".person", citizen_id=who.id), 303)
    return redirect(url_for("console_counter_drafts.show", draft_id=draft_id), 303)
