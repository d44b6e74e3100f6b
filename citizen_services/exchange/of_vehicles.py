"""What registers tell of one vehicle that somebody names: the vehicle itself, its insurance, its taxes.

Kept as answers about the person, with the vehicle's name under ``vehicle`` of the content, so that what was told of
one vehicle never serves another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from citizen_services.database import db
from citizen_services.exchange import clients
from citizen_services.exchange.operations import (
    Ask,
    Topic,
    answer_row,
    ask_all,
    end_reading,
    fields_of_value,
)
from citizen_services.exchange.queries import OF_VEHICLE, as_answer, fresh_answers
from citizen_services.exchange.traffic import VehicleName


def _vehicle(name: VehicleName) -> Ask:
    client = clients.vehicles()
    return lambda number, ref: client.vehicle(number, name, ref=ref)


def _insurance(name: VehicleName) -> Ask:
    client = clients.insurance()
    return lambda _number, ref: client.compulsory(name, ref=ref)


def _vehicle_tax(name: VehicleName) -> Ask:
    client = clients.vehicle_tax()
    return lambda _number, ref: client.paid(name, ref=ref)


def _purchase_tax(name: VehicleName) -> Ask:
    client = clients.purchase_tax()
    return lambda _number, ref: client.paid(name, ref=ref)


_ASKS: Mapping[str, Callable[[VehicleName], Ask]] = {
    "vehicles.vehicle": _vehicle,
    "insurance.compulsory": _insurance,
    "vehicle_tax.paid": _vehicle_tax,
    "purchase_tax.paid": _purchase_tax,
}
#: Asked by the VIN alone.
BY_VIN = frozenset({"purchase_tax.paid"})


def answers_of_vehicle(
    citizen_id: UUID, id_number: str, name: VehicleName, needs: Collection[str]
) -> dict[str, dict[str, Any]]:
    """What registers know of a vehicle, by ``source.topic``: kept answers while they are fresh, else asked now.

    As operations.gather, and bound by the same rules: it comes before anything is written, the caller commits. Keys
    that aren't of OF_VEHICLE are left out; so is ``purchase_tax.paid`` where the vehicle is named by its plate.
    """
    keys = [key for key in dict.fromkeys(needs) if key in OF_VEHICLE and (name.vin or key not in BY_VIN)]
    kept = fresh_answers(citizen_id, keys)
    answers = {key: one for key, one in kept.items() if one["content"]["vehicle"] == name.key}
    missing = {key: _topic(key, name) for key in keys if key not in answers}
    if not missing:
        return answers
    end_reading()
    for key, (ref, found) in ask_all(missing, id_number).items():
        content = missing[key].keep(found.value) if found is not None else None
        outcome = "unavailable" if found is None else "none" if content is None else "found"
        row = answer_row(citizen_id, key, ref, outcome, {"vehicle": name.key, **(content or {})})
        db.session.add(row)
        answers[key] = as_answer(row)
    return answers


def _topic(key: str, name: VehicleName) -> Topic:
    return Topic(lambda: _ASKS[key](name), fields_of_value)
