"""The registers of vehicles, licences, violations, insurance, taxes and medical certificates.

Imitates our own docs/partners/{vehicles,licences,violations,insurance,vehicle_tax,purchase_tax,medical}.md.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint

from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import parse_plate
from citizen_services.rules.vin import parse_vin
from citizen_services.sandbox.signed import CHINA, Body, Operation, bad, register_blueprint
from citizen_services.sandbox.world import World

#: The registers of this file: each is a partner of its own, with a table of its name in the world.
NAMES = ("vehicles", "licences", "violations", "insurance", "vehicle_tax", "purchase_tax", "medical")
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTVWXY123456789"
_STATUS = re.compile(r"[A-Z]{1,12}")


def vehicle_key(text: str) -> dict[str, str]:
    """``{plate_kind, plate}`` of `02-浙B12345`, or ``{vin}`` of a VIN; raises ValueError."""
    kind, dash, number = text.partition("-")
    try:
        if dash:
            plate = parse_plate(kind, number)
            return {"plate_kind": plate.kind, "plate": plate.number}
        return {"vin": parse_vin(text).number}
    except RuleError as error:
        raise ValueError(str(error)) from None


def key_of(name: dict[str, str]) -> str:
    """The name of a vehicle as one text."""
    return name["vin"] if "vin" in name else f"{name['plate_kind']}-{name['plate']}"


def _day(body: dict[str, Any], name: str, otherwise: date | None = None) -> str:
    if body.get(name) is None and otherwise is not None:
        return otherwise.isoformat()
    return date.fromisoformat(str(body[name])).isoformat()


def _today() -> date:
    return datetime.now(CHINA).date()


def _drawn_vin(key: str) -> str:
    """A vehicle number for one of which the control names none: always the same of a key."""
    return "LSVAA" + "".join(
        _VIN_LETTERS[byte % len(_VIN_LETTERS)] for byte in hashlib.sha256(key.encode()).digest()[:12]
    )


def _day_or_none(body: dict[str, Any], name: str) -> str | None:
    return None if body.get(name) is None else _day(body, name)


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=CHINA)).isoformat(timespec="seconds")


def _status(body: dict[str, Any]) -> str:
    status = str(body.get("status") or "A")
    if not _STATUS.fullmatch(status):
        raise ValueError("status: letters A to Z")
    return status


def row_from_control(table: str, name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """An entry from the control's JSON; ValueError says what is wrong, KeyError names what is missing."""
    return _BUILDERS[table](name, body)


