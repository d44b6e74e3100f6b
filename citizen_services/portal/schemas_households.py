"""What the pages of a household send: whom to register besides oneself."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema, ValidationError, fields, validate

from citizen_services.cases.households import RELATIONS
from citizen_services.catalogue.fields import NameField
from citizen_services.catalogue.forms import form_data
from citizen_services.portal.schemas_people import IdNumberField

#: How many people a page takes who are not known to act for here.
ROWS = 5
#: What one may be to the head.
OTHERS = tuple((code, word) for code, word in RELATIONS.items() if code != "self")


class RowSchema(Schema):
    """Somebody who lives there too."""

    relation = fields.String(
        required=True,
        validate=validate.OneOf(tuple(code for code, _ in OTHERS), error="请选择这个人是您的什么人。"),
        error_messages={"required": "请选择这个人是您的什么人。"},
    )
    name = NameField("姓名", most=50)
    id_number = IdNumberField()


_ROW = RowSchema()


def rows_of(form: Mapping[str, str]) -> tuple[list[tuple[int, tuple[str, str, str]]], dict[str, list[str]]]:
    """The rows that are filled in, each with its number, and the sentences of the inputs that need another look."""
    found: list[tuple[int, tuple[str, str, str]]] = []
    errors: dict[str, list[str]] = {}
    for at in range(1, ROWS + 1):
        given = {name: form.get(f"{name}_{at}", "") for name in _ROW.fields}
        if not given["name"].strip() and not given["id_number"].strip():
            continue
        try:
            row = _ROW.load(form_data(given, _ROW))
        except ValidationError as fault:
            errors |= {f"{name}_{at}": list(told) for name, told in fault.normalized_messages().items()}
            continue
        found.append((at, (row["relation"], row["name"], row["id_number"])))
    return found, errors
