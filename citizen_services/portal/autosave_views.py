"""Keeping what is typed while it is typed, where script runs: on a draft's page and in answer to a correction.

The answer is a line of JSON for the page's script. Nothing that is kept here is an answer yet: see ``keeping``.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import corrections, drafts
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.queries import own_case
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.parts import parts
from citizen_services.portal import render
from citizen_services.portal.correction_pages import typed_of
from citizen_services.portal.guards import current_citizen
from citizen_services.rules.dates import chinese_moment

bp = Blueprint("portal_autosave", __name__, url_prefix="/h5")

_MOVED = "这份申请刚刚在别的页面保存过，所以这一页暂时不再自动保存。按按钮保存时，会把两边的内容都给您看。"


def _told(status: int, **words: Any) -> ResponseReturnValue:
    answer = jsonify(words)
    answer.headers["Cache-Control"] = "no-store"
    return answer, status


def _kept() -> ResponseReturnValue:
    return _told(200, saved=chinese_moment(clock.now()))


def _version() -> int | None:
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


@bp.post("/drafts/<uuid:draft_id>/autosave")
def draft(draft_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in one group: ``{saved}``; 401 without a login, 409 where another page saved meanwhile."""
    citizen = current_citizen()
    if citizen is None:
        return _told(401, login=url_for("portal_home.enter", next=url_for("portal_drafts.show", draft_id=draft_id)))
    version = _version()
    try:
        found = drafts.mine(citizen.id, draft_id)
        item = parts().catalogue.item(found.item)
        group = next((group for group in item.groups if group.code == request.form.get("group")), None)
        if group is None or version is None:
            return _told(400, sentence="这一页不完整，请刷新后再填。")
        drafts.keep_typed(found, group, render.typed(request.form, group.schema), version)
        commit()
    except NoSuchCase as fault:
        rollback()
        return _told(404, sentence=fault.sentence)
    except MovedOn:
        rollback()
        return _told(409, sentence=_MOVED)
    return _kept()


@bp.post("/cases/<uuid:case_id>/autosave")
def answer(case_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in answer to a correction; 409 where it is not waited for any more."""
    citizen = current_citizen()
    if citizen is None:
        return _told(401, login=url_for("portal_home.enter", next=url_for("portal_cases.show", case_id=case_id)))
    try:
        case = own_case(citizen.id, case_id)
    except NoSuchCase as fault:
        rollback()
        return _told(404, sentence=fault.sentence)
    correction = corrections.open_correction(case_id)
    kept = False
    if correction is not None and _version() == case.version:
        item = parts().catalogue.item(case.item, case.item_version)
        kept = corrections.keep_typed(correction, typed_of(item, correction, request.form))
    if not kept:
        rollback()
        return _told(409, sentence="这个办件刚刚有了变化，请刷新这一页看最新进度。")
    commit()
    return _kept()
