"""One stop (一站式): what each partner's desk and register must have done for a matter, and whether it has.

Which parts a service needs is declared. A part whose register is away is neither done nor missing: nobody is sent
anywhere for it. What is known of a vehicle is asked only about the person's own one, or one that has no owner in the
register yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from citizen_services import clock
from citizen_services.cases import drafts
from citizen_services.catalogue.counter import PARTNER_DESKS, CounterService, Part
from citizen_services.catalogue.vocabulary import ServiceItem, Supplier
from citizen_services.database import commit
from citizen_services.exchange.of_vehicles import answers_of_vehicle
from citizen_services.exchange.queries import OF_VEHICLE
from citizen_services.exchange.traffic import VehicleName
from citizen_services.filling import registers
from citizen_services.people.models import Citizen
from citizen_services.rules.vin import parse_vin

#: ``done``; ``missing``: not done, ``todo`` says what to do; ``away``: its register could not be asked; ``unnamed``:
#: about a vehicle that nobody named yet; ``hall``: no register tells, it is done on the spot; ``not_yours``: about a
#: vehicle that isn't the person's.
State = Literal["done", "missing", "away", "unnamed", "hall", "not_yours"]

_VEHICLE = "vehicles.vehicle"
_OWNED = Supplier("vehicles", "owned")


@dataclass(frozen=True)
class PartShown:
    """One part as it stands: what its register said (``text``, empty where nothing), and what to do."""

    part: Part
    state: State
    text: str = ""
    todo: str = ""
    as_of: datetime | None = None

    @property
    def desk(self) -> str | None:
        """The partner's desk in the hall, in words."""
        return None if self.part.desk is None else PARTNER_DESKS[self.part.desk]

    @property
    def source(self) -> str:
        """The register that tells, as citizens know it; empty where none does."""
        return registers.source_name(self.part.supplier.source) if self.part.supplier else ""


@dataclass(frozen=True)
class OneStop:
    """A matter's parts, and whether everything that is needed is there (None where that is not known)."""

    parts: tuple[PartShown, ...]

    @property
    def ready(self) -> bool | None:
        """True: nothing is missing; False: something is; None: something could not be asked."""
        needed = [one.state for one in self.parts if not one.part.optional]
        if "missing" in needed:
            return False
        return True if all(state in ("done", "hall") for state in needed) else None


def needs_vehicle(service: ServiceItem | CounterService) -> bool:
    """Whether a vehicle must be named before all parts can be told of."""
    return any(part.supplier is not None and part.supplier.key in OF_VEHICLE for part in service.parts)


def by_vin(service: ServiceItem | CounterService) -> bool:
    """Whether the vehicle is named by its VIN, having no plate yet."""
    return isinstance(service, CounterService) and service.vehicle_by == "vin"


def owned(citizen: Citizen) -> list[Mapping[str, Any]]:
    """The person's vehicles as the register tells them: ``{plate_kind, plate, …}``. Commits, as registers.ask."""
    answers = registers.ask(citizen, [_OWNED])
    content = answers[_OWNED.key]["content"] or {}
    return list(content.get("vehicles", []))


def _named(plate_kind: str = "", plate: str = "", vin: str = "") -> VehicleName:
    return VehicleName(vin=parse_vin(vin).number) if vin else VehicleName.parse(plate_kind, plate)


def view(citizen: Citizen, service: ServiceItem | CounterService, vehicle: VehicleName | None = None) -> OneStop:
    """Each part of a matter as it stands for a person, and a vehicle where one is named. Asks registers; commits."""
    suppliers = [part.supplier for part in service.parts if part.supplier is not None]
    answers = registers.ask(citizen, [one for one in suppliers if one.key not in OF_VEHICLE])
    whose = None
    if vehicle is not None and needs_vehicle(service):
        keys = [one.key for one in suppliers if one.key in OF_VEHICLE]
        whose = _whose(citizen, vehicle)
        if whose == "theirs" or (vehicle.vin and whose == "nobodys"):
            answers |= answers_of_vehicle(citizen.id, citizen.id_number, vehicle, keys)
            commit()
    address = _has_address(citizen, service)
    return OneStop(tuple(_shown(part, answers, vehicle, whose, address) for part in service.parts))


def _whose(citizen: Citizen, vehicle: VehicleName) -> str:
    """``theirs``, ``nobodys`` (or somebody else's, which the register doesn't tell), ``away``."""
    answer = answers_of_vehicle(citizen.id, citizen.id_number, vehicle, [_VEHICLE])[_VEHICLE]
    commit()
    return {"found": "theirs", "none": "nobodys"}.get(answer["outcome"], "away")


def _has_address(citizen: Citizen, service: ServiceItem | CounterService) -> bool | None:
    """Whether the draft of an item names where its result is sent; None for what has no form here."""
    if isinstance(service, CounterService):
        return None
    draft = drafts.open_draft(citizen.id, service.code)
    return bool(draft and (draft.data.get("delivery") or {}).get("postal_address"))


def _shown(
    part: Part, answers: registers.Answers, vehicle: VehicleName | None, whose: str | None, address: bool | None
) -> PartShown:
    if part.supplier is None:
        if address is None:
            return PartShown(part, "hall", todo=part.todo)
        return PartShown(part, "done" if address else "missing", todo="" if address else "在申请里填写收件地址就行。")
    key = part.supplier.key
    if key in OF_VEHICLE:
        if vehicle is None:
            return PartShown(part, "unnamed", todo="先写明是哪辆车，再替您查。")
        if whose == "away":
            return PartShown(part, "away", todo=_AWAY)
        if key not in answers:
            return PartShown(part, "not_yours", todo="登记里没有查到您名下的这辆车，到窗口时当场核对。")
    answer = answers[key]
    if answer["outcome"] == "unavailable":
        return PartShown(part, "away", todo=_AWAY)
    content = answer["content"] if answer["outcome"] == "found" else None
    text = part.shown(content) if content is not None and part.shown is not None else ""
    done = content is not None and part.done is not None and part.done(content, clock.today())
    return PartShown(part, "done" if done else "missing", text, "" if done else part.todo, answer["at"])


_AWAY = "对方的系统暂时连不上，没有查到。不用为它多跑，过几分钟再看；来不及的，到窗口时当场核对。"


def typed_vehicle(form: Mapping[str, str]) -> VehicleName | None:
    """The vehicle of a sent form: chosen (``vehicle``: ``02-浙B12345``), or typed; None where none is named.

    RuleError where it can't be one.
    """
    if form.get("vehicle"):
        kind, _, plate = form["vehicle"].partition("-")
        return _named(kind, plate)
    if form.get("vin", "").strip():
        return _named(vin=form["vin"])
    if form.get("plate", "").strip():
        return _named(form.get("plate_kind", ""), form["plate"])
    return None
