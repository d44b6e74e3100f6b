"""One case at the desk: what registers said, what was filled in, clocks, history, and the steps that can be taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import asking, deadlines, fee_cards, operations, queries
from citizen_services.cases.errors import (
    CaseError,
    GuardFailed,
    InvalidInput,
    MovedOn,
    NoSuchCase,
    NotAllowed,
    NotPossible,
)
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once
from citizen_services.cases.seeing import REASONS, record_listed
from citizen_services.console import answers, paper_views, render, steps
from citizen_services.console.access import (
    ReasonWanted,
    case_staff,
    held_by_colleague,
    office_case,
    record_opening,
    record_reason,
    role_of,
    tell_refusals,
    visible_case,
)
from citizen_services.console.guards import current_actor
from citizen_services.console.listed import list_of
from citizen_services.console.schemas import (
    REVEAL_REASONS,
    ActSchema,
    ReasonSchema,
    RevealSchema,
    by_field,
    once_of,
    read_form,
    read_input,
)
from citizen_services.database import Change, commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.look_limits import count_look
from citizen_services.people.models import Citizen
from citizen_services.people.queries import office
from citizen_services.security import new_token

bp = Blueprint("console_cases", __name__, url_prefix="/console/cases")
tell_refusals(bp)

_ACT, _REASON, _REVEAL = ActSchema(), ReasonSchema(), RevealSchema()
#: In the session: which masked value the next page shows, once. Ids only.
_SHOWN = "shown_once"
#: The page that shows it follows at once, seconds.
_SHOWN_FOR_S = 60
_STALE = "这个页面已经过期或不完整，请重新打开办件后再试。"
Errors = Mapping[str, Sequence[Any]] | str


# --- Refusals -----------------------------------------------------------------------------------------------------


@bp.errorhandler(ReasonWanted)
def _ask_for_reason(fault: ReasonWanted) -> ResponseReturnValue:
    """Whoever needs a case that isn't in their hands, or of another office, says why. For an act: simply not found."""
    case_id = (request.view_args or {}).get("case_id")
    if request.method not in ("GET", "HEAD") or request.endpoint != "console_cases.show" or case_id is None:
        return render_error(404)
    return _reason_page(case_id, fault.case), 403 if fault.case is not None else 404


def _reason_page(case_id: UUID, case: Case | None, errors: Errors | None = None) -> str:
    return render_template(
        "console/reason.html",
        case_id=case_id,
        case=case,
        why=request.form.get("why", ""),
        whys=[(code, words, "") for code, words in REASONS.items()],
        reason=request.form.get("reason", "")[:100],
        errors=errors,
        form_token=new_token(12),
    )


# --- The page -----------------------------------------------------------------------------------------------------


@bp.get("/<uuid:case_id>")
@case_staff
def show(case_id: UUID) -> ResponseReturnValue:
    """A case; opening it is recorded. A list of one's own work is reason enough."""
    actor = current_actor()
    try:
        case = visible_case(actor, case_id)
        record_opening(actor, case)
    except ReasonWanted:
        which = list_of(case_id, actor)
        if not which:
            raise
        case = queries.case_for_staff(actor, case_id)
        record_listed(actor, case, which)
    commit()
    return _page(case, actor)


def _page(
    case: Case,
    actor: Actor,
    *,
    errors: Errors | None = None,
    failed: str = "",
    typed: Mapping[str, str] | None = None,
    reveal: Mapping[str, Any] | None = None,
) -> str:
    item = render.item_of(case)
    applicant = db.session.get_one(Citizen, case.citizen_id)
    possible = steps.offered(item, case, actor)
    correct = steps.correction_step(possible)
    registers = queries.register_answers(case.answers)
    address = next((a["content"] for key, a in registers.items() if key.startswith("addresses.")), None)
    at_field = errors if isinstance(errors, Mapping) else {}
    typed = typed or {}
    shown = _take_shown(case, applicant)
    later = asking.later_answers(case)
    cards = answers.answer_cards(item, case, registers, lambda id_: _image_url(case, id_), later)
    own = answers.own_registers_card(applicant)
    beside = [step for step in possible if step is not correct]
    waits = steps.waiting(item, case, actor, beside)
    forms_ = steps.action_forms(beside, case, typed, at_field, failed, waits)
    return render_template(
        "console/case.html",
        case=case,
        item=item,
        case_data={"id": case.id, "number": case.number, "state": case.state, "version": case.version},
        clocks=deadlines.clocks_of(item, case),
        fees=fee_cards.fee_cards(case.id) if item.fee else [],
        holder=render.holder_words(case, actor),
        held_by_colleague=held_by_colleague(actor, case),
        waits_for=item.state(case.state).waits_for,
        office=office(case.office_code),
        door=render.DOORS.get(case.door, case.door),
        cards=[*cards, own] if own else cards,
        documents=queries.documents_of(case.id),
        results=render.results_of(item, case),
        applicant=answers.applicant_lines(applicant),
        groups=[
            {"title": group.title, "lines": answers.group_lines(group, case.data.get(group.code, {}), address)}
            for group in item.active_groups(case.data)
        ],
        shown=shown,
        correct=correct,
        correct_url=url_for("console_cases.act", case_id=case.id, action=correct.action) if correct else "",
        checks=steps.check_rows(
            item, case, cards, address, shown, typed, at_field, paper_views.words_of(item, case, registers)
        )
        if correct
        else [],
        photos=paper_views.pages_of(item, case),
        corrections=steps.corrections_of(item, case),
        typed=typed if correct and failed == correct.action else {},
        nothing_marked=at_field.get("items"),
        new_because_errors=at_field.get("new_because"),
        sent_back=case.results.get("sent_back"),
        household=render.household_of(case, actor),
        history=render.history_of(item, queries.events_of(case.id)),
        acts=forms_,
        # A scanner types into the one input that waits for it.
        scan=not errors and sum(1 for act in forms_ if act["fields"] and not act["aside"] and not act["danger"]) == 1,
        reveal={"reason": "", "errors": ()} | dict(reveal or {}),
        reasons=REVEAL_REASONS,
        errors=errors,
        form_token=lambda: new_token(12),
    )


