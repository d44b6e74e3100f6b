"""Sending a draft: what still hinders it, registers asked again where their answers are old, and the case made."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from citizen_services.cases import drafts, eligibility, operations, papers
from citizen_services.cases.at_sending import at_sending
from citizen_services.cases.errors import NotEligible
from citizen_services.cases.operations import told
from citizen_services.catalogue.vocabulary import Group
from citizen_services.database import commit
from citizen_services.database.idempotency import Once
from citizen_services.exchange.queries import OF_VEHICLE
from citizen_services.filling import fields, registers, vehicles
from citizen_services.filling.pages import Filled
from citizen_services.filling.saving import by_hand
from citizen_services.materials.queries import of_draft
from citizen_services.parts import parts
from citizen_services.registers.queries import Held


@dataclass(frozen=True)
class Hindrance:
    """Why a draft can't be sent yet.

    ``what``: ``ended``; ``answers`` of ``group`` with ``errors`` by field; ``unsaved`` or otherwise asked answers of
    ``group``; ``papers`` with ``errors`` by material; ``moved`` (another version is stored); ``unticked`` boxes with
    ``errors``.
    """

    what: str
    group: Group | None = None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)


def hindrances(filled: Filled, version: int | None, ticked: Collection[str]) -> Iterator[Hindrance]:
    """Everything that keeps a draft from being sent, in the order in which people meet it.

    ``version`` is the one that they saw (None: whichever is stored), ``ticked`` the names of the boxes ticked.
    """
    draft, item = filled.draft, filled.item
    if draft.ended_at is not None:
        yield Hindrance("ended")
        return
    missing = drafts.missing(item, draft)
    for group in filled.groups:
        name = fields.address_field(group)
        code = draft.data.get(group.code, {}).get(name) if name else None
        known = registers.chosen_address(draft) if name else None
        typed = name is not None and by_hand(group, name, code or "")
        if name and not typed and group.code not in missing and (known is None or known["code"] != code):
            missing[group.code] = {name: [f"请搜索并选择{group.schema.fields[name].metadata['label']}"]}
        if group.code in missing:
            yield Hindrance("answers", group, missing[group.code])
    # Nothing is sent past what its person typed and has not saved, or what the declaration asks otherwise by now.
    waiting = drafts.unsaved_group(item, draft) or next((g for g in filled.groups if drafts.changed(draft, g)), None)
    if waiting is not None:
        yield Hindrance("unsaved", waiting)
    unbrought = papers.missing(filled.wanted, of_draft(draft.id)) if filled.wanted else {}
    if unbrought:
        yield Hindrance("papers", None, unbrought)
    if version is not None and version != draft.version:
        yield Hindrance("moved")
    boxes = [(name, sentence) for name, sentence in filled.place.boxes if name != "commitment" or item.commitment]
    unticked = {name: [sentence] for name, sentence in boxes if name not in ticked}
    if unticked:
        yield Hindrance("unticked", None, unticked)


def asked_again(filled: Filled, newest: registers.Answers) -> Group | None:
    """Ask the registers again whose answers are too old to rest on; the first page whose answer is another by now.

    What couldn't be asked when the page was filled in stays so: an officer verifies it.
    """
    draft, item = filled.draft, filled.item
    old = {key: kept for key, kept in registers.kept(draft.answers).items() if kept["outcome"] != "unavailable"}
    asked = [supplier for supplier in item.suppliers() if supplier.key in old and supplier.key not in OF_VEHICLE]
    now = {supplier.key: newest[supplier.key] for supplier in asked if supplier.key in newest}
    if len(now) < len(asked) or not all(answer["fresh"] for answer in now.values()):
        now = registers.ask(filled.citizen, asked)
    now |= _of_vehicle(filled, old)
    other = {
        key: str(answer["id"])
        for key, answer in now.items()
        if answer["outcome"] != "unavailable"
        and (answer["outcome"], answer["content"]) != (old[key]["outcome"], old[key]["content"])
    }
    if not other:
        return None
    drafts.refresh_answers(draft, {**draft.answers, **other})
    commit()
    shown = ((group, registers.material_of(item, group.confirms)) for group in filled.groups)
    return next((g for g, material in shown if material and any(s.key in other for s in material.suppliers)), None)


def _of_vehicle(filled: Filled, old: registers.Answers) -> registers.Answers:
    """What registers say now of the vehicle that the draft names, and of no other that its person looked at since."""
    name, keys = vehicles.vehicle_of(filled.draft.data), [key for key in old if key in OF_VEHICLE]
    return vehicles.ask(filled.citizen, name, keys) if name is not None and keys else {}


def refuse_unmet(filled: Filled, held: Held | None = None) -> None:
    """Raise NotEligible with the conditions that are certainly not met by what registers say now."""
    answers = registers.kept(filled.draft.answers)
    facts = eligibility.facts_of(filled.citizen, answers, filled.draft.data, held=held)
    unmet = eligibility.unmet(filled.item, facts)
    if unmet:
        raise NotEligible([(one.check, one.verdict) for one in unmet])


def send(filled: Filled, once: Once, *, last: bool = False) -> Any:
    """Send it: eligible still, commitment kept, one case made. ``last``: as for ``operations.submit``."""
    known = at_sending(filled.citizen.id)
    refuse_unmet(filled, known.held)
    place = filled.place
    outcome = operations.submit(
        parts().catalogue,
        filled.draft,
        place.actor(),
        once=once,
        door=place.door(),
        given=place.noted,
        known=known,
        last=last,
    )
    return told(outcome)
