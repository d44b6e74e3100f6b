"""About whom a booking is: the person alone, or a vehicle. One active booking a subject and service.

A vehicle's service may be booked about the person too: a new car has no plate yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import parse_plate
from citizen_services.security import keyring
from citizen_services.windows.errors import NotYours


@dataclass(frozen=True)
class Subject:
    """``kind`` is ``person`` or ``vehicle``; ``plate`` is ``02-浙B12345`` for a vehicle."""

    kind: str
    plate: str | None
    lookup: bytes

    @property
    def columns(self) -> dict[str, Any]:
        """As the tables of booking have it."""
        return {"subject_kind": self.kind, "plate": self.plate, "subject_lookup": self.lookup}


def about_a_vehicle(service: ServiceItem | CounterService) -> bool:
    """Whether a service may be booked about a vehicle; every other one is the person's own, booked once at a time."""
    return isinstance(service, CounterService) and service.subject == "vehicle"


def subject_of(citizen_id: UUID, kind: str, plate_kind: str = "", plate: str = "") -> Subject:
    """The subject that somebody named; raises NotYours with the sentence that says what is wrong with the plate."""
    if kind != "vehicle":
        return Subject("person", None, keyring().lookup("booking", str(citizen_id)))
    try:
        key = parse_plate(plate_kind, plate).key
    except RuleError as fault:
        raise NotYours(str(fault)) from None
    return Subject("vehicle", key, keyring().lookup("booking", key))
