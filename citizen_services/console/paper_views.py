"""Papers at the desk: photos beside the answers, portraits, documents as issued; whole ones are recorded."""

from __future__ import annotations

import base64
import binascii
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import asking, corrections, documents, papers, queries
from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.console.access import ReasonWanted, case_staff, role_of, tell_refusals, visible_case
from citizen_services.console.guards import current_actor
from citizen_services.database import Change, commit
from citizen_services.exchange.queries import answer as kept_answer
from citizen_services.materials import queries as photos
from citizen_services.materials.errors import NoSuchUpload, StoreAway, StoreDamaged
from citizen_services.pages import photo_response, render_error
from citizen_services.people import looks
from citizen_services.people.queries import office
from citizen_services.printing.paper import pdf
from citizen_services.rules.dates import chinese_moment, local_date

log = logging.getLogger(__name__)

bp = Blueprint("console_papers", __name__, url_prefix="/console/cases")
tell_refusals(bp)


@bp.errorhandler(ReasonWanted)
def _not_here(fault: ReasonWanted) -> ResponseReturnValue:
    return render_error(404)


@bp.get("/<uuid:case_id>/answers/<uuid:answer_id>.jpg")
@case_staff
def picture(case_id: UUID, answer_id: UUID) -> ResponseReturnValue:
    """The portrait that a case rests on, for whoever may see the case, and kept nowhere."""
    case = visible_case(current_actor(), case_id)
    later = (str(answer["id"]) for answer in asking.later_answers(case).values())
    if str(answer_id) not in {*case.answers.values(), *later}:
        abort(404)
    row = kept_answer(answer_id)
    content = row.content if row is not None and isinstance(row.content, dict) else {}
    try:
        image = base64.b64decode(str(content.get("portrait", "")), validate=True)
    except binascii.Error:
        image = b""
    if not image.startswith(b"\xff\xd8\xff"):
        abort(404)
    answer = Response(image, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.get("/<uuid:case_id>/documents/<uuid:document_id>")
@case_staff
def paper(case_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """A document as it was issued, which names the person in full: recorded."""
    actor = current_actor()
    case = visible_case(actor, case_id)
    found = queries.document(case.id, document_id)
    change = Change(clock.now())
    reason = f"查看文书《{found.title}》"
    looks.note(change, actor, case.citizen_id, "unmasked", reason, role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    return render_template("console/document.html", document=found, case=case, issued_by=office(found.issued_by))


@bp.get("/<uuid:case_id>/documents/<uuid:document_id>.pdf")
@case_staff
def paper_file(case_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """The same as a file, to be printed and handed over or posted: recorded."""
    actor = current_actor()
    case = visible_case(actor, case_id)
    found = queries.document(case.id, document_id)
    change = Change(clock.now())
    reason = f"打印文书《{found.title}》"
    looks.note(change, actor, case.citizen_id, "unmasked", reason, role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    answer = Response(pdf(documents.paper_of(found)), mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{found.number}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.get("/<uuid:case_id>/photos/<uuid:upload_id>")
@case_staff
def photo(case_id: UUID, upload_id: UUID) -> ResponseReturnValue:
    """A photo that was handed in with a case, small; with ``size=full`` the whole one, which is recorded."""
    actor = current_actor()
    case = visible_case(actor, case_id)
    try:
        upload = photos.handed_in(case.id, upload_id)
        if request.args.get("size") != "full":
            return photo_response(photos.thumbnail(upload))
        picture = photos.photo(upload)
    except NoSuchUpload:
        abort(404)
    except StoreAway as fault:
        log.warning("a photo can't be shown now: %s", fault.why)
        abort(503)
    except StoreDamaged as fault:
        log.error("a photo of case %s can't be shown: %s", case.id, fault)
        abort(500)
    change = Change(clock.now())
    looks.note(change, actor, case.citizen_id, "unmasked", "查看材料照片", role=role_of(actor), case_id=case.id)
    change.write()
    commit()
    return photo_response(picture)


def pages_of(item: ServiceItem, case: Case) -> list[dict[str, Any]]:
    """The photos of a case as ``viewer`` shows them, those that a correction replaced last."""
    found = sorted(photos.of_case(case.id, replaced=True), key=lambda piece: piece.replaced)
    number: Counter[tuple[str, bool]] = Counter()
    pages = []
    for piece in found:
        number[piece.code, piece.replaced] += 1
        small = url_for("console_papers.photo", case_id=case.id, upload_id=piece.upload_id)
        pages.append(
            {
                "title": f"{corrections.label_of(item, piece.code)} 第 {number[piece.code, piece.replaced]} 张"
                + _said(item, piece),
                "src": small,
                "full": f"{small}?size=full",
                "kind": "image",
                "note": f"{chinese_moment(piece.at)}上传" + ("，补正前的" if piece.replaced else ""),
            }
        )
    return pages


def _said(item: ServiceItem, piece: photos.Piece) -> str:
    """Which paper it is, as its person said; asked of materials of which several kinds serve."""
    material = next((one for one in item.materials if one.code == piece.code), None)
    if material is None or not material.kinds:
        return ""
    return f"：{material.kind_name(piece.kind) or '没有说明是哪一种'}"


def words_of(item: ServiceItem, case: Case, answers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Of each material that the person may bring: what was brought, or why nothing is, by code."""
    pieces = photos.of_case(case.id)
    there = Counter(piece.code for piece in pieces)
    wanted = {m.code for m in papers.wanted(item, case.data, answers, local_date(case.submitted_at))}
    words = {}
    for material in item.active_materials(case.data):
        if there[material.code]:
            said = papers.kinds_said(material, pieces)
            words[material.code] = f"申请人上传了 {there[material.code]} 张照片" + (f"：{said}" if said else "")
        elif material.upload:
            words[material.code] = "没有上传" if material.code in wanted else "登记已查到，不用上传"
    return words
