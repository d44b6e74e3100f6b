"""Filling in: one page a group, saved at each step; the check page; sending, and throwing away."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from citizen_services.filling import changes, registers
from citizen_services.filling.pages import Filled
from citizen_services.portal.acting import acted_draft
from citizen_services.portal.guards import citizen_required, current_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.portal.keeping import keep_draft, led_to_login

bp = Blueprint("portal_drafts", __name__, url_prefix="/h5/drafts")
tell_refusals(bp)


def _mine(draft_id: UUID) -> Filled:
    return acted_draft(draft_id)


@bp.get("/<uuid:draft_id>")
@citizen_required
def show(draft_id: UUID) -> ResponseReturnValue:
    """The page of ``?step=``; without one the first group that is not done, or the check page."""
    return changes.show(_mine(draft_id))


@bp.get("/<uuid:draft_id>/answers/<uuid:answer_id>.jpg")
@citizen_required
def picture(draft_id: UUID, answer_id: UUID) -> ResponseReturnValue:
    """The portrait to be confirmed."""
    filled = _mine(draft_id)
    return registers.image(registers.own_answer(filled.citizen.id, answer_id))


@bp.post("/<uuid:draft_id>")
def change(draft_id: UUID) -> ResponseReturnValue:
    """``save`` a group, ``submit`` the whole, or ``discard`` it; the form says which."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_drafts.show", draft_id=draft_id), keep_draft(draft_id))
    return changes.change(_mine(draft_id))
