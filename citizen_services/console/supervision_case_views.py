"""A case in a supervisor's hands: given to somebody else of its desk, or laid back on the desk, for a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services.cases import supervising
from citizen_services.cases.deadlines import clocks_of
from citizen_services.cases.errors import GuardFailed, MovedOn, NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once, note
from citizen_services.cases.queries import case_for_staff
from citizen_services.console import render
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import ActSchema, WordsField, once_of, read_form
from citizen_services.console.supervision_scope import answers_for
from citizen_services.console.supervision_views import ROLES
from citizen_services.database.base import rollback
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office
from citizen_services.security import new_token

bp = Blueprint("console_supervision_case", __name__, url_prefix="/console/supervision/cases")
tell_refusals(bp)


class AssignSchema(ActSchema):
    """To whom a case is given (empty: back on the desk), and why."""

    to = fields.String(load_default="", validate=validate.Length(max=40))
    reason = WordsField("请写明调整的理由，2 至 100 个字。", least=2, most=100)


_ASSIGN = AssignSchema()


@bp.get("/<uuid:case_id>")
@staff_required(*ROLES)
def page(case_id: UUID) -> ResponseReturnValue:
    """Who holds a case, its clocks, and who could take it on. Nothing of its person is shown."""
    actor = current_actor()
    return _page(_case(actor, case_id), actor)


def _case(actor: Actor, case_id: UUID) -> Case:
    case = case_for_staff(actor, case_id)
    if case.desk_code not in {one.code for one in answers_for(actor)}:
        raise NoSuchCase
    return case


def _page(case: Case, actor: Actor, errors: dict[str, Any] | None = None) -> str:
    item = render.item_of(case)
    return render_template(
        "console/supervision_case.html",
        case=case,
        item=item,
        desk=office(case.desk_code).name if case.desk_code else "",
        clocks=clocks_of(item, case),
        holder=render.holder_words(case, actor),
        people=[(str(one.id), one.name, "") for one, _ in supervising.may_work(case) if one.id != case.claimed_by],
        typed=request.form,
        errors=errors,
        form_token=lambda: new_token(12),
    )


@bp.post("/<uuid:case_id>/assign")
@staff_required(*ROLES)
def assign(case_id: UUID) -> ResponseReturnValue:
    """Give the case to a colleague of its desk."""
    return _change(case_id, release=False)


@bp.post("/<uuid:case_id>/release")
@staff_required(*ROLES)
def release(case_id: UUID) -> ResponseReturnValue:
    """Lay the case back on its desk."""
    return _change(case_id, release=True)


def _change(case_id: UUID, *, release: bool) -> ResponseReturnValue:
    actor = current_actor()
    case = _case(actor, case_id)
    try:
        given = read_form(_ASSIGN)
        to = None if release else UUID(given["to"])
    except ValidationError as fault:
        return _page(case, actor, fault.normalized_messages()), 422
    except ValueError:
        return _page(case, actor, {"to": ["请选择由谁办理。"]}), 422

    def act(once: Any) -> Any:
        supervising.assign(actor, case, given["version"], to, given["reason"])
        return note(once, "done")

    try:
        do_once(once_of(actor, given["form_token"]), act)
    except (MovedOn, GuardFailed) as fault:
        rollback()
        return _page(_case(actor, case_id), actor, {"to": [fault.sentence]}), 409
    flash("已放回本所待办。" if release else "已指派，记录在管理记录里。", "ok")
    return redirect(url_for(".page", case_id=case_id), 303)
