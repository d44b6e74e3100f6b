"""Photos of papers: brought for a draft or in answer to a correction, taken out, used again, and looked at.

One form a photo. Nothing is written while a photo is decoded, and whether it is still waited for is read again after.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

from flask import Blueprint, Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from citizen_services.cases import corrections, drafts
from citizen_services.cases.errors import MovedOn
from citizen_services.cases.once import do_once, note
from citizen_services.cases.queries import own_case
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused, Once
from citizen_services.materials import operations, queries
from citizen_services.materials.errors import Busy, MaterialError, NoSuchUpload, NothingSent, StoreDamaged, TooLarge
from citizen_services.materials.judge import MOST_BYTES
from citizen_services.pages import photo_response, render_error
from citizen_services.parts import parts
from citizen_services.people.errors import TooMany
from citizen_services.portal.case_views import case_page
from citizen_services.portal.draft_pages import PAPERS, Filled, papers_page
from citizen_services.portal.guards import citizen_actor, citizen_required, current_citizen, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.portal.keeping import led_to_login
from citizen_services.portal.schemas import Posted

log = logging.getLogger(__name__)

bp = Blueprint("portal_uploads", __name__, url_prefix="/h5")
tell_refusals(bp)

_NOT_WANTED = "这份材料现在不用您上传，下面是最新的内容。"
Errors = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Place:
    """What photos are gathered for, at one request.

    ``id`` is the draft's or the correction's, ``codes`` the materials that are wanted; ``page`` shows it with errors
    and a status, ``path`` is its address.
    """

    id: UUID
    codes: tuple[str, ...]
    path: str
    page: Callable[[Errors, int, str], ResponseReturnValue]


# --- Where ------------------------------------------------------------------------------------------------------------


def _draft(draft_id: UUID) -> _Place:
    """An open draft of the person's; MovedOn where it was sent or thrown away."""
    citizen = the_citizen()
    draft = drafts.mine(citizen.id, draft_id)
    if draft.ended_at is not None:
        raise MovedOn(sentence="这份申请已经提交或删除，这张照片没有收下。")
    filled = Filled(citizen, draft, parts().catalogue.item(draft.item))

    def page(errors: Errors, status: int, moved: str) -> ResponseReturnValue:
        shown = replace(filled, errors=errors, moved=moved)
        return papers_page(shown, status) if shown.wanted else redirect(filled.url(), 303)

    return _Place(draft.id, tuple(m.code for m in filled.wanted), filled.url(PAPERS), page)


def _correction(case_id: UUID) -> _Place:
    """The open correction of a case of the person's; MovedOn where none is waited for."""
    case = own_case(the_citizen().id, case_id)
    asked = corrections.open_correction(case.id)
    if asked is None:
        raise MovedOn(sentence="这个办件现在没有等您补交的材料，这张照片没有收下。")

    def page(errors: Errors, status: int, moved: str) -> ResponseReturnValue:
        return case_page(case, status, errors=errors, moved=moved)

    path = url_for("portal_cases.show", case_id=case.id)
    return _Place(asked.id, tuple(corrections.named_materials(asked.items)), path, page)


# --- Changing ---------------------------------------------------------------------------------------------------------


@bp.post("/drafts/<uuid:draft_id>/photos")
def of_draft(draft_id: UUID) -> ResponseReturnValue:
    """``upload`` a photo for a draft, ``remove`` one, or ``reuse`` an earlier one."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_drafts.show", draft_id=draft_id, step=PAPERS), False)
    return _change(lambda: _draft(draft_id))


@bp.post("/cases/<uuid:case_id>/photos")
def of_case(case_id: UUID) -> ResponseReturnValue:
    """The same in answer to a correction."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_cases.show", case_id=case_id), False)
    return _change(lambda: _correction(case_id))


