"""请假代理: a supervisor names who stands in for whom at their office, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema, ValidationError, fields, validates_schema

from citizen_services import clock
from citizen_services.catalogue.forms import form_data
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.supervision_scope import answers_for
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.pages import render_error
from citizen_services.people import deputies
from citizen_services.people.errors import NoSuchDeputy
from citizen_services.people.queries import staff_names
from citizen_services.rules.dates import chinese_date
from citizen_services.security import new_token

bp = Blueprint("console_deputies", __name__, url_prefix="/console/deputies")

ROLE = "supervisor"
#: The longest leave for which a deputy is named at once.
_LONGEST = timedelta(days=180)


def _asks(sentence: str) -> dict[str, Any]:
    """What a field says where nothing usable is given."""
    return dict.fromkeys(("required", "null", "invalid", "invalid_uuid"), sentence)


class DeputyForm(Schema):
    """Who is away, who stands in, from which day to which."""

    absent = fields.UUID(required=True, error_messages=_asks("请选择休假的人。"))
    deputy = fields.UUID(required=True, error_messages=_asks("请选择代理人。"))
    from_day = fields.Date(required=True, error_messages=_asks("请填写第一天。"))
    until_day = fields.Date(required=True, error_messages=_asks("请填写最后一天。"))

    @validates_schema
    def _days(self, data: dict[str, object], **_: object) -> None:
        begins, ends = data["from_day"], data["until_day"]
        if not clock.today() <= begins <= ends <= begins + _LONGEST:  # type: ignore[operator]
            raise ValidationError({"until_day": ["最后一天不能早于第一天和今天，一次最长180天。"]})


DEPUTY_FORM = DeputyForm()


def _offices() -> dict[str, str]:
    """The offices for which the supervisor answers: ``{code: name}``."""
    return {one.code: one.name for one in answers_for(current_actor())}


def _page(status: int = 200, errors: object = None) -> ResponseReturnValue:
    mine = _offices()
    running, there = deputies.of_offices(mine), deputies.colleagues(mine)
    names = staff_names({id_ for one in running for id_ in (one.absent_id, one.deputy_id)})
    page = render_template(
        "console/deputies.html",
        rows=[
            {
                "office": mine[one.office_code],
                "absent": names[one.absent_id],
                "deputy": names[one.deputy_id],
                "from": chinese_date(one.from_day),
                "until": chinese_date(one.until_day),
                "url": url_for("console_deputies.end", deputy_id=one.id),
                "form_token": new_token(12),
            }
            for one in running
        ],
        people=[(str(one.id), f"{mine[one.office_code]} · {one.name}", "") for one in there],
        form=request.form,
        errors=errors or {},
        form_token=new_token(12),
    )
    return page, status


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """Who stands in for whom, and the form that names another."""
    return _page()


@bp.post("")
@staff_required(ROLE)
def name() -> ResponseReturnValue:
    """Name a deputy."""
    change = Change(clock.now())
    try:
        form = DEPUTY_FORM.load(form_data(request.form, DEPUTY_FORM))
        deputies.name(
            change, current_actor(), _offices(), form["absent"], form["deputy"], form["from_day"], form["until_day"]
        )
    except ValidationError as fault:
        return _page(422, fault.messages)
    except NoSuchDeputy as fault:
        return _page(422, {"deputy": [fault.sentence]})
    change.write()
    commit()
    flash("已经设好代理。到期自动结束。", "ok")
    return redirect(url_for("console_deputies.page"), 303)


@bp.post("/<uuid:deputy_id>/end")
@staff_required(ROLE)
def end(deputy_id: UUID) -> ResponseReturnValue:
    """End it before its day."""
    try:
        deputies.end(current_actor(), _offices(), deputy_id)
    except NoSuchDeputy:
        rollback()
        return render_error(404)
    commit()
    flash("代理已经结束，立即生效。", "ok")
    return redirect(url_for("console_deputies.page"), 303)
