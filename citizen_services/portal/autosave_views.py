"""Keeping what is typed while it is typed, where script runs: on a draft's page and in answer to a correction.

The answer is a line of JSON for the page's script. Nothing that is kept here is an answer yet: see ``keeping``.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import corrections
from citizen_services.cases.errors import NoSuchCase
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.filling.autosave import keep_draft, kept, told, version
from citizen_services.parts import parts
from citizen_services.portal.acting import acted_case, acted_draft
from citizen_services.portal.correction_pages import typed_of
from citizen_services.portal.guards import current_citizen

bp = Blueprint("portal_autosave", __name__, url_prefix="/h5")


@bp.post("/drafts/<uuid:draft_id>/autosave")
def draft(draft_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in one group: ``{saved}``; 401 without a login, 409 where another page saved meanwhile."""
    citizen = current_citizen()
    if citizen is None:
        return told(401, login=url_for("portal_home.enter", next=url_for("portal_drafts.show", draft_id=draft_id)))
    try:
        owner = acted_draft(draft_id).citizen.id
    except NoSuchCase as fault:
        rollback()
        return told(404, sentence=fault.sentence)
    return keep_draft(owner, draft_id)


@bp.post("/cases/<uuid:case_id>/autosave")
def answer(case_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in answer to a correction; 409 where it is not waited for any more."""
    citizen = current_citizen()
    if citizen is None:
        return told(401, login=url_for("portal_home.enter", next=url_for("portal_cases.show", case_id=case_id)))
    try:
        case = acted_case(case_id)
    except NoSuchCase as fault:
        rollback()
        return told(404, sentence=fault.sentence)
    correction = corrections.open_correction(case_id)
    done = False
    if correction is not None and version() == case.version:
        item = parts().catalogue.item(case.item, case.item_version)
        done = corrections.keep_typed(correction, typed_of(item, case, correction, request.form))
    if not done:
        rollback()
        return told(409, sentence="这个办件刚刚有了变化，请刷新这一页看最新进度。")
    commit()
    return kept()
