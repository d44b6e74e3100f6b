"""The staff's page of telling: what nobody was told, parcels that need a look, people who must be called."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy import ColumnElement, select

from citizen_services.cases import corrections
from citizen_services.cases.errors import CaseError, NotPossible
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once, note
from citizen_services.cases.operations import Outcome, perform
from citizen_services.console.access import ReasonWanted, office_case, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database import db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people import web
from citizen_services.people.actors import Actor
from citizen_services.rules.errors import RuleError
from citizen_services.security import new_token
from notifications import console_rows, operations
from notifications.errors import AlreadyNumbered, NotInDoubt, NotRequeueable
from notifications.models import Delivery, Parcel

log = logging.getLogger(__name__)

bp = Blueprint("console_telling", __name__, url_prefix="/console/telling")
tell_refusals(bp)

#: Who calls people and sees what was not told; who of them also mends it.
SEE = ("clerk", "supervisor", "community_officer")
MEND = ("clerk", "supervisor")
_FORM = FormSchema()
_STALE = "这个页面已经过期或不完整，请重新打开后再试。"


@bp.app_context_processor
def _nav() -> dict[str, Any]:
    """The page's place in the console's side list, for those who may open it."""
    person = web.logged_in() if request.path.startswith("/console") else None
    if person is None or person.staff is None or not person.roles & set(SEE):
        return {}
    here = request.path.startswith("/console/telling")
    return {
        "more_nav": [{"href": url_for("console_telling.page"), "label": "告知与寄递", "icon": "bell", "current": here}]
    }


@bp.errorhandler(ReasonWanted)
def _not_here(fault: ReasonWanted) -> ResponseReturnValue:
    return render_error(404)


@bp.get("")
@staff_required(*SEE)
def page() -> ResponseReturnValue:
    """Everything that waits for somebody of this office."""
    return _page(current_actor())


def _page(actor: Actor, errors: dict[str, list[str]] | None = None) -> str:
    return render_template(
        "console/telling.html",
        **console_rows.everything(actor),
        may_mend=bool(actor.roles & set(MEND)),
        errors=errors,
        typed=request.form,
        form_token=lambda: new_token(12),
    )


def _back(anchor: str) -> ResponseReturnValue:
    return redirect(url_for("console_telling.page", _anchor=anchor), 303)


def _once(actor: Actor) -> Once:
    """This form as a write that is done once; ends with 400 where it carries no token."""
    try:
        return once_of(actor, read_form(_FORM)["form_token"])
    except ValidationError:
        abort(400, description=_STALE)


def _known(row: type[Delivery] | type[Parcel], id_: UUID, scope: ColumnElement[bool]) -> None:
    """Ends with 404 where the row is none that this office sees."""
    query = select(row.id).where(row.id == id_, scope)
    if row is Parcel:
        query = query.join(Case, Case.id == Parcel.case_id)
    if db.session.execute(query).first() is None:
        abort(404)


# --- Mending ------------------------------------------------------------------------------------------------------


@bp.post("/parcels/<uuid:parcel_id>")
@staff_required(*MEND)
def number(parcel_id: UUID) -> ResponseReturnValue:
    """Note the tracking number that stands on a parcel's label."""
    actor = current_actor()
    _known(Parcel, parcel_id, console_rows.parcels_seen_by(actor))
    field = f"tracking-{parcel_id}"

    def act(once: Once) -> str:
        warning = operations.number_from_label(parcel_id, request.form.get(field, "")[:40])
        answer: str = note(once, warning or "")
        return answer

    try:
        warning = do_once(_once(actor), act)
    except (RuleError, AlreadyNumbered) as fault:
        rollback()
        return _page(actor, {field: [fault.sentence]}), 422
    if warning:
        flash(f"运单号已登记，但{warning}", "warn")
    else:
        flash("运单号已登记，办件已同步。", "ok")
    return _back("without-number")


