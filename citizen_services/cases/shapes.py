"""How a form's questions are remembered, so that a draft knows which of them ask otherwise by now."""

from __future__ import annotations

import hashlib
import json
from weakref import WeakKeyDictionary

from marshmallow import Schema

from citizen_services.catalogue.describe import field_of
from citizen_services.catalogue.vocabulary import Group

#: A group's fields: ``{name: [label, fingerprint]}``.
Shape = dict[str, list[str]]

#: What of a field's ``metadata`` changes what is asked.
_TELLING = ("hint", "choices", "maxlength")


def shape_of(group: Group) -> Shape:
    """The group's questions: each field's label, and a mark that differs as soon as it asks or takes something else."""
    shape = _known.get(group.schema)
    if shape is not None:
        return shape
    shape = {}
    for name, field in group.schema.fields.items():
        told = field_of(name, field) | {key: field.metadata.get(key) for key in _TELLING}
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, default=str)
        shape[name] = [str(told["label"]), hashlib.sha256(text.encode()).hexdigest()[:16]]
    _known[group.schema] = shape
    return shape


#: A schema asks the same for as long as it lives.
_known: WeakKeyDictionary[Schema, Shape] = WeakKeyDictionary()
