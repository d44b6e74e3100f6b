"""Registers around vehicles and drivers, each a partner of its own.

docs/partners/{vehicles,licences,violations,insurance,vehicle_tax,purchase_tax,medical}.md. A vehicle is named by plate
kind and plate, or by its VIN while it has no plate yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from citizen_services.exchange.http import PAGE, Caller, Patience
from citizen_services.exchange.signing import Answered, Fields, Malformed, Register
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import parse_plate
from citizen_services.settings import Partner


@dataclass(frozen=True)
class VehicleName:
    """Which vehicle: ``plate_kind`` (a key of rules.plates.PLATE_KINDS) and ``plate``, or ``vin`` alone."""

    plate_kind: str = ""
    plate: str = ""
    vin: str = ""

    @classmethod
    def parse(cls, plate_kind: str, plate: str) -> VehicleName:
        """By its plate, as typed; RuleError where it can't be one."""
        found = parse_plate(plate_kind, plate)
        return cls(found.kind, found.number)

    @property
    def fields(self) -> dict[str, str]:
        """As partners are asked."""
        return {"vin": self.vin} if self.vin else {"plate_kind": self.plate_kind, "plate": self.plate}

    @property
    def key(self) -> str:
        """``02-浙B12345``, or the VIN."""
        return self.vin or f"{self.plate_kind}-{self.plate}"


@dataclass(frozen=True)
class Vehicle:
    """A registered vehicle of the person who asks.

    ``status`` letters are read by rules.status_letters.vehicle_status; ``place`` is the division (six digits) whose
    office registered it; ``phone`` and ``address`` are the contact kept with it.
    """

    plate_kind: str
    plate: str
    vin: str
    owner_name: str
    brand: str
    use: str
    status: str
    first_registered: date | None
    inspection_until: date | None
    place: str
    phone: str
    address: str


@dataclass(frozen=True)
class Owned:
    """The vehicles of a person, 50 at most."""

    vehicles: tuple[Vehicle, ...]


@dataclass(frozen=True)
class Licence:
    """A driving licence.

    ``valid_until`` None: for good (长期). ``issuer`` is the division of the issuing office, a city's. ``status`` is
    read by rules.status_letters.licence_status; ``points`` count in the cycle that ends on ``cycle_until``;
    ``medical_until``: until when the next physical condition's proof is due, None where none is.
    """

    number: str
    name: str
    classes: str
    first_issued: date
    valid_from: date
    valid_until: date | None
    issuer: str
    issuer_name: str
    status: str
    points: int
    cycle_until: date | None
    medical_until: date | None
    phone: str
    address: str


@dataclass(frozen=True)
class Violation:
    """A violation that is not settled yet; the plate is the vehicle's that it was seen with, empty where none was."""

    code: str
    at: datetime
    place: str
    fine_fen: int
    points: int
    plate_kind: str
    plate: str


@dataclass(frozen=True)
class OpenMatters:
    """What somebody has not settled: violations, and how many accidents."""

    violations: tuple[Violation, ...]
    accidents: int


@dataclass(frozen=True)
class Policy:
    """A compulsory insurance (交强险): in force from ``since`` to ``until``, both counted."""

    insurer: str
    policy_number: str
    since: date
    until: date


@dataclass(frozen=True)
class YearPaid:
    """The vehicle tax (车船税) of a year: paid on a day, or not owed."""

    year: int
    paid_on: date | None
    exempt: bool


@dataclass(frozen=True)
class PurchasePaid:
    """The purchase tax (车辆购置税): paid on a day, or not owed."""

    paid_on: date | None
    exempt: bool


@dataclass(frozen=True)
class Certificate:
    """A physical condition's proof (身体条件证明); ``special``: by an institution that may examine for class C5."""

    examined_on: date
    hospital: str
    special: bool
    fit: bool


