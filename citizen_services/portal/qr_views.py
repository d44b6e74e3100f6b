"""QR codes as pictures of our own: phones read them by a long press, counters by a scan."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue

from citizen_services.parts import parts
from citizen_services.portal.acting import acted_case
from citizen_services.portal.guards import citizen_required
from citizen_services.portal.home_views import tell_refusals
from citizen_services.rules import qr

bp = Blueprint("portal_qr", __name__, url_prefix="/h5")
tell_refusals(bp)


@bp.get("/cases/<uuid:case_id>/qr.png")
@citizen_required
def case_qr(case_id: UUID) -> ResponseReturnValue:
    """The address of the case's page, which opens for its own people only, and says nothing about them."""
    case = acted_case(case_id)
    address = parts().settings.public_base_url.rstrip("/") + url_for("portal_cases.show", case_id=case.id)
    answer = Response(qr.png(address), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
