"""Exporting a month's figures, cases and ratings: for a reason, a look at each person whose case is in it, counted."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import figures
from citizen_services.cases.once import do_once
from citizen_services.console import supervision_sheets as sheets
from citizen_services.console.access import role_of, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, ReasonField, once_of, read_form
from citizen_services.console.supervision_scope import Scope, scope_of
from citizen_services.console.supervision_views import ROLES
from citizen_services.console.supervision_words import month_words
from citizen_services.database import Change
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.people import looks
from citizen_services.people.administration_record import record
from citizen_services.people.look_limits import EnoughForToday, count_look
from citizen_services.people.queries import office
from citizen_services.security import new_token

bp = Blueprint("console_export", __name__, url_prefix="/console/supervision/export")
tell_refusals(bp)

#: Cases, and ratings, of one export.
MOST_EXPORTED = 5000


class ExportSchema(FormSchema):
    """Why figures and cases leave the house."""

    reason = ReasonField(least=4)


_EXPORT = ExportSchema()


@bp.get("")
@staff_required(*ROLES)
def page() -> ResponseReturnValue:
    """What is exported, and the form that asks why."""
    return _page(scope_of(current_actor()))


def _page(scope: Scope, errors: dict[str, Any] | None = None) -> str:
    return render_template(
        "console/supervision_export.html",
        scope=scope,
        title=_title(scope),
        most=MOST_EXPORTED,
        reason=request.form.get("reason", "")[:100],
        errors=errors,
        back=url_for("console_supervision.page", **scope.query),
        form_token=lambda: new_token(12),
    )


def _title(scope: Scope) -> str:
    return f"{office(scope.chosen).name if scope.chosen else '全区'}{month_words(scope.month)}"


@bp.post("")
@staff_required(*ROLES)
def export() -> ResponseReturnValue:
    """Record the reason and the looks, then hand out the workbook. The same form sent again is the same export."""
    actor, scope = current_actor(), scope_of(current_actor())
    try:
        given = read_form(_EXPORT)
    except ValidationError as fault:
        return _page(scope, fault.normalized_messages()), 422
    cases = list(figures.ended_in(scope.codes, scope.month, MOST_EXPORTED))
    rated = figures.rated(scope.codes, scope.month, MOST_EXPORTED)
    people = {case.citizen_id for case in cases} | {case.citizen_id for _, case, _ in rated}

    def note(once: Once) -> str:
        count_look("exported", actor.id)
        change = Change(clock.now())
        for citizen_id in sorted(people):
            looks.note(change, actor, citizen_id, "exported", given["reason"], role=role_of(actor))
        once.remember(change, "noted")
        record(
            actor,
            "exported",
            _title(scope),
            {},
            {"理由": given["reason"], "办件": str(len(cases)), "评价": str(len(rated))},
        )
        change.write()
        return "noted"

    try:
        do_once(once_of(actor, given["form_token"]), note)
    except EnoughForToday as fault:
        rollback()
        return _page(scope, {"reason": [fault.sentence]}), 429
    book = sheets.Workbook()
    book.sheet("按月", ("月份", *sheets.FIGURES), sheets.month_rows(figures.months(scope.figures_of)))
    items = figures.items_of(scope.figures_of, scope.month)
    book.sheet("按事项", ("事项", *sheets.FIGURES), sheets.item_rows(items))
    book.sheet("办结的办件", sheets.CASES, (sheets.case_row(case) for case in cases))
    book.sheet("评价", sheets.RATINGS, (sheets.rating_row(*row) for row in rated))
    return _sent(book.bytes(), f"{_title(scope)}.xlsx")


def _sent(content: bytes, name: str) -> Response:
    answer = send_file(BytesIO(content), mimetype=sheets.XLSX, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