def _image_url(case: Case, answer_id: str) -> str:
    return url_for("console_papers.picture", case_id=case.id, answer_id=answer_id)


@bp.get("/<uuid:case_id>/news")
@case_staff
def news(case_id: UUID) -> ResponseReturnValue:
    """What happened since the version that an open page shows; 204 while nothing did."""
    case = office_case(current_actor(), case_id)
    if request.args.get("version", "") == str(case.version):
        return Response(status=204)
    return render_template("console/_news.html", case=case, by=queries.who_moved(case))


# --- Acting -------------------------------------------------------------------------------------------------------


@bp.get("/<uuid:case_id>/actions/<action>")
@case_staff
def confirm(case_id: UUID, action: str) -> ResponseReturnValue:
    """The page that asks again before a step that can't be undone; every other address leads back to the case."""
    actor = current_actor()
    case = office_case(actor, case_id)
    wanted = [step for step in queries.steps_for(render.item_of(case), case, actor) if step.action == action]
    if not wanted or not wanted[0].danger:
        return redirect(url_for("console_cases.show", case_id=case.id), 303)
    return _confirm_page(case, actor, action)


def _confirm_page(
    case: Case,
    actor: Actor,
    action: str,
    errors: Errors | None = None,
    typed: Mapping[str, str] | None = None,
    letters: Sequence[tuple[str, Sequence[str]]] = (),
) -> str:
    item = render.item_of(case)
    wanted = [step for step in queries.steps_for(item, case, actor) if step.action == action]
    at_field = errors if isinstance(errors, Mapping) else {}
    return render_template(
        "console/confirm.html",
        case=case,
        case_data={"id": case.id, "number": case.number, "state": case.state, "version": case.version},
        item=item,
        act=steps.action_forms(wanted, case, typed or {}, at_field, action)[0],
        end=item.state(wanted[0].end),
        letters=letters,
        errors=errors,
        form_token=lambda: new_token(12),
    )


@bp.post("/<uuid:case_id>/actions/<action>")
@case_staff
def act(case_id: UUID, action: str) -> ResponseReturnValue:
    """Take a step on the version that the officer saw."""
    actor = current_actor()
    case = office_case(actor, case_id)
    item = render.item_of(case)
    try:
        given = read_form(_ACT)
    except ValidationError:
        return render_error(400, text=_STALE)
    once = once_of(actor, given["form_token"])
    step = item.step(case.state, action)
    data = read_input(step.input if step is not None else None)

    def perform(once: Once) -> dict[str, Any]:
        done = operations.perform(parts().catalogue, case_id, action, actor, given["version"], data, once=once)
        return {"case_id": str(done.case_id), "number": done.number, "state": done.state}

    try:
        if request.form.get("preview"):
            found = operations.letters(parts().catalogue, case_id, action, actor, given["version"], data)
            rollback()
            case = queries.case_for_staff(actor, case_id)
            _seen_again(actor, case)
            return _confirm_page(case, actor, action, None, request.form, found)
        answer = do_once(once, perform)
    except CaseError as fault:
        return _not_done(fault, case_id, actor, action, data)
    label = item.words_of(case.state, action)
    flash(f"{answer['number']}：“{label}”已办好，现在是“{item.state(answer['state']).word}”。", "ok")
    return redirect(url_for("console_cases.show", case_id=case_id), 303)


