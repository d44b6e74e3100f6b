"""A declaration as plain JSON: for the command line, for clients, and for the golden file of each released version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any

from marshmallow import Schema, fields, validate

from citizen_services.catalogue.counter import CounterService, Part
from citizen_services.catalogue.vocabulary import By, ServiceItem, Step


def field_of(name: str, field: fields.Field[Any]) -> dict[str, Any]:
    """One form field: ``{name, type, required, allowed, label}``; ``allowed`` is None where any value may be given."""
    allowed = next((list(v.choices) for v in field.validators if isinstance(v, validate.OneOf)), None)
    kind = field.metadata.get("kind", "text")
    return {
        "name": name,
        "type": "choice" if allowed else kind,
        "required": field.required,
        "allowed": allowed,
        "label": field.metadata.get("label", name),
    }


def summary(item: ServiceItem | CounterService) -> dict[str, Any]:
    """An item in a list: code, name, version, visits by door."""
    if isinstance(item, CounterService):
        return {"code": item.code, "name": item.name, "version": item.version, "visits": {"counter": 1}}
    return {
        "code": item.code,
        "name": item.name,
        "version": item.version,
        "visits": {door.code: door.visits for door in item.doors},
    }


def whole(item: ServiceItem | CounterService) -> dict[str, Any]:
    """An item for clients: fields with types and allowed values, materials, states, actions with roles, clocks."""
    if isinstance(item, CounterService):
        return _at_counter(item)
    return summary(item) | {
        "legal_basis": [str(source) for source in item.legal_basis],
        "pre_checks": [{"code": c.code, "sentence": c.sentence, "source": str(c.source)} for c in item.pre_checks],
        "groups": [
            {
                "code": group.code,
                "title": group.title,
                "when": plain(group.when),
                "confirms": group.confirms,
                "fields": [field_of(name, field) for name, field in group.schema.fields.items()],
            }
            for group in item.groups
        ],
        "materials": [
            {
                "code": m.code,
                "name": m.name,
                "source": str(m.source),
                "suppliers": [s.key for s in m.suppliers],
                "upload": m.upload,
                "unless_confirmed": m.unless_confirmed,
                "examples": list(m.examples),
                "kinds": [code for code, _ in m.kinds],
                "deferrable": m.deferrable,
            }
            for m in item.materials
        ],
        "states": [{"code": s.code, "word": s.word, "desk": s.desk, "final": s.final} for s in item.states],
        "actions": [_action(step) for step in item.steps],
        "clocks": plain(item.clocks),
        "documents": [document.kind for document in item.documents],
    }


def _at_counter(service: CounterService) -> dict[str, Any]:
    """A counter service for clients: what to bring, how long it takes, whose desks and parts it needs; no case."""
    return summary(service) | {
        "legal_basis": [str(source) for source in service.legal_basis],
        "pre_checks": [{"code": c.code, "sentence": c.sentence, "source": str(c.source)} for c in service.pre_checks],
        "subject": service.subject,
        "minutes": service.minutes,
        "bring": list(service.bring),
        "desks": list(service.desks),
        "in_person": None if service.in_person is None else str(service.in_person),
        "parts": [part_of(part) for part in service.parts],
        "case": False,
    }


def part_of(part: Part) -> dict[str, Any]:
    """A partner's part for clients."""
    return {
        "code": part.code,
        "name": part.name,
        "source": str(part.source),
        "supplier": part.supplier.key if part.supplier else None,
        "desk": part.desk,
        "optional": part.optional,
        "todo": part.todo,
    }


def _action(step: Step) -> dict[str, Any]:
    by: By = step.by
    return {
        "from": step.start,
        "action": step.action,
        "to": step.end,
        "by": by.kind,
        "roles": sorted(by.roles),
        "standings": sorted(by.standings) if by.kind == "staff" else [],
        "office": by.office if by.kind == "staff" else None,
        "not_who": sorted(by.not_who),
        "automatic": step.automatic,
        "guards": [guard.name for guard in step.guard],
        "then": [effect.name for effect in step.then],
        "tells": step.tell.code if step.tell else None,
        "needs": [field_of(name, field) for name, field in step.input.fields.items()] if step.input else [],
    }


def golden(item: ServiceItem) -> dict[str, Any]:
    """Everything that a released version promised, functions by their names: a change of it is a new version."""
    return _parts(item)


def plain(value: Any) -> Any:
    """Any part of a declaration as JSON values, always in the same order."""
    if isinstance(value, Schema):
        return [
            field_of(name, field) | {"hint": field.metadata.get("hint", "")} for name, field in value.fields.items()
        ]
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__} | _parts(value)
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(plain(part) for part in value)
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return value


def _parts(value: Any) -> dict[str, Any]:
    """The fields of a declaration's part; one that came after a release is left out where it says nothing."""
    every = ((field, getattr(value, field.name)) for field in dataclass_fields(value))
    return {f.name: plain(part) for f, part in every if not (f.metadata.get("added") and part == f.default)}


def changed_in(older: ServiceItem, newer: ServiceItem) -> list[str]:
    """What a newer version doesn't hold as the older one has it; empty where it only adds to it.

    What is read before an application alone (guide, name, legal basis, words of the promise) may differ: whoever
    applied before has it behind them.
    """
    before, after = golden(older), golden(newer)
    whole_parts = ("code", "clocks", "route", "fee", "no_agent", "household", "number_prefix", "groups")
    found = [name for name in whole_parts if before[name] != after[name]]
    for name in ("doors", "materials", "states", "steps", "documents", "params"):
        found += [
            f"{name}: {part.get('code') or part.get('kind') or ' from '.join((part['action'], str(part['start'])))}"
            for part in before[name]
            if part not in after[name]
        ]
    return found
