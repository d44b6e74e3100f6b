"""What the pages of a household send, at every door: whom to register besides whoever fills it in."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema, ValidationError, fields, validate

from citizen_services.cases.households import RELATIONS
from citizen_services.catalogue.fields import IdNumberField, NameField
from citizen_services.catalogue.forms import form_data

#: How many people a page takes who are not known to act for here.
ROWS = 5
_RELATION = "请选择这个人是您的什么人。"
#: What one may be to the head.
OTHERS = tuple((code, word) for code, word in RELATIONS.items() if code != "self")

#: What the badge of a member says: words and tone.
STATES: Mapping[str, tuple[str, str]] = {
    "done": ("已提交", "ok"),
    "going": ("还没有办", "wait"),
    "trouble": ("没有办成", "bad"),
    "invited": ("等本人确认", "wait"),
    "late": ("邀请已过期", "off"),
    "declined": ("本人没有同意", "off"),
}


class RowSchema(Schema):
    """Somebody who lives there too."""

    relation = fields.String(
        required=True,
        validate=validate.OneOf(tuple(code for code, _ in OTHERS), error=_RELATION),
        error_messages={"required": _RELATION},
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
