"""Photos of papers: brought for a draft or in answer to a correction, taken out, used again, and looked at.

One form a photo. Nothing is written while a photo is decoded, and whether it is still waited for is read again after.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn
from uuid import UUID

from flask import Response, abort, flash, redirect, request
from flask.typing import ResponseReturnValue

from citizen_services.cases.errors import MovedOn
from citizen_services.cases.once import do_once, note
from citizen_services.catalogue.vocabulary import Material
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused, Once
from citizen_services.filling.pages import PAPERS, Filled, papers_page
from citizen_services.filling.photos import earlier_of
from citizen_services.filling.place import id_of
from citizen_services.filling.posted import Posted
from citizen_services.materials import operations, queries
from citizen_services.materials.errors import (
    Busy,
    MaterialError,
    NoSuchUpload,
    NothingSent,
    StoreAway,
    StoreDamaged,
    TooLarge,
)
from citizen_services.materials.judge import MOST_BYTES
from citizen_services.pages import photo_response, render_error
from citizen_services.people.actors import Actor
from citizen_services.people.errors import TooMany

log = logging.getLogger(__name__)

_NOT_WANTED = "这份材料现在不用上传，下面是最新的内容。"
Errors = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Gathering:
    """What photos are gathered for, at one request.

    ``id`` is the draft's or the correction's, ``codes`` the materials that are wanted; ``page`` shows it with errors
    and a status, ``path`` is its address.
    """

    id: UUID
    codes: tuple[str, ...]
    citizen_id: UUID
    actor: Actor
    path: str
    page: Callable[[Errors, int, str], ResponseReturnValue]
    #: The kinds of paper of each material, of which one is said with a photo.
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Find = Callable[[], Gathering]


def of_draft(filled: Filled) -> Gathering:
    """What photos are gathered for a draft; MovedOn where it was sent or thrown away."""
    draft = filled.draft
    if draft.ended_at is not None:
        raise MovedOn(sentence="这份申请已经提交或删除，这张照片没有收下。")

    def page(errors: Errors, status: int, moved: str) -> ResponseReturnValue:
        shown = replace(filled, errors=errors, moved=moved)
        return papers_page(shown, status) if shown.wanted else redirect(filled.url(), 303)

    codes = tuple(m.code for m in filled.wanted)
    return Gathering(
        draft.id, codes, filled.citizen.id, filled.place.actor(), filled.url(PAPERS), page, kinds_of(filled.wanted)
    )


def kinds_of(wanted: Sequence[Material]) -> dict[str, tuple[str, ...]]:
    """The codes of the kinds of paper of these materials, by the material's code."""
    return {material.code: tuple(code for code, _ in material.kinds) for material in wanted}


# --- Changing ---------------------------------------------------------------------------------------------------------


def change(find: Find) -> ResponseReturnValue:
    """``upload`` a photo, ``remove`` one, or ``reuse`` an earlier one; ``find`` says what it is gathered for now."""
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


def _upload(find: Find, place: Gathering, posted: Posted, code: str) -> None:
    sent = request.files.get("file")
    file = sent.read(MOST_BYTES + 1) if sent is not None else b""
    if not file:
        raise NothingSent
    once = posted.once(place.actor, {"file": hashlib.sha256(file).hexdigest()})
    receive(find, place, once, code, file, _kind(place, posted, code))


def receive(find: Find, place: Gathering, once: Once, code: str, file: bytes, kind: str | None) -> Any:
    """Take a photo for a material, once: judged, decoded apart, kept; ``{upload: id}``. Commits.

    Raises MaterialError, TooMany, and MovedOn where nothing waits for it any more.
    """

    def take(once: Once) -> Any:
        operations.admit(place.citizen_id)
        commit()
        upload = operations.take(place.citizen_id, place.id, code, file, kind=kind)
        # Decoding took a while: what was sent, thrown away or answered meanwhile takes no photo any more.
        if find().id != place.id:
            raise MovedOn
        return note(once, {"upload": str(upload.id)})

    return do_once(once, take)


def _kind(place: Gathering, posted: Posted, code: str) -> str | None:
    """Which kind of paper it is; None where the form does not say."""
    known, given = place.kinds.get(code, ()), posted.form.get("kind")
    if not given or not known:
        return None
    return given if given in known else abort(400)


def _remove(find: Find, place: Gathering, posted: Posted, code: str) -> None:
    upload_id = _id(posted)

    def remove(once: Once) -> Any:
        operations.remove(place.citizen_id, place.id, upload_id, code)
        return note(once, {"removed": str(upload_id)})

    try:
        do_once(posted.once(place.actor), remove)
    except NoSuchUpload:
        # Another tab was faster: it is gone, which is what was asked for.
        rollback()
        flash("这张照片已经删除。", "info")


def _reuse(find: Find, place: Gathering, posted: Posted, code: str) -> None:
    upload_id = _id(posted)
    if place.actor.right is not None:
        # An agent is shown nothing that was brought for other applications.
        raise NoSuchUpload

    def reuse(once: Once) -> Any:
        upload = operations.reuse(place.citizen_id, place.id, code, upload_id)
        return note(once, {"upload": str(upload.id)})

    do_once(posted.once(place.actor), reuse)


def _id(posted: Posted) -> UUID:
    return id_of(posted.form.get("upload", "")) or abort(400)


def too_large(find: Find) -> ResponseReturnValue:
    """More than any honest photo, refused before it was read: said at its material, which the address names."""
    code, place = request.args.get("at", ""), find()
    if code not in place.codes:
        return render_error(413, back=place.path)
    return place.page({code: [TooLarge.sentence]}, 413, "")


# --- Looking ----------------------------------------------------------------------------------------------------------


def photo(citizen_id: UUID, upload_id: UUID) -> Response:
    """A photo of the person's own, small; with ``size=full`` the whole one."""
    try:
        upload = queries.own(citizen_id, upload_id)
        whole = request.args.get("size") == "full"
        return photo_response(queries.photo(upload) if whole else queries.thumbnail(upload))
    except NoSuchUpload:
        abort(404)
    except StoreAway as fault:
        log.warning("a photo can't be shown now: %s", fault.why)
        abort(503)
    except StoreDamaged as fault:
        _damaged(fault)


def shown(filled: Filled) -> frozenset[UUID]:
    """The photos on a draft's page of papers: those gathered for it, and earlier ones that may be used again."""
    gathered = {piece.upload_id for piece in queries.of_draft(filled.draft.id)}
    earlier = earlier_of(filled.citizen.id, filled.draft.id, filled.wanted)
    return frozenset(gathered | {one.id for pieces in earlier.values() for one in pieces})


def _damaged(fault: StoreDamaged) -> NoReturn:
    log.error("a photo can't be shown: %s", fault)
    abort(500)
