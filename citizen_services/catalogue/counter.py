"""Counter-only services and partners' parts: what is done at a window without a case of ours, and who else has a part.

A counter service is booked, called and served; its case lies in the national platform. Its guide, its list of what to
bring and its pre-checks are declared like those of any item. A part (一站式) is what another desk of the hall has to
have done: where a register tells, nobody is asked for a paper.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from citizen_services.catalogue.vocabulary import PreCheck, Source, Supplier

#: The desks of partners in the hall, by code.
PARTNER_DESKS: Mapping[str, str] = {
    "ems": "邮政EMS寄递",
    "purchase_tax": "车辆购置税",
    "insurance": "交强险",
    "medical": "驾驶人体检",
}

#: About whom a service is booked: the person alone, or one of their vehicles.
SUBJECTS = ("person", "vehicle")
_CODE = re.compile(r"counter-[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_VISIT = 240


@dataclass(frozen=True)
class Part:
    """One partner's part of a matter.

    ``supplier`` is the register that tells whether it is done (None: nobody tells, it is done in the hall), ``done``
    reads its answer on a day, ``shown`` makes a line of it. ``todo`` is said where it is missing, ``desk`` is the
    partner's desk in the hall, None where it has none. ``optional``: the matter does not wait for it.
    """

    code: str
    name: str
    source: Source
    todo: str
    supplier: Supplier | None = None
    done: Callable[[Mapping[str, Any], date], bool] | None = None
    shown: Callable[[Mapping[str, Any]], str] | None = None
    desk: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class CounterService:
    """A service that is done at a window and has no case of ours.

    ``minutes`` is what a visit takes at the window; ``bring`` the exact list of what to bring; ``desks`` the partner
    desks that must be open while it is served; ``in_person`` the law that wants the owner in person, None where an
    agent may come; ``subject`` about whom it is booked. ``booked``: whether windows are released for it.
    """

    code: str
    name: str
    legal_basis: tuple[Source, ...]
    summary: str
    audience: str
    result: str
    fee: str
    #: Why it can't be done without coming (必须现场办理原因), as the guide prints it.
    why: str
    minutes: int
    bring: tuple[str, ...]
    subject: str = "vehicle"
    #: How the vehicle is named: by its plate, or by its VIN while it has none.
    vehicle_by: str = "plate"
    desks: tuple[str, ...] = ()
    pre_checks: tuple[PreCheck, ...] = ()
    parts: tuple[Part, ...] = ()
    in_person: Source | None = None
    hotline: str = ""
    words: tuple[str, ...] = ()
    version: int = 1

    def suppliers(self) -> tuple[Supplier, ...]:
        """Every register that its parts and pre-checks rest on, each once, in order."""
        return tuple(dict.fromkeys(part.supplier for part in self.parts if part.supplier is not None))


def faults_of_counter(service: CounterService) -> list[str]:
    """Every fault of a counter service's declaration; empty where it may be offered."""
    return [f"{service.code}: {fault}" for fault in _faults(service)]


def _faults(service: CounterService) -> Iterator[str]:
    if not _CODE.fullmatch(service.code):
        yield "the code of a counter service begins with counter-"
    if not service.legal_basis:
        yield "no legal basis"
    if not 1 <= service.minutes <= _LONGEST_VISIT:
        yield f"a visit of {service.minutes} minutes is none"
    if not service.bring:
        yield "what to bring is empty"
    if len(set(service.bring)) != len(service.bring):
        yield "something is to be brought twice"
    if service.vehicle_by not in ("plate", "vin"):
        yield f"its vehicle is named by {service.vehicle_by}, which is neither plate nor vin"
    if service.subject not in SUBJECTS:
        yield f"it is booked about {service.subject}, which is neither of {', '.join(SUBJECTS)}"
    for words in (service.name, service.summary, service.audience, service.result, service.fee, service.why):
        if not words.strip():
            yield "a sentence of its guide is empty"
    yield from faults_of_parts(service.parts)
    for desk in service.desks:
        if desk not in PARTNER_DESKS:
            yield f"desk {desk} is no partner's"


def faults_of_parts(parts: tuple[Part, ...]) -> Iterator[str]:
    """What is wrong with the parts of a service."""
    if len({part.code for part in parts}) != len(parts):
        yield "two parts have one code"
    for part in parts:
        if part.desk is not None and part.desk not in PARTNER_DESKS:
            yield f"part {part.code}: desk {part.desk} is no partner's"
        if (part.supplier is None) != (part.done is None):
            yield f"part {part.code}: what a register tells must be read, and nothing else"
        if part.supplier is None and part.desk is None:
            yield f"part {part.code}: nobody tells of it and nobody does it"
        if not part.todo:
            yield f"part {part.code}: nobody is told what to do"
