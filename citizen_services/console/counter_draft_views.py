"""Filling in for a person at the counter: the same pages, answers, registers and photos as on the phone."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from citizen_services.console.counter_place import DESKS, filled_here, tell_refusals_here
from citizen_services.console.guards import current_staff, staff_required
from citizen_services.filling import changes, registers, uploads
from citizen_services.filling.autosave import keep_draft, told
from citizen_services.pages import render_error

bp = Blueprint("console_counter_drafts", __name__, url_prefix="/console/counter/drafts")
tell_refusals_here(bp)


@bp.get("/<uuid:draft_id>")
@staff_required(*DESKS)
def show(draft_id: UUID) -> ResponseReturnValue:
    """The page of ``?step=``; without one the first group that is not done, or the check page."""
    return changes.show(filled_here(draft_id))


@bp.post("/<uuid:draft_id>")
@staff_required(*DESKS)
def change(draft_id: UUID) -> ResponseReturnValue:
    """``save`` a group, ``submit`` the whole in the person's presence, or ``discard`` it; the form says which."""
    return changes.change(filled_here(draft_id))


@bp.post("/<uuid:draft_id>/autosave")
def autosave(draft_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in one group: ``{saved}``; 401 without a login, 409 where another page saved meanwhile."""
    if current_staff() is None:
        return told(401, login=url_for("console_login.page", next=url_for(".show", draft_id=draft_id)))
    return _keep(draft_id)


@staff_required(*DESKS)
def _keep(draft_id: UUID) -> ResponseReturnValue:
    filled = filled_here(draft_id)
    return keep_draft(filled.citizen.id, draft_id)


@bp.get("/<uuid:draft_id>/answers/<uuid:answer_id>.jpg")
@staff_required(*DESKS)
def picture(draft_id: UUID, answer_id: UUID) -> ResponseReturnValue:
    """The portrait to be confirmed."""
    filled = filled_here(draft_id)
    return registers.image(registers.own_answer(filled.citizen.id, answer_id))


@bp.post("/<uuid:draft_id>/photos")
@staff_required(*DESKS)
def photos(draft_id: UUID) -> ResponseReturnValue:
    """``upload`` a photo taken at the desk, ``remove`` one, or ``reuse`` an earlier one of the person's."""
    return uploads.change(lambda: uploads.of_draft(filled_here(draft_id)))


@bp.get("/<uuid:draft_id>/photos/<uuid:upload_id>")
@staff_required(*DESKS)
def photo(draft_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """A photo of the person's, small; with ``size=full`` the whole one."""
    filled = filled_here(draft_id)
    if upload_id not in uploads.shown(filled):
        abort(404)
    return uploads.photo(filled.citizen.id, upload_id)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(fault: RequestEntityTooLarge) -> ResponseReturnValue:
    draft_id = (request.view_args or {}).get("draft_id")
    if draft_id is None:
        return render_error(413)
    return uploads.too_large(lambda: uploads.of_draft(filled_here(draft_id)))
