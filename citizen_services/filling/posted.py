"""What every form of an application carries besides its answers, and doing what it asks once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort, request
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from citizen_services.database.idempotency import Once
from citizen_services.people.actors import Actor

#: Of a form these differ at each rendering and say nothing of what is asked for.
_TOKENS = frozenset({"csrf_token", "form_token"})


class CarriedSchema(Schema):
    """The fields that a form of ours carries; the answers are the declaration's."""

    form_token = fields.String(required=True, validate=validate.Length(min=8, max=128))
    version = fields.Integer(load_default=None, allow_none=True, validate=validate.Range(min=0, max=1_000_000))
    action = fields.String(load_default="", validate=validate.Length(max=64))
    group = fields.String(load_default="", validate=validate.Length(max=64))
    origin = fields.String(data_key="from", load_default="", validate=validate.Length(max=16))


_CARRIED = CarriedSchema()


@dataclass(frozen=True)
class Posted:
    """A form that was sent: its token, the version that it was filled in on, what is asked, and its other fields."""

    token: str
    version: int | None
    action: str
    group: str
    #: Whether it was reached by a 修改 link of the check page.
    from_check: bool
    form: Mapping[str, str]

    @classmethod
    def read(cls) -> Posted:
        """Read the request's form; 400 where what our own page carries is missing or spoilt."""
        form = request.form.to_dict()
        named: dict[str, Any] = {name: form[name] for name in ("form_token", "action", "group", "from") if name in form}
        if form.get("version", "").strip():
            named["version"] = form["version"].strip()
        named.setdefault("action", request.args.get("action", ""))
        try:
            carried: dict[str, Any] = _CARRIED.load(named, unknown=EXCLUDE)
        except ValidationError:
            abort(400)
        return cls(
            token=carried["form_token"],
            version=carried["version"],
            action=carried["action"],
            group=carried["group"],
            from_check=carried["origin"] == "check",
            form=form,
        )

    def once(self, actor: Actor, more: Mapping[str, str] | None = None) -> Once:
        """This form as a write that is done once: the same token with other content is refused.

        ``more`` is what else was sent, such as a file's hash.
        """
        body = {name: value for name, value in self.form.items() if name not in _TOKENS}
        sent = {"path": request.path, "form": body, **(more or {})}
        return Once.of(actor.key, request.endpoint or "", self.token, sent)
