"""What the community officers of a station look for outside: declared addresses that no register knows."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.console import render
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.queries import to_look_for
from citizen_services.parts import parts
from citizen_services.rules.masking import mask_address

bp = Blueprint("console_checks", __name__, url_prefix="/console/checks")
tell_refusals(bp)

ROLE = "community_officer"
#: What is shown at once: more than a station has open in a bad month.
MOST = 200


@bp.get("")
@staff_required(ROLE)
def page() -> ResponseReturnValue:
    """The open checks of the officer's station, the oldest due first; ``?community=`` for one community alone."""
    actor = current_actor()
    places = [
        (item.code, state.code)
        for item in parts().catalogue.every()
        for state in item.states
        if any(step.by.kind == "staff" and ROLE in step.by.roles for step in item.steps_from(state.code))
    ]
    rows = _rows(to_look_for(actor.office or "", places, MOST))
    communities = list(dict.fromkeys(row["community"] for row in rows))
    asked = request.args.get("community", "")
    chosen = asked if asked in communities else ""
    tabs = [{"href": url_for("console_checks.page"), "label": "全部", "count": len(rows), "current": not chosen}]
    tabs += [
        {
            "href": url_for("console_checks.page", community=name),
            "label": name,
            "count": sum(row["community"] == name for row in rows),
            "current": name == chosen,
        }
        for name in communities
    ]
    shown = [row for row in rows if not chosen or row["community"] == chosen]
    return render_template("console/checks.html", rows=shown, tabs=tabs if len(communities) > 1 else [], most=MOST)


def _rows(cases: Any) -> list[dict[str, Any]]:
    """The cases as the page lists them; the whole address and the person's name stand in the case alone."""
    actor = current_actor()
    looked_for = {case.id: case.results.get("looked_for") or {} for case in cases}
    return [
        row
        | {
            "community": looked_for[row["id"]].get("community", "没有写明"),
            "address": mask_address(looked_for[row["id"]].get("address", "")),
            "kind": looked_for[row["id"]].get("kind", ""),
        }
        for row in render.rows_of(cases, actor)
    ]
