"""替别人办: for whom somebody may act, and what there is to do for one of them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, g, render_template, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import drafts, standing
from citizen_services.portal import render
from citizen_services.portal.acting import guide_for
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.home_views import case_card, draft_card, open_cards, tell_refusals
from citizen_services.rules.masking import mask_name

bp = Blueprint("portal_for", __name__, url_prefix="/h5/for")
tell_refusals(bp)


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """替谁办: the people for whom one may act today."""
    people = [
        {
            "title": mask_name(one.principal.name),
            "text": "您是监护人，可以替孩子办理" if one.kind == "guardian" else "委托您办理",
            "meta": "、".join(item.name for item in standing.items_by(one)),
            "icon": "users",
            "href": url_for("portal_for.person", principal_id=one.principal.id),
        }
        for one in standing.others(the_citizen())
    ]
    return render_template("h5/people/for.html", people=people, back="/h5/")


@bp.get("/<uuid:principal_id>")
@citizen_required
def person(principal_id: UUID) -> ResponseReturnValue:
    """One of them: what is not sent yet, what is under way, what can be begun."""
    by = standing.of(the_citizen(), principal_id)
    if by.kind != "self":
        g.acting_for = by
    items, cases = standing.items_by(by), standing.cases_by(by)
    begun = [drafts.open_draft(principal_id, item.code) for item in items]
    return render_template(
        "h5/people/for_person.html",
        drafts=[draft_card(draft) for draft in begun if draft is not None],
        open=open_cards(cases),
        ended=[case_card(case) for case in cases if case.ended_at is not None],
        items=[
            {
                "title": item.name,
                "text": item.guide.summary,
                "meta": render.promise_of(item),
                "icon": render.icon_of(item),
                "href": guide_for(item.code, principal_id),
            }
            for item in items
        ],
        back=url_for("portal_for.mine"),
        live=True,
    )
