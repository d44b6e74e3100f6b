"""Keeping away from cases (回避): near relatives are declared once, a part in one case is said on its page."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases import recusal
from citizen_services.cases.errors import MovedOn, NotPossible
from citizen_services.cases.once import do_once
from citizen_services.console.access import case_staff, office_case, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.database import Change, Conflict
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.people import relations
from citizen_services.rules.errors import RuleError
from citizen_services.rules.masking import mask_id
from citizen_services.security import new_token

bp = Blueprint("console_recusal", __name__, url_prefix="/console")
tell_refusals(bp)

_STALE = "这个页面已经过期或不完整，请重新打开后再试。"


class RelationSchema(FormSchema):
    """A near relative: their identity number, and what they are to whoever declares them."""

    id_number = fields.String(load_default="", validate=validate.Length(max=40))
    kind = fields.String(load_default="", validate=validate.Length(max=20))


class RecuseSchema(FormSchema):
    """Why somebody has a part in a case."""

    reason = WordsField("请写明回避的理由，2 至 100 个字。", least=2, most=100)


_RELATION, _RECUSE, _END = RelationSchema(), RecuseSchema(), FormSchema()


@bp.get("/relations")
@staff_required()
def page() -> ResponseReturnValue:
    """One's own near relatives, and nobody else's."""
    return _page()


def _page(errors: dict[str, list[str]] | None = None) -> str:
    actor = current_actor()
    assert actor.id is not None  # noqa: S101 - staff always have an id
    rows: list[dict[str, Any]] = [
        {
            "id": row.id,
            "kind": relations.KINDS.get(row.kind, row.kind),
            "number": mask_id(row.id_number),
            "when": row.declared_at,
        }
        for row in relations.of(actor.id)
    ]
    return render_template(
        "console/relations.html",
        rows=rows,
        kinds=[(code, label, "") for code, label in relations.KINDS.items()],
        chosen=request.form.get("kind", ""),
        errors=errors,
        form_token=lambda: new_token(12),
    )


@bp.post("/relations")
@staff_required()
def declare() -> ResponseReturnValue:
    """Declare a near relative. The number is not shown again where it was wrong."""
    actor = current_actor()
    try:
        given = read_form(_RELATION)
    except ValidationError:
        return render_error(400, text=_STALE)
    if given["kind"] not in relations.KINDS:
        return _page({"kind": ["请选择与您的关系"]}), 422

    def act(once: Once) -> str:
        change = Change(clock.now())
        relations.declare(change, actor, given["id_number"], given["kind"])
        once.remember(change, "declared")
        change.write()
        return "declared"

    try:
        do_once(once_of(actor, given["form_token"]), act)
    except RuleError as fault:
        rollback()
        return _page({"id_number": [fault.sentence]}), 422
    flash("已登记。这位亲属的办件，系统不再让您办理。", "ok")
    return redirect(url_for("console_recusal.page"), 303)


@bp.post("/relations/<uuid:relation_id>/end")
@staff_required()
def end(relation_id: UUID) -> ResponseReturnValue:
    """A relation holds no more."""
    actor = current_actor()
    try:
        given = read_form(_END)
    except ValidationError:
        return render_error(400, text=_STALE)

    def act(once: Once) -> str:
        change = Change(clock.now())
        relations.end(change, actor, relation_id)
        once.remember(change, "ended")
        change.write()
        return "ended"

    try:
        do_once(once_of(actor, given["form_token"]), act)
    except Conflict:
        rollback()
        return render_error(404)
    flash("已结束这项登记。", "ok")
    return redirect(url_for("console_recusal.page"), 303)


@bp.post("/cases/<uuid:case_id>/recuse")
@case_staff
def recuse(case_id: UUID) -> ResponseReturnValue:
    """Keep away from one case, for a reason; it lies on the desk again, for somebody else."""
    actor = current_actor()
    case = office_case(actor, case_id)
    try:
        given = read_form(_RECUSE)
    except ValidationError as fault:
        sentences = fault.normalized_messages().get("reason") or [_STALE]
        return render_template(
            "console/recuse.html", case=case, errors={"reason": sentences}, form_token=new_token(12)
        ), 422

    def act(once: Once) -> str:
        change = Change(clock.now())
        recusal.recuse(change, case, actor, given["reason"])
        once.remember(change, "recused")
        change.write()
        return "recused"

    try:
        do_once(once_of(actor, given["form_token"]), act)
    except (MovedOn, NotPossible) as fault:
        rollback()
        return render_template("console/moved_on.html", case=case, sentence=fault.sentence), 409
    flash(f"{case.number}：您已回避，办件已放回待办，由其他同事办理。", "ok")
    return redirect(url_for("console_lists.cases"), 303)


@bp.get("/cases/<uuid:case_id>/recuse")
@case_staff
def ask(case_id: UUID) -> ResponseReturnValue:
    """The page that asks why, since it can't be undone."""
    case = office_case(current_actor(), case_id)
    return render_template("console/recuse.html", case=case, errors=None, form_token=new_token(12))
