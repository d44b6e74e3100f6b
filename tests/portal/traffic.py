"""What the outside knows of drivers and vehicles in the tests of their pages."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

from tests.house import House

#: Each vehicle is another one: the stand-ins keep what earlier tests told them.
_COUNT = itertools.count(1)


def new_plate() -> str:
    """A small car's plate that no other test has."""
    return f"浙BT{next(_COUNT):04d}"


def new_vin() -> str:
    """A vehicle number that no other test has."""
    return f"LSVBB4184E4{next(_COUNT):06d}"


def owns(outside: House, id_number: str, plate: str, **more: Any) -> None:
    """Somebody owns a small car."""
    body = {"owner": {"id_number": id_number, "name": "韦小花"}, "vin": new_vin(), "status": "A"}
    outside.control("PUT", f"vehicles/02-{plate}", body | more)


def drives(outside: House, id_number: str, until: date, **more: Any) -> None:
    """Somebody has a licence."""
    body = {"classes": "C1", "first_issued": "2014-06-01", "valid_from": "2020-06-01"}
    outside.control("PUT", f"licences/{id_number}", body | {"valid_until": until.isoformat()} | more)


def insured(outside: House, key: str, today: date) -> None:
    """A vehicle's compulsory insurance is in force."""
    since, until = (today - timedelta(days=30)).isoformat(), (today + timedelta(days=300)).isoformat()
    body = {"insurer": "某某财险", "policy_number": "P1", "since": since, "until": until}
    outside.control("PUT", f"insurance/{key}", body)


def taxed(outside: House, vin: str, today: date) -> None:
    """A new vehicle's purchase tax is paid."""
    outside.control("PUT", f"purchase_tax/{vin}", {"paid_on": today.isoformat()})
