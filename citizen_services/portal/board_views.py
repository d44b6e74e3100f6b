"""叫号屏: a screen in the waiting room. Whoever has its address sees numbers and counters, and nothing else."""

from __future__ import annotations

import json

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.people.queries import office
from citizen_services.portal.home_views import tell_refusals
from citizen_services.windows import board

bp = Blueprint("portal_board", __name__, url_prefix="/board")
tell_refusals(bp)


@bp.get("/<token>")
def page(token: str) -> ResponseReturnValue:
    """The screen; its script asks for the calls."""
    at = board.screen(token)
    answer = Response(render_template("board.html", place=office(at.office_code), token=token, **board.shown(at)))
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@bp.get("/<token>/calls")
def calls(token: str) -> ResponseReturnValue:
    """What is called now; 304 where nothing changed. The time is the server's, not the screen's."""
    shown = board.shown(board.screen(token))
    answer = Response(json.dumps(shown, ensure_ascii=False), mimetype="application/json")
    answer.add_etag()
    answer.headers["Cache-Control"] = "no-cache"
    # Outside of what is compared: it is another one each time.
    answer.headers["X-Now"] = clock.now().astimezone(clock.SHANGHAI).isoformat(timespec="seconds")
    return answer.make_conditional(request)
