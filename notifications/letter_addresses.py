"""Where a letter goes, as a clerk or its person fills it in."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import Schema

from citizen_services.catalogue import TextField


class AddressSchema(Schema):
    """An address for the post."""

    province = TextField("省份", most=20, autocomplete="address-level1")
    city = TextField("城市", most=20, autocomplete="address-level2")
    county = TextField("区（县、市）", most=20, autocomplete="address-level3")
    postal_address = TextField("详细地址", hint="街道、小区、楼栋和房间号", most=80, autocomplete="street-address")


ADDRESS = AddressSchema()


def place_of(data: Mapping[str, str]) -> dict[str, str]:
    """What was filled in, as a parcel has it."""
    place = {name: data[name] for name in ("province", "city", "county")}
    return place | {"address": data["postal_address"]}


def filled(receiver: Mapping[str, str]) -> dict[str, str]:
    """What a parcel has, as the form shows it."""
    place = {name: receiver.get(name, "") for name in ("province", "city", "county")}
    return place | {"postal_address": receiver.get("address", "")}
