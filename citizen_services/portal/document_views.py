"""Documents as files, and the page on which anybody can see that a paper is ours and unchanged."""

from __future__ import annotations

import logging
import re
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import documents
from citizen_services.cases.models import Document
from citizen_services.cases.queries import document
from citizen_services.database import commit
from citizen_services.people import limits, web
from citizen_services.people.errors import TooMany
from citizen_services.people.queries import office
from citizen_services.portal.acting import acted_case
from citizen_services.portal.guards import citizen_required
from citizen_services.portal.home_views import tell_refusals
from citizen_services.printing.paper import pdf
from citizen_services.rules import qr
from citizen_services.rules.text import compact
from citizen_services.security import new_token

log = logging.getLogger(__name__)

bp = Blueprint("portal_documents", __name__, url_prefix="/h5")
tell_refusals(bp)

_NOT_FOUND = "编号和校验码没有对上。请照着纸上的逐位核对；还是对不上的，这张纸可能不是我们出具的。"
_ASKED = {"number": "请填写文书编号，在标题下面。", "code": "请填写 16 位防伪校验码，由数字和字母 a 到 f 组成。"}


def pdf_answer(content: bytes, name: str) -> Response:
    """A PDF that the browser opens, not to be kept by anybody on the way."""
    answer = Response(content, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.get("/cases/<uuid:case_id>/documents/<uuid:document_id>.pdf")
@citizen_required
def pdf_file(case_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """A document of one's own case, or of one on which one acts, as a PDF file."""
    found = document(acted_case(case_id).id, document_id)
    return pdf_answer(pdf(documents.paper_of(found)), found.number)


@bp.get("/cases/<uuid:case_id>/documents/<uuid:document_id>/qr.png")
@citizen_required
def qr_code(case_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """The code that leads whoever is shown the paper to its proof."""
    found = document(acted_case(case_id).id, document_id)
    answer = Response(qr.png(documents.proof_address(found)), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _page(status: int = 200, *, errors: object = None, found: Document | None = None) -> ResponseReturnValue:
    page = render_template(
        "h5/verify.html",
        document=found,
        unchanged=found is not None and documents.unchanged(found),
        issued_by=office(found.issued_by) if found is not None else None,
        full=documents.in_fours(found.sha256.hex()) if found is not None else [],
        form={name: request.form.get(name, "") for name in _ASKED},
        errors=errors or {},
        form_token=new_token(12),
        back="/h5/",
    )
    return page, status


def _shown(found: Document | None) -> ResponseReturnValue:
    if found is None:
        return _page(404, errors=_NOT_FOUND)
    if not documents.unchanged(found):
        log.error("document %s is not as it was issued", found.id)
    return _page(found=found)


@bp.get("/verify")
def page() -> ResponseReturnValue:
    """Which paper is to be proved."""
    return _page()


@bp.post("/verify")
def verify() -> ResponseReturnValue:
    """Whether a paper of that number and check code is ours."""
    number = compact(request.form.get("number", "")).upper()
    code = compact(request.form.get("code", "")).lower()
    errors = {} if number else {"number": [_ASKED["number"]]}
    if not re.fullmatch(r"[0-9a-f]{16,64}", code):
        errors["code"] = [_ASKED["code"]]
    if errors:
        return _page(422, errors=errors)
    try:
        one = limits.reserve("verify", {"address": web.client_address()})
    except TooMany as fault:
        return _page(429, errors=fault.sentence)
    found = documents.proved(code, number=number)
    if found is None:
        commit()
        return _shown(None)
    limits.succeeded(one)
    commit()
    return redirect(url_for("portal_documents.proof", document_id=found.id, check=code[: documents.CHECK_DIGITS]), 303)


@bp.get("/verify/<uuid:document_id>/<check>")
def proof(document_id: UUID, check: str) -> ResponseReturnValue:
    """Where the paper's QR code leads: that it exists, its kind, date and office, and that it is unchanged."""
    return _shown(documents.proved(check.lower(), id=document_id))
