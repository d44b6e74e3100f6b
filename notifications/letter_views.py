"""Letters of the service centre: the list to print and hand over, each as PDF, and the scan of its label."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import documents
from citizen_services.cases.seeing import role_of
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database import Change, commit
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.printing.paper import pdf
from notifications import console_rows, letters
from notifications.errors import NotThisLabel

bp = Blueprint("console_letters", __name__, url_prefix="/console/letters")

#: The reason that the look at a document carries.
REASON = "文书邮寄送达"


def _allowed() -> Actor:
    actor = current_actor()
    if "clerk" not in actor.roles or actor.office_kind != "service_centre":
        abort(403)
    return actor


@bp.app_context_processor
def _counted() -> dict[str, Any]:
    """``letters_waiting()`` for the page of telling: how many there are; None for who has nothing to do with them."""

    def letters_waiting() -> int | None:
        actor = current_actor()
        if "clerk" not in actor.roles or actor.office_kind != "service_centre":
            return None
        return len(letters.waiting(console_rows.parcels_seen_by(actor)))

    return {"letters_waiting": letters_waiting}


@bp.get("")
@staff_required("clerk")
def page() -> ResponseReturnValue:
    """What is to be printed and handed over, and what came back."""
    return _page(_allowed())


def _page(actor: Actor, wrong: UUID | None = None, words: str = "", status: int = 200) -> ResponseReturnValue:
    rows = letters.waiting(console_rows.parcels_seen_by(actor))
    shown = [
        {
            "id": letter.parcel_id,
            "case": case.number,
            "title": document.title,
            "number": document.number,
            "when": parcel.at,
            "tracking": parcel.tracking,
            "address": bool(parcel.receiver["address"]),
            "trouble": letters.TROUBLE.get(parcel.course) if letter.handed_at else None,
        }
        for letter, parcel, document, case in rows
    ]
    return render_template("console/letters.html", rows=shown, wrong=wrong, words=words, most=letters.PAGE), status


@bp.get("/<uuid:letter_id>.pdf")
@staff_required("clerk")
def paper(letter_id: UUID) -> ResponseReturnValue:
    """The document as it is printed; that it was seen is recorded."""
    actor = _allowed()
    found = letters.one(letter_id, console_rows.parcels_seen_by(actor))
    if found is None:
        abort(404)
    _, _, document, case = found
    content = pdf(documents.paper_of(document))
    change = Change(clock.now())
    looks.note(change, actor, case.citizen_id, "unmasked", REASON, role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{document.number}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<uuid:letter_id>")
@staff_required("clerk")
def hand_over(letter_id: UUID) -> ResponseReturnValue:
    """The scanned label: the letter went to the courier."""
    actor = _allowed()
    found = letters.one(letter_id, console_rows.parcels_seen_by(actor))
    if found is None or actor.id is None:
        abort(404)
    try:
        letters.hand_over(letter_id, request.form.get("tracking", ""), actor.id)
    except NotThisLabel as fault:
        return _page(actor, letter_id, fault.sentence, 422)
    commit()
    flash("已登记交寄。", "ok")
    return redirect(url_for("console_letters.page"), 303)
