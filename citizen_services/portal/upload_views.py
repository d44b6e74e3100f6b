"""Photos of papers: brought for a draft or in answer to a correction, taken out, used again, and looked at."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from citizen_services.cases import corrections, standing
from citizen_services.cases.errors import MovedOn
from citizen_services.filling import uploads
from citizen_services.filling.pages import PAPERS
from citizen_services.filling.uploads import Errors, Gathering
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.portal.acting import acted_case, acted_draft, actor_on, may_look, standing_on
from citizen_services.portal.case_views import case_page
from citizen_services.portal.guards import citizen_required, current_citizen, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.portal.keeping import led_to_login

bp = Blueprint("portal_uploads", __name__, url_prefix="/h5")
tell_refusals(bp)


def _draft(draft_id: UUID) -> Gathering:
    return uploads.of_draft(acted_draft(draft_id))


def _correction(case_id: UUID) -> Gathering:
    """The open correction of a case of the person's; MovedOn where none is waited for."""
    case = acted_case(case_id)
    asked = corrections.open_correction(case.id)
    if asked is None:
        raise MovedOn(sentence="这个办件现在没有等您补交的材料，这张照片没有收下。")

    def page(errors: Errors, status: int, moved: str) -> ResponseReturnValue:
        return case_page(case, status, errors=errors, moved=moved)

    wanted = corrections.papers_of(parts().catalogue.item(case.item, case.item_version), asked)
    codes = tuple(m.code for m in wanted)
    path = url_for("portal_cases.show", case_id=case.id)
    return Gathering(asked.id, codes, case.citizen_id, actor_on(case), path, page, uploads.kinds_of(wanted))


@bp.post("/drafts/<uuid:draft_id>/photos")
def of_draft(draft_id: UUID) -> ResponseReturnValue:
    """``upload`` a photo for a draft, ``remove`` one, or ``reuse`` an earlier one."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_drafts.show", draft_id=draft_id, step=PAPERS), False)
    return uploads.change(lambda: _draft(draft_id))


@bp.post("/cases/<uuid:case_id>/photos")
def of_case(case_id: UUID) -> ResponseReturnValue:
    """The same in answer to a correction."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_cases.show", case_id=case_id), False)
    return uploads.change(lambda: _correction(case_id))


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(fault: RequestEntityTooLarge) -> ResponseReturnValue:
    named = request.view_args or {}
    if current_citizen() is None or not named:
        return render_error(413)
    return uploads.too_large(
        lambda: _draft(named["draft_id"]) if "draft_id" in named else _correction(named["case_id"])
    )


@bp.get("/drafts/<uuid:draft_id>/photos/<uuid:upload_id>")
@citizen_required
def draft_photo(draft_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """A photo of the person's own, small; with ``size=full`` the whole one."""
    filled = acted_draft(draft_id)
    if not may_look(standing.of(the_citizen(), filled.citizen.id), upload_id, draft_id):
        abort(404)
    return uploads.photo(filled.citizen.id, upload_id)


@bp.get("/cases/<uuid:case_id>/photos/<uuid:upload_id>")
@citizen_required
def case_photo(case_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """The same on the page of a case."""
    case = acted_case(case_id)
    asked = corrections.open_correction(case.id)
    if not may_look(standing_on(case), upload_id, *([asked.id] if asked else []), case_id=case.id):
        abort(404)
    return uploads.photo(case.citizen_id, upload_id)