def _vehicle(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    given = body["owner"] if isinstance(body["owner"], dict) else {"id_number": body["owner"]}
    vin = parse_vin(str(body.get("vin") or _drawn_vin(key_of(name)))).number
    return {
        "plate_kind": name["plate_kind"],
        "plate": name["plate"],
        "vin": vin,
        "owner_id_number": str(given["id_number"]),
        "owner_name": str(given.get("name") or ""),
        "brand": str(body.get("brand") or ""),
        "use": str(body.get("use") or "非营运"),
        "status": _status(body),
        "first_registered": _day_or_none(body, "first_registered"),
        "inspection_until": _day_or_none(body, "inspection_until"),
        "place": str(body.get("place") or "330213"),
        "phone": str(body.get("phone") or ""),
        "address": str(body.get("address") or ""),
    }


def _licence(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": str(body.get("number") or name["id_number"]),
        "name": str(body.get("name") or ""),
        "classes": str(body.get("classes") or "C1"),
        "first_issued": _day(body, "first_issued", _today() - timedelta(days=2000)),
        "valid_from": _day(body, "valid_from", _today() - timedelta(days=2000)),
        "valid_until": _day_or_none(body, "valid_until"),
        "issuer": str(body.get("issuer") or "330200"),
        "issuer_name": str(body.get("issuer_name") or "浙江省宁波市公安局交通警察支队"),
        "status": _status(body),
        "points": int(body.get("points") or 0),
        "cycle_until": _day_or_none(body, "cycle_until"),
        "medical_until": _day_or_none(body, "medical_until"),
        "phone": str(body.get("phone") or ""),
        "address": str(body.get("address") or ""),
    }


def _violations(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    rows = [
        {
            "code": str(one["code"]),
            "at": _moment(str(one["at"])),
            "place": str(one.get("place") or ""),
            "fine_fen": int(one.get("fine_fen") or 0),
            "points": int(one.get("points") or 0),
            "plate_kind": one.get("plate_kind"),
            "plate": one.get("plate"),
        }
        for one in body.get("violations") or []
    ]
    return {"violations": rows, "accidents": int(body.get("accidents") or 0)}


def _policy(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "insurer": str(body.get("insurer") or "中国某某财产保险"),
        "policy_number": str(body.get("policy_number") or f"PDZA{key_of(name)}"),
        "since": _day(body, "since", _today() - timedelta(days=100)),
        "until": _day(body, "until"),
        "vin": body.get("vin") or name.get("vin"),
    }


def _vehicle_tax(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    exempt = bool(body.get("exempt"))
    return {
        "year": int(body.get("year") or _today().year),
        "paid_on": None if exempt else _day(body, "paid_on", _today()),
        "exempt": exempt,
        "vin": body.get("vin") or name.get("vin"),
    }


def _purchase_tax(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    exempt = bool(body.get("exempt"))
    return {"paid_on": None if exempt else _day(body, "paid_on", _today()), "exempt": exempt, "vin": name.get("vin")}


def _certificate(name: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "examined_on": _day(body, "examined_on"),
        "hospital": str(body.get("hospital") or "宁波市奉化区人民医院"),
        "special": bool(body.get("special")),
        "fit": bool(body.get("fit", True)),
    }


_BUILDERS = {
    "vehicles": _vehicle,
    "licences": _licence,
    "violations": _violations,
    "insurance": _policy,
    "vehicle_tax": _vehicle_tax,
    "purchase_tax": _purchase_tax,
    "medical": _certificate,
}


def _vehicle_of(body: Body) -> dict[str, str]:
    """Which vehicle a request names: by plate kind and plate, or by VIN, never by both."""
    if "vin" in body.fields:
        if "plate" in body.fields or "plate_kind" in body.fields:
            raise bad("vin", "a vehicle is named by its plate or by its VIN")
        return _read("vin", body.text("vin", 17))
    return _read("plate", f"{body.text('plate_kind', 2)}-{body.text('plate', 10)}")


def _read(field: str, text: str) -> dict[str, str]:
    try:
        name = vehicle_key(text)
    except ValueError:
        raise bad(field, f"{field} has a wrong form") from None
    if key_of(name) != text:
        raise bad(field, f"{field} is not in its one written form")
    return name


def blueprints(world: World) -> list[Blueprint]:
    """`/<register>/v1/…` of each."""
    state = world.state

    def find(table: str, name: dict[str, str]) -> dict[str, Any] | None:
        """The entry of a vehicle: under its own key, or, by a VIN, whichever entry has that VIN."""
        row: dict[str, Any] | None = state.get(table, key_of(name))
        if row is None and "vin" in name:
            row = next((one for one in state.rows(table).values() if one.get("vin") == name["vin"]), None)
        return row

    def vehicle(body: Body) -> dict[str, Any]:
        owner, row = body.identity(), find("vehicles", _vehicle_of(body))
        # Whose it is, the register tells to the owner only: for anybody else there is no such vehicle.
        if row is None or row["owner_id_number"] != owner:
            return {"found": False}
        return {"found": True, "vehicle": _shown(row)}

    def owned(body: Body) -> dict[str, Any]:
        owner = body.identity()
        rows = [row for row in state.rows("vehicles").values() if row["owner_id_number"] == owner]
        return {"vehicles": [_shown(row) for row in rows[:50]]}

    def licence(body: Body) -> dict[str, Any]:
        row = state.get("licences", body.identity())
        return {"found": True, "licence": row} if row else {"found": False}

    def violations(body: Body) -> dict[str, Any]:
        row = state.get("violations", body.identity())
        return row or {"violations": [], "accidents": 0}

    def compulsory(body: Body) -> dict[str, Any]:
        row = find("insurance", _vehicle_of(body))
        shown = ("insurer", "policy_number", "since", "until")
        return {"found": True, "policy": {name: row[name] for name in shown}} if row else {"found": False}

    def vehicle_tax(body: Body) -> dict[str, Any]:
        row = find("vehicle_tax", _vehicle_of(body))
        shown = ("year", "paid_on", "exempt")
        return {"found": True, "payment": {name: row[name] for name in shown}} if row else {"found": False}

    def purchase_tax(body: Body) -> dict[str, Any]:
        name = _read("vin", body.text("vin", 17))
        row = find("purchase_tax", name)
        shown = ("paid_on", "exempt")
        return {"found": True, "payment": {part: row[part] for part in shown}} if row else {"found": False}

    def certificate(body: Body) -> dict[str, Any]:
        row = state.get("medical", body.identity())
        return {"found": True, "certificate": row} if row else {"found": False}

    by_vehicle = "plate"
    operations = {
        "vehicles": {"vehicle": Operation("vehicle", vehicle), "owned": Operation("owned", owned)},
        "licences": {"licence": Operation("licence", licence)},
        "violations": {"open": Operation("open", violations)},
        "insurance": {"compulsory": Operation("compulsory", compulsory, to=by_vehicle)},
        "vehicle_tax": {"paid": Operation("paid", vehicle_tax, to=by_vehicle)},
        "purchase_tax": {"paid": Operation("paid", purchase_tax, to="vin")},
        "medical": {"certificate": Operation("certificate", certificate)},
    }
    return [register_blueprint(world, name, operations[name]) for name in NAMES]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "owner_id_number"}
