"""Parameters (参数): numbers proposed by one administrator and approved by another, in force from a day on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.admin_views import FASTER, SECURITY, SYSTEM
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database.base import rollback
from citizen_services.people import parameters
from citizen_services.people.parameters import CannotSet
from citizen_services.people.queries import staff_names
from citizen_services.security import new_token

bp = Blueprint("console_parameters", __name__, url_prefix="/console/admin/parameters")
tell_refusals(bp)


class ProposalSchema(FormSchema):
    """Another value, and from which day."""

    name = fields.String(load_default="", validate=validate.Length(max=60))
    value = fields.Integer(required=True, error_messages={"invalid": "请填写整数。", "required": "请填写整数。"})
    from_day = fields.Date(required=True, error_messages={"invalid": "请填写日期。", "required": "请填写日期。"})


_PROPOSAL, _PLAIN = ProposalSchema(), FormSchema()


@bp.get("")
@staff_required(SYSTEM, SECURITY)
def page() -> ResponseReturnValue:
    """What is in force, what will be, and what waits for a second pair of eyes."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None) -> str:
    actor = current_actor()
    waiting = parameters.proposed()
    names = staff_names({one.asked_by for one in waiting})
    declared = parameters.declared()
    return render_template(
        "console/parameters.html",
        system=SYSTEM in actor.roles,
        rows=[
            {
                "declared": one,
                "value": parameters.in_force(name)[0],
                "since": parameters.in_force(name)[1],
                "default": parameters.default(name),
            }
            for name, one in declared.items()
        ],
        coming=[{"change": one, "declared": declared[one.name]} for one in parameters.to_come()],
        waiting=[
            {
                "change": one,
                "declared": declared[one.name],
                "by": names.get(one.asked_by, ""),
                "own": one.asked_by == actor.id,
            }
            for one in waiting
        ],
        choices=[(name, f"{one.label}（{one.unit}）", "") for name, one in declared.items()],
        today=clock.today().isoformat(),
        typed=request.form if errors else {},
        errors=errors,
        form_token=lambda: new_token(12),
    )


def _do(schema: FormSchema, act: Callable[[Mapping[str, Any]], None], words: str) -> ResponseReturnValue:
    try:
        given = read_form(schema)

        def once_done(once: Any) -> Any:
            act(given)
            return note(once, "done")

        do_once(once_of(current_actor(), given["form_token"]), once_done)
    except ValidationError as fault:
        return _page(fault.normalized_messages()), 422
    except CannotSet as fault:
        rollback()
        return _page({fault.field: [fault.sentence]}), 422
    except IntegrityError:
        rollback()
        return _page({"name": [FASTER]}), 422
    parameters.forget_parameters()
    flash(words, "ok")
    return redirect(url_for(".page"), 303)


@bp.post("")
@staff_required(SYSTEM)
def propose() -> ResponseReturnValue:
    """Propose another value."""
    actor = current_actor()
    return _do(
        _PROPOSAL,
        lambda given: parameters.propose(actor, given["name"], given["value"], given["from_day"]),
        "已提交，等另一位管理员决定。",
    )


@bp.post("/<uuid:row_id>/approve")
@staff_required(SYSTEM, SECURITY)
def approve(row_id: UUID) -> ResponseReturnValue:
    """Put a value in force that another one proposed."""
    actor = current_actor()
    return _do(_PLAIN, lambda _: parameters.decide(actor, row_id, approve=True), "已批准，一分钟内在各处生效。")


@bp.post("/<uuid:row_id>/reject")
@staff_required(SYSTEM, SECURITY)
def reject(row_id: UUID) -> ResponseReturnValue:
    """Leave it as it is."""
    actor = current_actor()
    return _do(_PLAIN, lambda _: parameters.decide(actor, row_id, approve=False), "已记为不同意。")
