"""An application filled in and sent whole, without pages: by a program, or for each member of a household."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from citizen_services.cases.once import do_once
from citizen_services.cases.queries import newest_answers
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database.idempotency import Once
from citizen_services.filling import beginning, registers
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place
from citizen_services.filling.posted import Posted
from citizen_services.filling.saving import store
from citizen_services.filling.sending import Hindrance, asked_again, hindrances, refuse_unmet, send
from citizen_services.people.models import Citizen


class Hindered(Exception):
    """It can't be sent: everything that is wrong, at once."""

    def __init__(self, wrong: Sequence[Hindrance]) -> None:
        super().__init__()
        self.wrong = wrong


class SaysOtherwise(Exception):
    """A register says something else than what was confirmed on the page of ``group``."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group


def fill_in(
    place: Place, citizen: Citizen, item: ServiceItem, data: Mapping[str, Mapping[str, Any]], once: Once
) -> Filled:
    """The person's draft of an item with these answers in it; what is not valid stays out, to be told at sending.

    Each page is done once by a key of its own, made from ``once``. Commits. Raises AlreadyOpen, NotEligible, MovedOn.
    """
    declared = {name: value for fields in data.values() for name, value in fields.items()}
    begun = replace(once, key=f"{once.key}/begin")
    draft_id = beginning.begin(place, citizen, item, _posted(declared | {"item": item.code}), once=begun)
    filled = filled_of(place, citizen, draft_id)
    for group in item.groups:
        if group.code not in data or group not in filled.groups:
            continue
        material = registers.material_of(item, group.confirms)
        seen = registers.card(material, registers.kept(filled.draft.answers), str)["id"] if material else ""
        posted = _posted({**data[group.code], "seen": seen}, group.code)
        do_once(replace(once, key=f"{once.key}/{group.code}"), partial(store, filled, posted, [group]))
        filled = filled.again()
    return filled


def send_whole(
    filled: Filled,
    once: Once,
    *,
    version: int | None,
    ticked: Collection[str],
    also: Callable[[Any], None] | None = None,
) -> Any:
    """Send a draft: one case, once. Raises Hindered, SaysOtherwise, CaseError. Commits.

    ``also`` is done in the same transaction, with what was sent.
    """

    def act(once: Once) -> Any:
        done = send(filled, once)
        if also is not None:
            also(done)
        return done

    newest = newest_answers(filled.citizen.id, list(filled.draft.answers))
    wrong = list(hindrances(filled, version, ticked))
    if wrong:
        raise Hindered(wrong)
    anew = asked_again(filled, newest)
    if anew is not None:
        refuse_unmet(filled)
        raise SaysOtherwise(anew)
    return do_once(once, act, asked=True)


def _posted(form: Mapping[str, Any], group: str = "") -> Posted:
    """What a page's form would carry."""
    texts = {name: str(value) for name, value in form.items() if value is not None}
    return Posted("", None, "", group, False, texts)
