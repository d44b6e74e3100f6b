"""Saving what was filled in of a draft: what is valid is stored, what is not stays as it was typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort

from citizen_services.cases import drafts
from citizen_services.cases.errors import MovedOn
from citizen_services.cases.once import note
from citizen_services.catalogue.fields import BY_HAND
from citizen_services.catalogue.vocabulary import Group
from citizen_services.database import db
from citizen_services.database.idempotency import Once
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.queries import OF_VEHICLE
from citizen_services.filling import fields, registers, vehicles
from citizen_services.filling.pages import Filled
from citizen_services.filling.place import id_of
from citizen_services.filling.posted import Posted


def store(filled: Filled, posted: Posted, groups: Sequence[Group], once: Once) -> Any:
    """Store what is valid of these groups; the answer names what is not: ``{errors: {group: {field: [...]}}}``."""
    if filled.draft.ended_at is not None:
        raise MovedOn
    draft, item = filled.draft, filled.item
    if posted.version is not None and posted.version != draft.version:
        raise MovedOn
    chosen: dict[str, tuple[str, str, str]] = {}
    for group in groups:
        name = fields.address_field(group)
        code = posted.form.get(name, "").strip() if name else ""
        if name and code and not by_hand(group, name, code):
            chosen[group.code] = (name, *_choose(filled, code))
    vehicles_ = {group.code: _choose_vehicle(filled, posted) for group in groups if vehicles.is_vehicle(group)}
    errors: dict[str, dict[str, list[str]]] = {}
    rests_on = dict(draft.answers)
    for group in groups:
        form = dict(posted.form)
        stray = fields.station_errors(group, form)
        for one in stray:
            del form[one]
        name, answer, refusal = chosen.get(group.code, ("", "", ""))
        if group.code in vehicles_:
            told, refusal = vehicles_[group.code]
            # What was told of another vehicle is not told of this one.
            rests_on = {key: one for key, one in rests_on.items() if key not in OF_VEHICLE} | told
            name = "plate"
        if refusal:
            del form[name]
        wrong = drafts.save(item, draft, group, form, draft.version)
        if refusal:
            wrong = wrong | {name: [refusal]}
        wrong = wrong | stray
        if answer:
            rests_on[registers.ADDRESS.key] = answer
        if wrong:
            errors[group.code] = wrong
            # What can't be taken as it is stays as it was typed, to be mended now or another day.
            drafts.keep_typed(draft, group, fields.typed(posted.form, group.schema))
    rests_on |= _seen(filled, posted, groups)
    db.session.flush()
    drafts.refresh_answers(draft, rests_on)
    return note(once, {"errors": errors})


def by_hand(group: Group, name: str, code: str) -> bool:
    """Whether no standard address is chosen, and the field lets one be typed instead."""
    return code == BY_HAND and bool(group.schema.fields[name].metadata.get("by_hand"))


def _choose(filled: Filled, code: str) -> tuple[str, str]:
    """The id of the register's answer on a chosen address, or why it can't be used.

    Both are empty where the draft rests on that address already.
    """
    known = registers.chosen_address(filled.draft)
    if known and known["code"] == code:
        return "", ""
    try:
        return registers.choose_address(filled.citizen, code), ""
    except registers.NotChosen as fault:
        return "", fault.sentence


def _choose_vehicle(filled: Filled, posted: Posted) -> tuple[dict[str, str], str]:
    """The ids of what registers say of the vehicle that is named, or why it can't be this one."""
    try:
        return vehicles.choose(filled.citizen, filled.item, posted.form), ""
    except registers.NotChosen as fault:
        return {}, fault.sentence


def _seen(filled: Filled, posted: Posted, groups: Sequence[Group]) -> dict[str, str]:
    """The register answer that stood above the question: what is confirmed is what was shown."""
    given = posted.form.get("seen", "")
    material = registers.material_of(filled.item, groups[0].confirms)
    if not given or material is None:
        return {}
    seen = id_of(given)
    row = db.session.get(RegisterAnswer, seen) if seen is not None else None
    if row is None or row.citizen_id != filled.citizen.id:
        abort(400)
    key = f"{row.source}.{row.topic}"
    return {key: str(row.id)} if key in [supplier.key for supplier in material.suppliers] else {}
