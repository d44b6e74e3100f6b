"""Finding a case: by number or QR code, or exactly by a person's number, phone or full name; never in an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases import queries
from citizen_services.cases.once import do_once
from citizen_services.console import render
from citizen_services.console.access import case_staff, record_reason, role_of, tell_refusals
from citizen_services.console.asked import read_asked
from citizen_services.console.guards import current_actor
from citizen_services.console.schemas import (
    SEARCH_REASONS,
    ElsewhereSchema,
    SearchSchema,
    once_of,
    read_form,
)
from citizen_services.database import Change
from citizen_services.database.idempotency import Once
from citizen_services.people import looks
from citizen_services.people.actors import Actor
from citizen_services.people.look_limits import count_look
from citizen_services.rules.errors import RuleError
from citizen_services.rules.text import compact
from citizen_services.security import keyring, new_token

bp = Blueprint("console_search", __name__, url_prefix="/console/search")
tell_refusals(bp)

_SEARCH, _ELSEWHERE = SearchSchema(), ElsewhereSchema()


@bp.get("")
@case_staff
def page() -> ResponseReturnValue:
    """The search page."""
    return _search_page()


def _search_page(
    *,
    q: str = "",
    reason: str = looks.HANDLING,
    errors: object = None,
    found: list[dict[str, Any]] | None = None,
    elsewhere: Mapping[str, Any] | None = None,
) -> str:
    return render_template(
        "console/search.html",
        q=q,
        reason=reason,
        reasons=[(code, words, "") for code, words in SEARCH_REASONS.items()],
        errors=errors,
        found=found,
        elsewhere=elsewhere,
        form_token=lambda: new_token(12),
    )


@bp.post("")
@case_staff
def search() -> ResponseReturnValue:
    """Search within the own office; whose cases are found is recorded with the reason."""
    actor = current_actor()
    typed = request.form.get("q", "")[:300]
    try:
        given = read_form(_SEARCH)
        asked = read_asked(given["q"])
    except ValidationError as fault:
        return _search_page(q=typed, errors=fault.normalized_messages()), 422
    except RuleError as fault:
        return _search_page(q=typed, errors={"q": [fault.sentence]}), 422
    if asked.case_id is not None:
        return redirect(url_for("console_cases.show", case_id=asked.case_id), 303)
    if asked.number:
        case = queries.by_number(actor.district or "", asked.number)
        if case is not None and queries.concerns_office(case, actor.office or ""):
            return redirect(url_for("console_cases.show", case_id=case.id), 303)
        return _search_page(q=asked.number, found=[], elsewhere={"number": asked.number})
    cases = queries.cases_of_people([person.id for person in asked.people], actor.office or "")
    rows = render.rows_of(cases, actor)
    _record(actor, {case.citizen_id for case in cases}, given)
    return _search_page(q=typed, reason=given["reason"], found=rows)


def _record(actor: Actor, citizens: set[UUID], given: Mapping[str, str]) -> None:
    """Record whose cases a search showed; commits. The same form sent again is the same look."""
    if not citizens:
        return
    reason = looks.HANDLING if given["reason"] == looks.HANDLING else SEARCH_REASONS[given["reason"]]
    # What was searched for identifies somebody: only its keyed hash tells one search from another.
    body = {"q": keyring().lookup("search", given["q"]).hex(), "reason": reason}
    token = given["form_token"] or new_token(12)

    def note(once: Once) -> str:
        count_look("searched", actor.id)
        change = Change(clock.now())
        for citizen_id in sorted(citizens):
            looks.note(change, actor, citizen_id, "searched", reason, role=role_of(actor))
        once.remember(change, "noted")
        change.write()
        return "noted"

    do_once(Once.of(actor.key, request.endpoint or "", token, body), note)


@bp.post("/elsewhere")
@case_staff
def elsewhere() -> ResponseReturnValue:
    """Open a case of another office by its number, for a reason, which is recorded."""
    actor = current_actor()
    number = compact(request.form.get("number", "")[:40])
    try:
        given = read_form(_ELSEWHERE)
    except ValidationError as fault:
        errors = fault.normalized_messages()
        shown = {"number": number, "errors": errors, "why": request.form.get("why", "")[:100]}
        return _search_page(q=number, found=[], errors=errors, elsewhere=shown), 422
    case = queries.by_number(actor.district or "", number)
    if case is None:
        sentence = "全区都没有这个编号的办件，请与申请人核对编号。"
        return _search_page(q=number, errors={"q": [sentence]}), 422

    def note(once: Once) -> str:
        change = Change(clock.now())
        record_reason(actor, case, given["why"], change)
        once.remember(change, "noted")
        change.write()
        return "noted"

    do_once(once_of(actor, given["form_token"]), note)
    return redirect(url_for("console_cases.show", case_id=case.id), 303)
