"""What is offered when: the one place that knows which services a slot takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from citizen_services.catalogue import CounterService, UnknownItem
from citizen_services.parts import parts
from citizen_services.rules.dates import local_date
from citizen_services.windows.desks import desks, is_closed


def offers(office_code: str, starts_at: datetime, services: Collection[str], service: str) -> bool:
    """Whether a slot of an office at that time takes a service; ``services`` are those of its group.

    A service that needs a partner's desk is offered only while that desk of the same hall is open. On a day that turned
    out to be closed after its slots were released, nothing is.
    """
    if service not in services or is_closed(office_code, local_date(starts_at)):
        return False
    needed = desks_needed(service)
    return not needed or all(
        (desk := desks().get((office_code, partner))) is not None and desk.at(starts_at) for partner in needed
    )


def desks_needed(service: str) -> Sequence[str]:
    """The partners' desks of the hall without which a service is not done, by code; none for an unknown service.

    A counter service names them. An item needs those of its parts (一站式) that have one and are not optional.
    """
    try:
        declared = parts().catalogue.service(service)
    except UnknownItem:
        return ()
    if isinstance(declared, CounterService):
        return declared.desks
    return tuple(dict.fromkeys(part.desk for part in declared.parts if part.desk is not None and not part.optional))


def fall_out(office_code: str, starts_at: datetime, services: Collection[str]) -> list[str]:
    """The names of those services of a group that a slot at that time can't take, since a desk is closed then."""
    left = [one for one in services if not offers(office_code, starts_at, services, one)]
    return [parts().catalogue.service(one).name for one in left]
