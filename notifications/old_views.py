"""Documents that are to come back, at the service centre: what is due, what the courier says, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.people.actors import Actor
from notifications import console_rows, old
from notifications.errors import NotDue
from notifications.models import Parcel
from notifications.old_models import DocumentDue

bp = Blueprint("console_old", __name__, url_prefix="/console/old-documents")

_GIVE_BACK = "快递员上门时交给他带回，不用付费；也可以邮寄或顺路交到行政服务中心。办件不等旧证。"
_SHORT = "请用 4 到 200 个字写明为什么不再追回。"
_OF_OLD = {
    "ordered": "等快递员上门取",
    "lost": "邮件遗失，请向邮政查询",
    "refused": "没有取到",
    "returned": "退给了本人",
    "cancelled": "取件已撤单",
}
_OF_CALLED_BACK = {
    "ordered": "正在向 EMS 撤单",
    "signed": "已经签收，请联系收件人交回",
    "signed_by_other": "他人代收，请联系收件人交回",
    "lost": "邮件遗失，请向邮政查询",
}


def _allowed() -> Actor:
    actor = current_actor()
    if "clerk" not in actor.roles or actor.office_kind != "service_centre":
        abort(403)
    return actor


@bp.app_context_processor
def _counted() -> dict[str, Any]:
    """For the page of telling ``documents_due()``, how many there are (None for who has nothing to do with them).

    And ``old_of(case_id)`` for a person's page of their case.
    """

    def documents_due() -> int | None:
        actor = current_actor()
        if "clerk" not in actor.roles or actor.office_kind != "service_centre":
            return None
        return len(old.waiting(console_rows.parcels_seen_by(actor)))

    def old_of(case_id: UUID) -> list[dict[str, str]]:
        """What the person still has to give back, or gave back, for their case's page: ``{title, text}``."""
        return [
            {
                "title": f"要交回的{due.name}" if due.ended_at is None else f"{due.name}已收回",
                "text": _GIVE_BACK if due.ended_at is None else "谢谢，不用再做什么。",
            }
            for due in old.of_case(case_id)
            if due.kind == "old" and due.ended_as not in ("cancelled", "written_off")
        ]

    return {"documents_due": documents_due, "old_of": old_of}


@bp.get("")
@staff_required("clerk")
def page() -> ResponseReturnValue:
    """What is to come back and has not, the oldest first."""
    return _page(_allowed())


def _page(actor: Actor, wrong: UUID | None = None, words: str = "", status: int = 200) -> ResponseReturnValue:
    shown = [
        {
            "id": due.id,
            "case": console_rows.case_line(case.id),
            "name": due.name,
            "called_back": due.kind == "called_back",
            "since": due.since,
            "reminded": due.reminded,
            "tracking": parcel.tracking if parcel is not None else None,
            "how": _how(due, parcel),
            "again": due.kind == "old" and parcel is not None and old.may_fetch_again(parcel),
        }
        for due, case, parcel in old.waiting(console_rows.parcels_seen_by(actor))
    ]
    return render_template("console/old.html", rows=shown, wrong=wrong, words=words, most=old.PAGE), status


def _how(due: DocumentDue, parcel: Parcel | None) -> str:
    if parcel is None:
        return "由本人交回或寄回"
    if due.kind == "old":
        return _OF_OLD.get(parcel.state, "正在送来")
    return _OF_CALLED_BACK.get(parcel.state, "已在途中，请致电 11183 要求拦截退回")


@bp.post("/<uuid:due_id>")
@staff_required("clerk")
def done(due_id: UUID) -> ResponseReturnValue:
    """What became of one: received, given up for a reason, or fetched once more."""
    actor = _allowed()
    if old.one(due_id, console_rows.parcels_seen_by(actor)) is None or actor.id is None:
        abort(404)
    what, note = request.form.get("what", ""), request.form.get("note", "").strip()
    try:
        if what == "received":
            old.received(due_id, actor.id)
            told = "已登记收回。"
        elif what == "fetch_again":
            old.fetch_again(due_id)
            told = "已另约快递员上门取。"
        elif what == "written_off":
            if not 4 <= len(note) <= 200:
                return _page(actor, due_id, _SHORT, 422)
            old.write_off(due_id, actor.id, note)
            told = "已登记不再追回。"
        else:
            abort(400)
    except NotDue as fault:
        rollback()
        return _page(actor, due_id, fault.sentence, 409)
    commit()
    flash(told, "ok")
    return redirect(url_for("console_old.page"), 303)
