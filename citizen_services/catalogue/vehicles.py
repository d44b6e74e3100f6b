"""The group in which a vehicle is named: any declaration that is about a vehicle has it, under the code ``vehicle``."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, post_load, validates_schema

from citizen_services.catalogue.fields import ChoiceField, TextField
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import PLATE_KINDS, parse_plate

#: The code of that group: where the platform's hand-over and the registers look for the vehicle.
GROUP = "vehicle"


class VehicleSchema(Schema):
    """Which vehicle: plate kind and number together. What registers know of it is asked when it is saved."""

    plate_kind = ChoiceField("号牌种类", tuple(PLATE_KINDS.items()))
    plate = TextField("号牌号码", hint="照行驶证填写，例如浙B12345", most=12)

    @validates_schema(skip_on_field_errors=True)
    def _one_plate(self, data: dict[str, Any], **_: Any) -> None:
        try:
            parse_plate(data["plate_kind"], data["plate"])
        except RuleError as fault:
            raise ValidationError({"plate": [fault.sentence]}) from fault

    @post_load
    def _as_written(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if {"plate_kind", "plate"} <= data.keys():
            data["plate"] = parse_plate(data["plate_kind"], data["plate"]).number
        return data
