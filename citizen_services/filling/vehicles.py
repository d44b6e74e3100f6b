"""The vehicle that an application is about: named by its person, told of by the registers, kept with the draft."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from citizen_services.catalogue.vehicles import GROUP, VehicleSchema
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database import commit
from citizen_services.exchange.of_vehicles import answers_of_vehicle
from citizen_services.exchange.queries import OF_VEHICLE
from citizen_services.exchange.traffic import VehicleName
from citizen_services.filling.registers import Answers, NotChosen, ids_of
from citizen_services.people.models import Citizen
from citizen_services.rules.errors import RuleError

_VEHICLE = "vehicles.vehicle"


def is_vehicle(group: Group) -> bool:
    """Whether a group names the vehicle."""
    return isinstance(group.schema, VehicleSchema)


def vehicle_of(data: Mapping[str, Mapping[str, Any]]) -> VehicleName | None:
    """The vehicle that was filled in; None where none is, or it can't be one."""
    given = data.get(GROUP, {})
    try:
        return VehicleName.parse(given["plate_kind"], given["plate"])
    except (KeyError, RuleError):
        return None


def needs_of(item: ServiceItem) -> list[str]:
    """What the registers are asked of a vehicle for an item, the vehicle itself first."""
    return list(dict.fromkeys((_VEHICLE, *(s.key for s in item.suppliers() if s.key in OF_VEHICLE))))


def ask(citizen: Citizen, name: VehicleName, keys: Collection[str]) -> Answers:
    """What the registers say of a vehicle; asked where no fresh answer about it is kept. Commits."""
    commit()
    answers = answers_of_vehicle(citizen.id, citizen.id_number, name, keys)
    commit()
    return answers


def choose(citizen: Citizen, item: ServiceItem, form: Mapping[str, str]) -> dict[str, str]:
    """The ids of what registers say of the vehicle that a form names; empty where it can't be one, as its fields say.

    Raises NotChosen where the register knows no such vehicle of that person. A register that is away hinders nobody.
    """
    name = vehicle_of({GROUP: form})
    if name is None:
        return {}
    answer = ask(citizen, name, [_VEHICLE])[_VEHICLE]
    if answer["outcome"] == "none":
        raise NotChosen("登记里没有查到您名下的这辆车，请对照行驶证核对号牌种类和号牌号码。")
    # Of a vehicle that may be somebody else's nothing more is asked.
    rest = needs_of(item) if answer["outcome"] == "found" else [_VEHICLE]
    return ids_of(ask(citizen, name, rest))


def ids_for(citizen: Citizen, item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """As choose, of what was filled in before; empty where the register doesn't know it any more."""
    if not any(is_vehicle(group) for group in item.groups):
        return {}
    try:
        return choose(citizen, item, {key: str(value) for key, value in data.get(GROUP, {}).items()})
    except NotChosen:
        return {}
