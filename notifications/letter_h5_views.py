"""The address that a person gives for a document that was not delivered, or for which none is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case, Document
from citizen_services.cases.once import do_once, note
from citizen_services.catalogue.forms import check_group, form_data
from citizen_services.database import db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling.fields import step_fields, typed
from citizen_services.portal.acting import acted_case, actor_on
from citizen_services.portal.guards import citizen_required
from citizen_services.security import new_token
from notifications import letters, served
from notifications.errors import NoLetterWanted, NoMoreLetters
from notifications.letter_addresses import ADDRESS, filled, place_of
from notifications.models import Parcel

bp = Blueprint("letter_address", __name__, url_prefix="/h5/letters")


def _mine(document_id: UUID) -> tuple[Document, Case, Parcel]:
    """A document that goes by letter, of one's own case or of one on which one acts for another; ends with 404."""
    document, found = db.session.get(Document, document_id), letters.last_of(document_id)
    if document is None or found is None:
        abort(404)
    try:
        case = acted_case(document.case_id)
    except NoSuchCase:
        abort(404)
    return document, case, found[1]


@bp.get("/<uuid:document_id>")
@citizen_required
def page(document_id: UUID) -> ResponseReturnValue:
    """How the document is served, and the form for an address where one is wanted."""
    return _page(document_id, {}, {})


def _page(
    document_id: UUID, given: Mapping[str, Any], errors: Mapping[str, Any], status: int = 200, sentence: str = ""
) -> ResponseReturnValue:
    document, case, parcel = _mine(document_id)
    how = served.served_of(case.id)[document_id]
    shown = render_template(
        "h5/letter_address.html",
        document=document,
        how=how,
        fields=step_fields(ADDRESS, given or filled(parcel.receiver), errors),
        sentence=sentence,
        form_token=new_token(12),
        back=url_for("portal_cases.show", case_id=case.id),
    )
    return shown, status


@bp.post("/<uuid:document_id>")
@citizen_required
def give(document_id: UUID) -> ResponseReturnValue:
    """Send it to the address that was given; the same form twice is one letter."""
    _, case, _ = _mine(document_id)
    token = request.form.get("form_token", "")
    if not 8 <= len(token) <= 128:
        abort(400)
    data, errors = check_group(ADDRESS, form_data(request.form, ADDRESS))
    if errors:
        return _page(document_id, typed(request.form, ADDRESS), errors, 422)
    actor = actor_on(case)
    once = Once.of(actor.key, request.endpoint or "", token, {"of": str(document_id), "form": data})

    def act(once: Once) -> Any:
        letters.give_address(document_id, place_of(data), "citizen", actor=actor)
        return note(once, "given")

    try:
        do_once(once, act)
    except (NoLetterWanted, NoMoreLetters) as fault:
        rollback()
        return _page(document_id, typed(request.form, ADDRESS), {}, 409, fault.sentence)
    flash("已收到您的地址，文书会用 EMS 寄过去，不收费。", "ok")
    return redirect(url_for("portal_cases.show", case_id=case.id), 303)
