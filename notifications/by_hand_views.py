"""The lists of whom to call and whom to visit, the words to say on the caller's screen, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services.cases.once import do_once, note
from citizen_services.cases.seeing import role_of
from citizen_services.console.access import ReasonWanted, office_case, tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, once_of, read_form
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.people import web
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.people.queries import office
from citizen_services.security import new_token
from notifications import by_hand, console_rows, ladder, told
from notifications.by_hand import Rung
from notifications.errors import NotOnList
from notifications.models import Delivery, Notice

bp = Blueprint("console_by_hand", __name__, url_prefix="/console")
tell_refusals(bp)


@dataclass(frozen=True)
class Words:
    """How a list speaks: its title, who works through it, what its results are called."""

    rung: Rung
    title: str
    roles: tuple[str, ...]
    icon: str
    opens: str
    empty: str
    results: Mapping[str, str]


LISTS: Mapping[str, Words] = {
    "calls": Words(
        "call",
        "电话告知",
        ("clerk", "supervisor", "community_officer"),
        "phone",
        "打电话",
        "没有要打电话的人：必须知道的，都用别的办法告诉了。",
        {"told": "已告知本人", "not_reached": "没有打通或不是本人", "refused": "本人不愿听"},
    ),
    "visits": Words(
        "visit",
        "上门告知",
        ("community_officer",),
        "map-pin",
        "看地址",
        "没有要上门告知的人。",
        {"told": "已告知本人", "not_reached": "没有见到本人", "refused": "本人不愿听"},
    ),
}


class ResultSchema(FormSchema):
    """What came of a call or a visit."""

    result = fields.String(
        required=True,
        validate=validate.OneOf(("told", "not_reached", "refused"), error="请选择结果。"),
        error_messages={"required": "请选择结果。"},
    )


_RESULT = ResultSchema()
#: What is said of a result that was noted: it ends the notice, leaves it on the list, or passes it on.
_SAID: Mapping[str, str] = {
    "told": "已登记：本人知道了。",
    "not_reached": "已登记，还留在名单上，请换个时间再试。",
    "visit": "已登记，改为上门告知。",
    "letter": "已登记：文书正在邮寄，没有寄到的再上门。",
    "end": "已登记，列入没有告知到的。",
}


@bp.app_context_processor
def _lists() -> dict[str, Any]:
    """The lists as the page of telling leads to them, with how many wait on each."""

    def by_hand_lists() -> list[dict[str, Any]]:
        person = web.logged_in()
        if person is None or person.staff is None:
            return []
        actor = current_actor()
        seen = console_rows.tries_seen_by(actor)
        return [
            {
                "href": url_for("console_by_hand.page", kind=kind),
                "label": words.title,
                "count": by_hand.count(words.rung, seen),
                "icon": words.icon,
            }
            for kind, words in LISTS.items()
            if actor.roles & set(words.roles)
        ]

    return {"by_hand_lists": by_hand_lists}


@bp.errorhandler(ReasonWanted)
def _not_here(fault: ReasonWanted) -> ResponseReturnValue:
    return render_error(404)


@bp.get("/calls", defaults={"kind": "calls"})
@bp.get("/visits", defaults={"kind": "visits"})
@staff_required()
def page(kind: str) -> ResponseReturnValue:
    """Whom this office has to call or visit, the longest waiting first; names are masked."""
    actor, words = _allowed(kind)
    rows = by_hand.waiting(words.rung, console_rows.tries_seen_by(actor))
    return render_template(
        "console/by_hand.html", kind=kind, words=words, rows=console_rows.by_hand_rows(rows), most=by_hand.PAGE
    )


@bp.get("/calls/<uuid:delivery_id>", defaults={"kind": "calls"})
@bp.get("/visits/<uuid:delivery_id>", defaults={"kind": "visits"})
@staff_required()
def one(kind: str, delivery_id: UUID) -> ResponseReturnValue:
    """The person, the number or the address, and all that is to be said; that it was seen is recorded."""
    actor, words = _allowed(kind)
    return _seen(actor, kind, *_mine(actor, words, delivery_id))


def _seen(
    actor: Actor, kind: str, row: Delivery, notice: Notice, errors: Mapping[str, Any] | None = None
) -> ResponseReturnValue:
    """The page of one that still waits, and the look on record: a form that is sent back shows as much."""
    if row.state != "pending":
        flash(NotOnList.sentence, "info")
        return redirect(url_for("console_by_hand.page", kind=kind), 303)
    words = LISTS[kind]
    shown = _page(actor, kind, words, row, notice, errors)
    by_hand.look(actor, words.rung, notice, role_of(actor))
    commit()
    return shown, 422 if errors else 200


@bp.post("/calls/<uuid:delivery_id>", defaults={"kind": "calls"})
@bp.post("/visits/<uuid:delivery_id>", defaults={"kind": "visits"})
@staff_required()
def result(kind: str, delivery_id: UUID) -> ResponseReturnValue:
    """Note what came of it: told, not reached, refused."""
    actor, words = _allowed(kind)
    row, notice = _mine(actor, words, delivery_id)
    try:
        given = read_form(_RESULT)
    except ValidationError as fault:
        if "form_token" in fault.normalized_messages():
            abort(400, description="这个页面已经过期或不完整，请重新打开后再试。")
        return _seen(actor, kind, row, notice, fault.normalized_messages())

    def act(once: Once) -> str:
        answer: str = note(once, by_hand.note(words.rung, delivery_id, given["result"]) or given["result"])
        return answer

    try:
        answer = do_once(once_of(actor, given["form_token"]), act)
    except NotOnList as fault:
        rollback()
        flash(fault.sentence, "info")
        return redirect(url_for("console_by_hand.page", kind=kind), 303)
    flash(_SAID[answer], "ok")
    return redirect(url_for("console_by_hand.page", kind=kind), 303)


def _allowed(kind: str) -> tuple[Actor, Words]:
    actor, words = current_actor(), LISTS[kind]
    if not actor.roles & set(words.roles):
        abort(403)
    return actor, words


def _mine(actor: Actor, words: Words, delivery_id: UUID) -> tuple[Delivery, Notice]:
    """A row that this office sees and that is not of the officer's own matter; ends with 404."""
    try:
        row, notice = by_hand.one(words.rung, delivery_id, console_rows.tries_seen_by(actor))
    except NotOnList:
        abort(404)
    if notice.case_id is not None:
        office_case(actor, notice.case_id)
    return row, notice


def _page(
    actor: Actor, kind: str, words: Words, row: Delivery, notice: Notice, errors: Mapping[str, Any] | None = None
) -> str:
    person = db.session.get(Citizen, notice.citizen_id) if notice.citizen_id is not None else None
    return render_template(
        "console/by_hand_one.html",
        kind=kind,
        words=words,
        row=row,
        case=console_rows.case_line(notice.case_id),
        name=person.name if person is not None else "",
        phone=ladder.phone_of(notice),
        address=by_hand.address_of(notice) if words.rung == "visit" else None,
        text=by_hand.words_of(notice),
        lines=by_hand.lines_of(notice),
        ours=office(cast(str, actor.office)).name,
        tried=told.tries_of([notice.id])[notice.id],
        choices=[(value, label, "") for value, label in words.results.items()],
        most=by_hand.MOST[words.rung],
        errors=errors or {},
        form_token=new_token(12),
    )