def _change(find: Callable[[], _Place]) -> ResponseReturnValue:
    place, posted = find(), Posted.read()
    acts = {"upload": _upload, "remove": _remove, "reuse": _reuse}
    code = posted.form.get("material", "")
    if posted.action not in acts or not code:
        abort(400)
    if posted.action != "remove" and code not in place.codes:
        return place.page({}, 409, _NOT_WANTED)
    try:
        acts[posted.action](find, place, posted, code)
    except (MaterialError, TooMany) as fault:
        rollback()
        status = 429 if isinstance(fault, TooMany) else 503 if isinstance(fault, Busy) else 422
        return find().page({code: [fault.sentence]}, status, "")
    except KeyReused as fault:
        rollback()
        return find().page({code: [fault.sentence]}, 409, "")
    return redirect(f"{place.path}#f-{code}", 303)


def _upload(find: Callable[[], _Place], place: _Place, posted: Posted, code: str) -> None:
    sent = request.files.get("file")
    file = sent.read(MOST_BYTES + 1) if sent is not None else b""
    if not file:
        raise NothingSent
    citizen = the_citizen()

    def take(once: Once) -> Any:
        operations.admit(citizen.id)
        commit()
        upload = operations.take(citizen.id, place.id, code, file)
        # Decoding took a while: what was sent, thrown away or answered meanwhile takes no photo any more.
        if find().id != place.id:
            raise MovedOn
        return note(once, {"upload": str(upload.id)})

    do_once(posted.once(citizen_actor(), {"file": hashlib.sha256(file).hexdigest()}), take)


def _remove(find: Callable[[], _Place], place: _Place, posted: Posted, code: str) -> None:
    upload_id = _id(posted)

    def remove(once: Once) -> Any:
        operations.remove(the_citizen().id, place.id, upload_id, code)
        return note(once, {"removed": str(upload_id)})

    try:
        do_once(posted.once(citizen_actor()), remove)
    except NoSuchUpload:
        # Another tab was faster: it is gone, which is what was asked for.
        rollback()
        flash("这张照片已经删除。", "info")


def _reuse(find: Callable[[], _Place], place: _Place, posted: Posted, code: str) -> None:
    upload_id = _id(posted)

    def reuse(once: Once) -> Any:
        upload = operations.reuse(the_citizen().id, place.id, code, upload_id)
        return note(once, {"upload": str(upload.id)})

    do_once(posted.once(citizen_actor()), reuse)


def _id(posted: Posted) -> UUID:
    try:
        return UUID(posted.form.get("upload", ""))
    except ValueError:
        abort(400)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(fault: RequestEntityTooLarge) -> ResponseReturnValue:
    """More than any honest photo, refused before it was read: said at its material, which the address names."""
    named, view = request.view_args or {}, request.endpoint
    code = request.args.get("at", "")
    if current_citizen() is None or view is None:
        return render_error(413)
    place = _draft(named["draft_id"]) if "draft_id" in named else _correction(named["case_id"])
    if code not in place.codes:
        return render_error(413, back=place.path)
    return place.page({code: [TooLarge.sentence]}, 413, "")


# --- Looking ----------------------------------------------------------------------------------------------------------


@bp.get("/drafts/<uuid:draft_id>/photos/<uuid:upload_id>")
@citizen_required
def draft_photo(draft_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """A photo of the person's own, small; with ``size=full`` the whole one."""
    citizen = the_citizen()
    drafts.mine(citizen.id, draft_id)
    return _photo(citizen.id, upload_id)


@bp.get("/cases/<uuid:case_id>/photos/<uuid:upload_id>")
@citizen_required
def case_photo(case_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """The same on the page of a case."""
    citizen = the_citizen()
    own_case(citizen.id, case_id)
    return _photo(citizen.id, upload_id)


def _photo(citizen_id: UUID, upload_id: UUID) -> Response:
    try:
        upload = queries.own(citizen_id, upload_id)
        whole = request.args.get("size") == "full"
        return photo_response(queries.photo(upload) if whole else queries.thumbnail(upload))
    except NoSuchUpload:
        abort(404)
    except StoreDamaged as fault:
        _damaged(fault)


def _damaged(fault: StoreDamaged) -> NoReturn:
    log.error("a photo can't be shown: %s", fault)
    abort(500)
