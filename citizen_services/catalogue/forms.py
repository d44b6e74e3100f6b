"""From a request's form to data, and from data to checked answers: the one way for pages and API alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.rules.text import fold_width

#: Fields of a form that carry no answer.
_CARRIED = frozenset({"csrf_token", "form_token", "version", "action", "group", "from"})


def form_data(form: Mapping[str, str], schema: Schema) -> dict[str, str]:
    """The schema's own fields of a submitted form, empty ones left out, full-width digits and letters folded."""
    names = [name for name in schema.fields if name not in _CARRIED]
    return {name: fold_width(value.strip()) for name in names if (value := form.get(name)) and value.strip()}


def check_group(
    schema: Schema, data: Mapping[str, Any], *, partial: bool = False
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The valid answers of a group as plain JSON values, and the sentences of each field that isn't."""
    try:
        loaded: dict[str, Any] = schema.load(dict(data), partial=partial, unknown=EXCLUDE)
        errors: dict[str, list[str]] = {}
    except ValidationError as fault:
        loaded = fault.valid_data if isinstance(fault.valid_data, dict) else {}
        errors = _sentences(fault)
    dumped: dict[str, Any] = schema.dump(loaded)
    return {name: value for name, value in dumped.items() if value is not None}, errors


def _sentences(fault: ValidationError) -> dict[str, list[str]]:
    return {str(field): list(sentences) for field, sentences in fault.normalized_messages().items()}


def check_application(item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """The sentences of every field of every active group that is missing or wrong: ``{group: {field: [...]}}``."""
    errors = {}
    for group in item.active_groups(data):
        try:
            group.schema.load(dict(data.get(group.code, {})), unknown=EXCLUDE)
        except ValidationError as fault:
            errors[group.code] = _sentences(fault)
    return errors


def active_data(item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The answers of the active groups only: what was filled in before a choice hid its question is not sent."""
    return {group.code: dict(data.get(group.code, {})) for group in item.active_groups(data)}