class Vehicles:
    """Client of the register of vehicles. Every method raises OutsideError."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def vehicle(
        self, id_number: str, vehicle: VehicleName, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Vehicle | None]:
        """A vehicle of that person; None where there is none such, or it is somebody else's."""

        def read(data: Fields) -> Vehicle | None:
            return _vehicle(data.part("vehicle")) if data.flag("found") else None

        asked = {"id_number": id_number, **vehicle.fields}
        return self._register.ask("vehicle", asked, read, ref=ref, patience=patience)

    def owned(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[Owned]:
        """The vehicles of a person."""

        def read(data: Fields) -> Owned:
            return Owned(tuple(_vehicle(row) for row in data.parts("vehicles")))

        return self._register.ask("owned", {"id_number": id_number}, read, ref=ref, patience=patience)


class Licences:
    """Client of the register of driving licences."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def licence(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[Licence | None]:
        """The licence of a person, None where they have none. Raises OutsideError."""

        def read(data: Fields) -> Licence | None:
            return _licence(data.part("licence")) if data.flag("found") else None

        return self._register.ask("licence", {"id_number": id_number}, read, ref=ref, patience=patience)


class Violations:
    """Client of the records of violations and accidents."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def open(self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE) -> Answered[OpenMatters]:
        """What a person has not settled yet; may be nothing. Raises OutsideError."""

        def read(data: Fields) -> OpenMatters:
            return OpenMatters(tuple(_violation(row) for row in data.parts("violations")), data.whole("accidents"))

        return self._register.ask("open", {"id_number": id_number}, read, ref=ref, patience=patience)


class Insurance:
    """Client of the compulsory insurance."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def compulsory(
        self, vehicle: VehicleName, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Policy | None]:
        """The newest policy of a vehicle, be it over; None where there never was one. Raises OutsideError."""

        def read(data: Fields) -> Policy | None:
            if not data.flag("found"):
                return None
            row = data.part("policy")
            return Policy(row.text("insurer"), row.text("policy_number"), row.day("since"), row.day("until"))

        return self._register.ask("compulsory", vehicle.fields, read, ref=ref, patience=patience)


class VehicleTax:
    """Client of the vehicle tax."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def paid(
        self, vehicle: VehicleName, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[YearPaid | None]:
        """The newest year that is paid or not owed; None where none is. Raises OutsideError."""

        def read(data: Fields) -> YearPaid | None:
            if not data.flag("found"):
                return None
            row = data.part("payment")
            return YearPaid(row.whole("year"), row.day_or_none("paid_on"), row.flag("exempt"))

        return self._register.ask("paid", vehicle.fields, read, ref=ref, patience=patience)


class PurchaseTax:
    """Client of the purchase tax."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def paid(
        self, vehicle: VehicleName, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[PurchasePaid | None]:
        """Whether the tax of a vehicle, by its VIN, is paid; None where nothing is known. Raises OutsideError."""

        def read(data: Fields) -> PurchasePaid | None:
            if not data.flag("found"):
                return None
            row = data.part("payment")
            return PurchasePaid(row.day_or_none("paid_on"), row.flag("exempt"))

        return self._register.ask("paid", {"vin": vehicle.vin}, read, ref=ref, patience=patience)


class Medical:
    """Client of the drivers' medical certificates."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._register = Register(partner, caller)

    def certificate(
        self, id_number: str, *, ref: str | None = None, patience: Patience = PAGE
    ) -> Answered[Certificate | None]:
        """The newest certificate of a person, None where there is none. Raises OutsideError."""

        def read(data: Fields) -> Certificate | None:
            if not data.flag("found"):
                return None
            row = data.part("certificate")
            return Certificate(row.day("examined_on"), row.text("hospital"), row.flag("special"), row.flag("fit"))

        return self._register.ask("certificate", {"id_number": id_number}, read, ref=ref, patience=patience)


def _vehicle(row: Fields) -> Vehicle:
    kind, plate = row.text("plate_kind"), row.text("plate")
    try:
        named = VehicleName.parse(kind, plate)
    except RuleError:
        # A plate that no rule of ours takes is none that anything may be done with.
        raise Malformed("plate") from None
    return Vehicle(
        plate_kind=named.plate_kind,
        plate=named.plate,
        vin=row.text("vin"),
        owner_name=row.text_or_empty("owner_name"),
        brand=row.text_or_empty("brand"),
        use=row.text("use"),
        status=row.text_or_empty("status"),
        first_registered=row.day_or_none("first_registered"),
        inspection_until=row.day_or_none("inspection_until"),
        place=row.text("place"),
        phone=row.text_or_empty("phone"),
        address=row.text_or_empty("address"),
    )


def _licence(row: Fields) -> Licence:
    return Licence(
        number=row.text("number"),
        name=row.text_or_empty("name"),
        classes=row.text("classes"),
        first_issued=row.day("first_issued"),
        valid_from=row.day("valid_from"),
        valid_until=row.day_or_none("valid_until"),
        issuer=row.text("issuer"),
        issuer_name=row.text("issuer_name"),
        status=row.text_or_empty("status"),
        points=row.whole("points"),
        cycle_until=row.day_or_none("cycle_until"),
        medical_until=row.day_or_none("medical_until"),
        phone=row.text_or_empty("phone"),
        address=row.text_or_empty("address"),
    )


def _violation(row: Fields) -> Violation:
    return Violation(
        code=row.text("code"),
        at=row.moment("at"),
        place=row.text_or_empty("place"),
        fine_fen=row.whole("fine_fen"),
        points=row.whole("points"),
        plate_kind=row.text_or_none("plate_kind") or "",
        plate=row.text_or_none("plate") or "",
    )