def _not_done(
    fault: CaseError, case_id: UUID, actor: Actor, action: str, data: Mapping[str, Any]
) -> ResponseReturnValue:
    """Say why a step was not taken, where the officer can go on from."""
    # Of a preview that was refused nothing stays.
    rollback()
    if isinstance(fault, NoSuchCase):
        raise fault
    case = queries.case_for_staff(actor, case_id)
    db.session.refresh(case)
    if isinstance(fault, MovedOn | NotPossible):
        return render_template("console/moved_on.html", case=case, sentence=fault.sentence), 409
    if isinstance(fault, NotAllowed):
        back = url_for("console_cases.show", case_id=case_id)
        return render_template("console/not_allowed.html", sentence=fault.sentence, back=back), 403
    if isinstance(fault, GuardFailed | InvalidInput):
        step = render.item_of(case).step(case.state, action)
        errors: Errors = fault.sentence
        if isinstance(fault, InvalidInput):
            errors = by_field(fault.errors, step.input if step else None, data)
        if step is not None and step.danger:
            return _confirm_page(case, actor, action, errors, request.form), 422
        _seen_again(actor, case)
        return _page(case, actor, errors=errors, failed=action, typed=request.form), 422
    raise fault


def _seen_again(actor: Actor, case: Case) -> None:
    """Record that an answer to a form shows of a case what its page shows, unless that was opened a moment ago.

    That the actor may take the step, or see the case, was judged before.
    """
    if not looks.reasons_for_opening(actor, case.citizen_id, case.id, clock.now()):
        record_opening(actor, case)
        commit()


# --- Seeing more --------------------------------------------------------------------------------------------------


@bp.post("/<uuid:case_id>/reason")
@case_staff
def give_reason(case_id: UUID) -> ResponseReturnValue:
    """Open a case that isn't in one's hands for a reason, which is recorded; it stays open for a quarter of an hour."""
    actor = current_actor()
    try:
        given = read_form(_REASON)
    except ValidationError as fault:
        return _reason_page(case_id, _here(actor, case_id), fault.normalized_messages()), 422
    case = queries.case_for_staff(actor, case_id)

    def note(once: Once) -> str:
        change = Change(clock.now())
        record_reason(actor, case, given["reason"], change)
        once.remember(change, "noted")
        change.write()
        return "noted"

    do_once(once_of(actor, given["form_token"]), note)
    return redirect(url_for("console_cases.show", case_id=case_id), 303)


def _here(actor: Actor, case_id: UUID) -> Case | None:
    try:
        return office_case(actor, case_id)
    except ReasonWanted:
        return None


@bp.post("/<uuid:case_id>/reveal")
@case_staff
def reveal(case_id: UUID) -> ResponseReturnValue:
    """Show one masked value once, for a reason, which is recorded."""
    actor = current_actor()
    case = visible_case(actor, case_id)
    applicant = db.session.get_one(Citizen, case.citizen_id)
    try:
        given = read_form(_REVEAL)
    except ValidationError as fault:
        errors = {"reason": fault.normalized_messages().get("reason") or ["请选择要显示的内容，并写明查看理由。"]}
        asked = {"reason": request.form.get("reason", "")[:100], "errors": errors["reason"]}
        _seen_again(actor, case)
        return _page(case, actor, errors=errors, reveal=asked), 422
    line = next(
        (one for one in answers.all_lines(render.item_of(case), case, applicant) if one.key == given["field"]), None
    )
    if line is None:
        return render_error(400, text=_STALE)

    def note(once: Once) -> list[str | int]:
        count_look("unmasked", actor.id)
        change = Change(clock.now())
        reason = f"{line.label}：{given['reason']}"
        looks.note(change, actor, case.citizen_id, "unmasked", reason, role=role_of(actor), case_id=case.id)
        told: list[str | int] = [line.key, int(clock.protocol_now().timestamp())]
        once.remember(change, told)
        change.write()
        return told

    # With the moment of the look that was noted: the same form sent again later shows nothing anew.
    key, noted_at = do_once(once_of(actor, given["form_token"]), note)
    session[_SHOWN] = [str(case.id), key, noted_at]
    return redirect(url_for("console_cases.show", case_id=case_id, _anchor="applicant"), 303)


def _take_shown(case: Case, applicant: Citizen) -> dict[str, str] | None:
    """The value that this page shows and no later one does: ``{key, value}``."""
    if request.method != "GET" or (session.get(_SHOWN) or [None])[0] != str(case.id):
        return None
    _, key, noted_at = session.pop(_SHOWN)
    # The session is the browser's: sent back later it must not show the value anew without a look of its own.
    if clock.protocol_now().timestamp() - noted_at > _SHOWN_FOR_S:
        return None
    line = next((one for one in answers.all_lines(render.item_of(case), case, applicant) if one.key == key), None)
    return {"key": line.key, "value": line.full} if line else None
