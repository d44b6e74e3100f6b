"""Finding a case: by number or QR code, or exactly by a person's number, phone or full name; never in an address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number, citizens_by_name, citizens_by_phone
from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.names import normalise_name
from citizen_services.rules.phones import parse_mobile
from citizen_services.rules.text import compact
from citizen_services.security import keyring, new_token

bp = Blueprint("console_search", __name__, url_prefix="/console/search")
tell_refusals(bp)

_SEARCH, _ELSEWHERE = SearchSchema(), ElsewhereSchema()
_NUMBER = re.compile(r"[A-Z]{2}\d{8}-\d{6}")
#: The address in a receipt's QR code, as a scanner types it.
_CASE_ADDRESS = re.compile(r"/cases/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


@dataclass(frozen=True)
class _Asked:
    """What was searched for: a case (by number or by the id in a QR code), or people."""

    number: str = ""
    case_id: UUID | None = None
    people: Sequence[Citizen] = field(default_factory=tuple)


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
        asked = _read(given["q"])
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


def _read(typed: str) -> _Asked:
    """Understand what was typed or scanned; RuleError with what to correct."""
    scanned = _CASE_ADDRESS.search(typed)
    if scanned:
        return _Asked(case_id=UUID(scanned[1]))
    text = compact(typed)
    if not text:
        raise RuleError("请输入办件编号、身份证号、手机号或完整姓名。")
    if _NUMBER.fullmatch(text):
        return _Asked(number=text)
    digits = sum(char.isdigit() for char in text)
    if len(text) == 18 and digits >= 17:
        person = citizen_by_id_number(parse_identity(text, clock.today()).number)
        return _Asked(people=[person] if person else [])
    if digits:
        try:
            return _Asked(people=citizens_by_phone(parse_mobile(text)))
        except RuleError:
            raise RuleError("没有认出来：办件编号形如 JZ20261109-000001，身份证号 18 位，手机号 11 位。") from None
    return _Asked(people=citizens_by_name(normalise_name(typed)))


def _record(actor: Actor, citizens: set[UUID], given: Mapping[str, str]) -> None:
    """Record whose cases a search showed; commits. The same form sent again is the same look."""
    if not citizens:
        return
    reason = looks.HANDLING if given["reason"] == looks.HANDLING else SEARCH_REASONS[given["reason"]]
    # What was searched for identifies somebody: only its keyed hash tells one search from another.
    body = {"q": keyring().lookup("search", given["q"]).hex(), "reason": reason}
    token = given["form_token"] or new_token(12)

    def note(once: Once) -> str:
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
