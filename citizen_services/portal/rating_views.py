"""What a person thinks of how it went (好差评): asked once an ended case, left to them, five grades and some words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, ValidationError

from citizen_services import clock
from citizen_services.cases import ratings
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once
from citizen_services.cases.queries import own_case
from citizen_services.database import Change
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling.posted import Posted
from citizen_services.filling.rating_form import RatingSchema
from citizen_services.parts import parts
from citizen_services.people import parameters
from citizen_services.people.queries import office
from citizen_services.portal.guards import citizen_actor, citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.portal.places import door
from citizen_services.security import new_token

bp = Blueprint("portal_ratings", __name__, url_prefix="/h5/cases")
tell_refusals(bp)

_RATING = RatingSchema()


def rating_card(case: Case) -> dict[str, str] | None:
    """Of an ended case what the person thought of it, or the way to say so: ``{given}`` or ``{href}``."""
    if case.ended_at is None:
        return None
    given = ratings.rating_of(case.id)
    if given is not None:
        return {"given": ratings.GRADES[given.grade]}
    return {"href": url_for("portal_ratings.page", case_id=case.id)}


@bp.get("/<uuid:case_id>/rating")
@citizen_required
def page(case_id: UUID) -> ResponseReturnValue:
    """The question; whoever has answered it, or whose case goes on, is led to the case."""
    case = own_case(the_citizen().id, case_id)
    if case.ended_at is None or ratings.rating_of(case.id) is not None:
        return redirect(url_for("portal_cases.show", case_id=case.id), 303)
    return _page(case)


def _page(case: Case, errors: object = None, status: int = 200) -> ResponseReturnValue:
    item = parts().catalogue.item(case.item, case.item_version)
    page = render_template(
        "h5/rating.html",
        case=case,
        item=item,
        office=office(case.office_code),
        grades=[(str(grade), words, "") for grade, words in ratings.GRADES.items()],
        most=ratings.MOST_WORDS,
        form={name: request.form.get(name, "") for name in ("grade", "words")},
        errors=errors or {},
        form_token=new_token(16),
        back=url_for("portal_cases.show", case_id=case.id),
        live=True,
    )
    return page, status


@bp.post("/<uuid:case_id>/rating")
@citizen_required
def rate(case_id: UUID) -> ResponseReturnValue:
    """Keep the rating: once a case."""
    case = own_case(the_citizen().id, case_id)
    posted = Posted.read()
    given = {name: posted.form[name] for name in ("grade", "words") if posted.form.get(name)}
    try:
        loaded = _RATING.load(given, unknown=EXCLUDE)
    except ValidationError as fault:
        return _page(case, fault.normalized_messages(), 422)

    def note(once: Once) -> Any:
        change = Change(clock.now())
        ratings.rate(change, case, loaded["grade"], loaded["words"], door())
        once.remember(change, {"rated": True})
        change.write()
        return {"rated": True}

    try:
        do_once(posted.once(citizen_actor()), note)
    except ratings.AlreadyRated as fault:
        rollback()
        flash(fault.sentence, "info")
    else:
        bad = loaded["grade"] <= ratings.BAD
        days = parameters.number("rectification_days")
        flash(f"谢谢您如实告诉我们。我们会打电话听您说，并在{days}个工作日内改正。" if bad else "谢谢您的评价。", "ok")
    return redirect(url_for("portal_cases.show", case_id=case.id), 303)
