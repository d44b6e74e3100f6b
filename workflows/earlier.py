"""Earlier versions of services, made from the present ones by undoing what changed since: golden files hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from citizen_services.catalogue import ServiceItem


def before(
    item: ServiceItem,
    version: int,
    *,
    steps: Iterable[tuple[str | None, str]] = (),
    states: Iterable[str] = (),
    documents: Iterable[str] = (),
    **changes: Any,
) -> ServiceItem:
    """What an item was as that version: without these steps (start, action), states and documents.

    ``changes`` are fields of the item as they stood then. Raises ValueError for something that the item doesn't have.
    """
    gone, ends, kinds = set(steps), set(states), set(documents)
    unknown = (
        (gone - {(step.start, step.action) for step in item.steps})
        | (ends - {state.code for state in item.states})
        | (kinds - {document.kind for document in item.documents})
    )
    if unknown:
        raise ValueError(f"{item.code} has no {unknown}")
    kept = {
        "steps": tuple(step for step in item.steps if (step.start, step.action) not in gone),
        "states": tuple(state for state in item.states if state.code not in ends),
        "documents": tuple(document for document in item.documents if document.kind not in kinds),
        "continues": (),
    }
    return replace(item, version=version, **kept | changes)
