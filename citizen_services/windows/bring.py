"""What somebody brings who comes to a window: the exact list of the service that they booked."""

from __future__ import annotations

from collections.abc import Sequence

from citizen_services.catalogue import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem


def bring_of(service: ServiceItem | CounterService) -> Sequence[str]:
    """The list of a service; of an item of ours the card and whatever no register supplies."""
    if isinstance(service, CounterService):
        return service.bring
    papers = [material.name for material in service.materials if not material.suppliers and not material.deferrable]
    return ("居民身份证原件", *(name for name in papers if "居民身份证" not in name))
