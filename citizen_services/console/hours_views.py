"""Opening hours (办公时间) of an office: its week, and dates that are otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services.cases import opening
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.admin_views import SYSTEM
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.people.queries import offices
from citizen_services.rules.errors import RuleError
from citizen_services.rules.opening import WEEKDAYS, parse_spans
from citizen_services.security import new_token

bp = Blueprint("console_hours", __name__, url_prefix="/console/admin/hours")
tell_refusals(bp)


class SpansField(fields.String):
    """Hours of a day as somebody types them; empty: closed."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return parse_spans(super()._deserialize(value, attr, data, **kwargs))
        except RuleError as fault:
            raise ValidationError(fault.sentence) from fault


class DaySchema(FormSchema):
    """A date that is otherwise, and why."""

    day = fields.Date(required=True, error_messages={"invalid": "请填写日期。", "required": "请填写日期。"})
    spans = SpansField(load_default=(), validate=validate.Length(max=3))
    words = WordsField("请填写原因，2 至 40 个字。", least=2, most=40)


class RemoveSchema(FormSchema):
    """A date that is to be as usual."""

    day = fields.Date(required=True)


_WEEK = FormSchema.from_dict({f"day{n}": SpansField(load_default=()) for n in range(7)}, name="WeekSchema")()
_DAY, _REMOVE = DaySchema(), RemoveSchema()


@bp.get("/<code>")
@staff_required(SYSTEM)
def page(code: str) -> ResponseReturnValue:
    """The week of an office, and its dates that are otherwise."""
    return _page(code)


def _page(code: str, errors: Mapping[str, Any] | None = None) -> ResponseReturnValue:
    place = offices().get(code)
    if place is None:
        abort(404)
    found = opening.hours_of([code])
    week = found[0].week if found else {}
    typed = request.form if errors else {}
    return render_template(
        "console/hours.html",
        office=place,
        week=[
            {"name": f"day{n}", "label": WEEKDAYS[n], "value": typed.get(f"day{n}", " ".join(week.get(n, ())))}
            for n in range(7)
        ],
        hours=found[0] if found else None,
        typed=typed,
        errors=errors,
        form_token=lambda: new_token(12),
    ), (422 if errors else 200)


def _do(code: str, schema: Any, act: Callable[[Mapping[str, Any]], None], words: str) -> ResponseReturnValue:
    if code not in offices():
        abort(404)
    try:
        given = read_form(schema)
    except ValidationError as fault:
        return _page(code, fault.normalized_messages())

    def once_done(once: Any) -> Any:
        act(given)
        return note(once, "done")

    do_once(once_of(current_actor(), given["form_token"]), once_done)
    flash(words, "ok")
    return redirect(url_for(".page", code=code), 303)


@bp.post("/<code>")
@staff_required(SYSTEM)
def save(code: str) -> ResponseReturnValue:
    """Write down the week."""
    actor = current_actor()
    return _do(
        code,
        _WEEK,
        lambda given: opening.save_week(actor, code, {n: given[f"day{n}"] for n in range(7)}),
        "办公时间已保存。",
    )


@bp.post("/<code>/days")
@staff_required(SYSTEM)
def save_day(code: str) -> ResponseReturnValue:
    """Write down a date that is otherwise."""
    actor = current_actor()
    return _do(
        code,
        _DAY,
        lambda given: opening.save_day(actor, code, given["day"], given["spans"], given["words"]),
        "这一天的安排已保存。",
    )


@bp.post("/<code>/days/remove")
@staff_required(SYSTEM)
def remove_day(code: str) -> ResponseReturnValue:
    """Let a date be as usual."""
    actor = current_actor()
    return _do(code, _REMOVE, lambda given: opening.remove_day(actor, code, given["day"]), "这一天改回按平时办公。")
