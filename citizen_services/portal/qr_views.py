"""QR codes as pictures of our own: phones read them by a long press, counters by a scan."""

from __future__ import annotations

import io
from uuid import UUID

import qrcode
from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue
from qrcode.constants import ERROR_CORRECT_M

from citizen_services.cases.queries import own_case
from citizen_services.parts import parts
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals

bp = Blueprint("portal_qr", __name__, url_prefix="/h5")
tell_refusals(bp)


@bp.get("/cases/<uuid:case_id>/qr.png")
@citizen_required
def case_qr(case_id: UUID) -> ResponseReturnValue:
    """The address of the case's page, which opens for its own people only, and says nothing about them."""
    citizen = the_citizen()
    case = own_case(citizen.id, case_id)
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, box_size=10, border=4)
    code.add_data(parts().settings.public_base_url.rstrip("/") + url_for("portal_cases.show", case_id=case.id))
    picture = io.BytesIO()
    code.make_image().save(picture, format="PNG")
    answer = Response(picture.getvalue(), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
