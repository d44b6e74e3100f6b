"""Exporting a month's figures, cases and ratings: for a reason, a look at each person whose case is in it, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import exports, figures
from citizen_services.cases.export_models import ExportJob
from citizen_services.cases.once import do_once
from citizen_services.console import supervision_sheets as sheets
from citizen_services.console.access import role_of, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, ReasonField, once_of, read_form
from citizen_services.console.supervision_scope import Scope, answers_for, scope_of
from citizen_services.console.supervision_views import ROLES
from citizen_services.console.supervision_words import month_words
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.materials.errors import MaterialError
from citizen_services.pages import render_error
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.administration_record import record
from citizen_services.people.look_limits import EnoughForToday, count_look
from citizen_services.people.queries import office
from citizen_services.security import new_token

bp = Blueprint("console_export", __name__, url_prefix="/console/supervision/export")
tell_refusals(bp)

#: Cases, or ratings, that one answer holds; what is longer is made by a worker.
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
        earlier=exports.newest_of(current_actor().id),
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
    if figures.more_than(scope.codes, scope.month, MOST_EXPORTED):
        return _ask(actor, scope, given)
    cases = [case for batch in figures.ended_in(scope.codes, scope.month) for case in batch]
    rated = [row for batch in figures.rated(scope.codes, scope.month) for row in batch]
    people = {case.citizen_id for case in cases} | {case.citizen_id for _, case, _ in rated}

    def note(once: Once) -> str:
        count_look("exported", actor.id)
        change = Change(clock.now())
        for citizen_id in sorted(people):
            looks.note(change, actor, citizen_id, "exported", given["reason"], role=role_of(actor))
        once.remember(change, "noted")
        counts = {"办件": str(len(cases)), "评价": str(len(rated))}
        record(actor, "exported", _title(scope), {}, {"理由": given["reason"], **counts})
        change.write()
        return "noted"

    # An answer that was noted stands for these people only: the address may name another month, and a month goes on.
    about = {"codes": scope.codes, "month": scope.month, "people": sorted(map(str, people))}
    try:
        do_once(once_of(actor, given["form_token"], **about), note)
    except EnoughForToday as fault:
        rollback()
        return _page(scope, {"reason": [fault.sentence]}), 429
    written = BytesIO()
    rows = map(sheets.case_row, cases), (sheets.rating_row(*row) for row in rated)
    with sheets.Workbook(written) as book:
        sheets.fill(book, scope.figures_of, scope.month, *rows)
    return _sent(written.getvalue(), f"{_title(scope)}.xlsx")


def _ask(actor: Actor, scope: Scope, given: dict[str, Any]) -> ResponseReturnValue:
    """Have a worker make what is too long for one answer."""

    def ask(once: Once) -> str:
        count_look("exported", actor.id)
        change = Change(clock.now())
        id_ = exports.ask(
            change, actor, role_of(actor), given["reason"], scope.codes, scope.figures_of, scope.month, _title(scope)
        )
        once.remember(change, str(id_))
        record(actor, "exported", _title(scope), {}, {"理由": given["reason"], "方式": "后台生成"})
        change.write()
        return str(id_)

    try:
        about = {"codes": scope.codes, "month": scope.month}
        export_id = do_once(once_of(actor, given["form_token"], **about), ask)
    except EnoughForToday as fault:
        rollback()
        return _page(scope, {"reason": [fault.sentence]}), 429
    return redirect(url_for(".job", export_id=export_id), 303)


def _own(export_id: UUID) -> ExportJob:
    """An export of whoever asks, about offices for which they still answer; else there is no such page."""
    actor = current_actor()
    found = exports.of_requester(actor.id, export_id)
    if found is None or not set(found.offices) <= {one.code for one in answers_for(actor)}:
        abort(404)
    return found


@bp.get("/<uuid:export_id>")
@staff_required(*ROLES)
def job(export_id: UUID) -> ResponseReturnValue:
    """How far a long export is; only whoever asked for it sees it."""
    one = _own(export_id)
    part = request.headers.get("HX-Request") == "true"
    return render_template(
        "console/_export_job.html" if part else "console/supervision_export_job.html",
        job=one,
        percent=min(99, one.done * 100 // one.total) if one.total else 0,
        size=exports.size_of(one) if one.state == "ready" else 0,
        back=url_for(".page", month=f"{one.month:%Y-%m}", office=one.figures_of),
    )


@bp.get("/<uuid:export_id>/file")
@staff_required(*ROLES)
def file(export_id: UUID) -> ResponseReturnValue:
    """The file of a long export; each fetching stands in the record. After its time: the page that says so."""
    one = _own(export_id)
    if one.state != "ready":
        return redirect(url_for(".job", export_id=export_id), 303)
    size, name = exports.size_of(one), f"{one.title}.xlsx"
    pieces = exports.pieces_of(one)
    try:
        # A store that is away says so here, before anything is recorded or begun.
        exports.content_of(pieces[0])
    except MaterialError:
        return render_error(503, text="存放文件的服务暂时连不上，文件没有取出来。请过几分钟再下载一次。")
    exports.note_fetched(one)
    record(current_actor(), "export_fetched", one.title, {}, {"字节": str(size)})
    commit()
    answer = Response(_streamed(pieces), mimetype=sheets.XLSX)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Content-Length"] = str(size)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _streamed(pieces: Sequence[exports.Piece]) -> Iterator[bytes]:
    """The pieces one by one; each is read in a context of its own, since the request's has ended by then."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def read() -> Iterator[bytes]:
        for piece in pieces:
            with app.app_context():
                content = exports.content_of(piece)
            yield content

    return read()


def _sent(content: bytes, name: str) -> Response:
    answer = send_file(BytesIO(content), mimetype=sheets.XLSX, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
