"""排队: how a ticket stands, on the phone: how many are ahead, an honest estimate, and where it is called."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.queries import office
from citizen_services.portal.home_views import tell_refusals
from citizen_services.windows import standings
from citizen_services.windows.models import Counter

bp = Blueprint("portal_queue", __name__, url_prefix="/h5/queue")
tell_refusals(bp)


@bp.get("/<token>")
def page(token: str) -> ResponseReturnValue:
    """The ticket; for whoever has its address, which says nothing about its person."""
    ticket = standings.by_token(token)
    counter = db.session.get(Counter, ticket.counter_id) if ticket.counter_id else None
    return render_template(
        "h5/queue.html",
        stands=standings.standing(ticket),
        ticket=ticket,
        counter=counter.number if counter else None,
        place=office(ticket.office_code),
        service=parts().catalogue.service(ticket.service).name,
        now=clock.now(),
        live=True,
    )