@bp.post("/tries/<uuid:delivery_id>")
@staff_required(*MEND)
def again(delivery_id: UUID) -> ResponseReturnValue:
    """Try once more what ended in vain."""
    return _try_again(delivery_id, operations.requeue, "已重新排队发送。", "dead")


@bp.post("/writes/<uuid:delivery_id>")
@staff_required(*MEND)
def write(delivery_id: UUID) -> ResponseReturnValue:
    """Write to the province's register once more what it rejected."""
    return _try_again(delivery_id, operations.write_again, "已按现在的登记内容重新写入。", "writes")


@bp.post("/reports/<uuid:delivery_id>")
@staff_required(*MEND)
def report(delivery_id: UUID) -> ResponseReturnValue:
    """Report to the one-window platform once more what it rejected."""
    return _try_again(delivery_id, operations.report_again, "已重新上报。", "reports")


@bp.post("/applications/<uuid:delivery_id>")
@staff_required(*MEND)
def hand_over(delivery_id: UUID) -> ResponseReturnValue:
    """Hand over to the national platform once more what it rejected."""
    return _try_again(delivery_id, operations.hand_over_again, "已重新移交交管平台。", "applications")


def _try_again(delivery_id: UUID, do: Callable[[UUID], UUID], done: str, anchor: str) -> ResponseReturnValue:
    actor = current_actor()
    _known(Delivery, delivery_id, console_rows.tries_seen_by(actor))

    def act(once: Once) -> str:
        answer: str = note(once, str(do(delivery_id)))
        return answer

    try:
        do_once(_once(actor), act)
    except NotRequeueable as fault:
        rollback()
        return _page(actor, {"form": [fault.sentence]}), 409
    flash(done, "ok")
    return _back(anchor)


@bp.post("/channels/<channel>")
@staff_required(*MEND)
def mended(channel: str) -> ResponseReturnValue:
    """Have a channel that was held try again at once, since whoever runs it says that it was mended."""
    actor = current_actor()
    if channel not in console_rows.CHANNELS:
        abort(404)

    def act(once: Once) -> str:
        operations.try_again(channel)
        answer: str = note(once, channel)
        return answer

    do_once(_once(actor), act)
    log.warning("channel %s tries again: %s says that it was mended", channel, actor.id)
    flash(f"{console_rows.channel_word(channel)}：正在重新发送。对方仍然拒绝的，会再次停发。", "ok")
    return _back("holds")


# --- Calling ------------------------------------------------------------------------------------------------------


@bp.post("/cases/<uuid:case_id>/reached")
@staff_required(*SEE)
def reached(case_id: UUID) -> ResponseReturnValue:
    """Note that the person was told of a request for corrections on the telephone: a step of the case."""
    actor = current_actor()
    case = office_case(actor, case_id)
    step = corrections.note_call

    def act(once: Once) -> Outcome:
        return perform(parts().catalogue, case_id, step.action, actor, case.version, once=once)

    try:
        do_once(_once(actor), act)
    except CaseError as fault:
        rollback()
        # A case that has gone on meanwhile is as little to be called about.
        sentence = step.guard[0].sentence if isinstance(fault, NotPossible) else fault.sentence
        return _page(actor, {"form": [sentence]}), 409
    flash(f"{case.number}：已登记电话告知。", "ok")
    return _back("calls")


@bp.post("/notices/<uuid:delivery_id>")
@staff_required(*SEE)
def told(delivery_id: UUID) -> ResponseReturnValue:
    """Note that somebody was told on the telephone what may not have reached them in WeChat."""
    actor = current_actor()
    _known(Delivery, delivery_id, console_rows.tries_seen_by(actor))

    def act(once: Once) -> str:
        operations.told_by_phone(delivery_id)
        answer: str = note(once, "told")
        return answer

    try:
        do_once(_once(actor), act)
    except NotInDoubt as fault:
        rollback()
        return _page(actor, {"form": [fault.sentence]}), 409
    flash("已登记电话告知。", "ok")
    return _back("in-doubt")
