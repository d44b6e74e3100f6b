"""The beginning of an application: conditions tested on what registers say, one draft a person and item."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import abort

from citizen_services.cases import drafts, eligibility, standing
from citizen_services.cases.errors import AlreadyOpen, NoSuchCase, NotEligible
from citizen_services.cases.models import Case
from citizen_services.cases.once import do_once, note
from citizen_services.cases.queries import cases_of, own_case
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.database.idempotency import Once
from citizen_services.filling import registers, vehicles
from citizen_services.filling.place import Place, id_of
from citizen_services.filling.posted import Posted
from citizen_services.people.models import Citizen


def begin(place: Place, citizen: Citizen, item: ServiceItem, posted: Posted, *, once: Once | None = None) -> UUID:
    """Begin an application, or go on with the one begun earlier; the draft's id. Commits.

    ``once`` is the write where it is not the posted form's own.

    Raises AlreadyOpen where one is under way, NotEligible with what is certainly not met.
    """

    standing.refuse(item, place.actor(), citizen)

    def act(once: Once) -> Any:
        if running(citizen, item) is not None:
            raise AlreadyOpen
        answers = registers.ask(citizen, item.suppliers())
        earlier, declared = _earlier(place, citizen, item, posted), eligibility.excused(item, posted.form)
        begun = drafts.open_draft(citizen.id, item.code)
        known = begun.data if begun is not None else earlier.data if earlier is not None else {}
        judged = eligibility.judge(item, eligibility.facts_of(citizen, answers, {**known, **declared}))
        failed = [one for one in judged if not one.verdict.met and one.verdict.certain]
        if failed:
            raise NotEligible([(one.check, one.verdict) for one in failed])
        ids = registers.ids_of(answers) | (vehicles.ids_for(citizen, item, earlier.data) if earlier else {})
        if earlier is not None and registers.ADDRESS.key in earlier.answers:
            ids[registers.ADDRESS.key] = earlier.answers[registers.ADDRESS.key]
        draft = drafts.begin(item, citizen.id, place.door(), ids, earlier)
        drafts.declare(draft, declared)
        newer = {
            key: found for key, found in registers.ids_of(answers).items() if _is_better(draft.answers, answers, key)
        }
        if newer:
            drafts.refresh_answers(draft, {**draft.answers, **newer})
        return note(once, {"draft": str(draft.id)})

    return UUID(do_once(once or posted.once(place.actor()), act)["draft"])


def running(citizen: Citizen, item: ServiceItem) -> Case | None:
    """The person's open case of the item."""
    return next((c for c in cases_of(citizen.id) if c.item == item.code and c.ended_at is None), None)


def _earlier(place: Place, citizen: Citizen, item: ServiceItem, posted: Posted) -> Case | None:
    """The person's ended case of this item whose answers are to be filled in again; 404 for anybody else's."""
    given = posted.form.get("earlier", "")
    if not given:
        return None
    id_ = id_of(given)
    if id_ is None:
        abort(400)
    case = own_case(citizen.id, id_)
    who = db.session.get(Citizen, place.actor().id) if not place.reuses else None
    # Whoever acts for the person begins from no case that they aren't shown.
    if who is not None and not standing.of(who, citizen.id).covers(case.item, case.ended_at):
        raise NoSuchCase
    if case.item != item.code or case.ended_at is None:
        abort(400)
    return case


def _is_better(have: Any, answers: registers.Answers, key: str) -> bool:
    """Whether a draft begun earlier should rest on the answer found now: it had none, or one that knew nothing."""
    if key not in have:
        return True
    if str(have[key]) == str(answers[key]["id"]) or answers[key]["outcome"] != "found":
        return False
    old = registers.kept({key: have[key]}).get(key)
    return old is None or old["outcome"] != "found"
