"""What employers reported to a station: who began and ceased to work where, names masked."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from citizen_services.console.check_views import ROLE
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.people import organisations
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.masking import mask_name, mask_phone

bp = Blueprint("console_workers", __name__, url_prefix="/console/workers")


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """The newest reports to the officer's station."""
    rows = [
        {
            "organisation": name,
            "who": mask_name(one.name),
            "phone": mask_phone(one.phone),
            "kind": organisations.KINDS[one.kind],
            "day": chinese_date(one.day),
            "late": one.late,
            "when": one.at,
        }
        for one, name in organisations.reports_for(current_actor().office or "")
    ]
    return render_template("console/workers.html", rows=rows, most=organisations.MOST)
