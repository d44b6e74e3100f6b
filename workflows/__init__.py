"""Workflows: the declared service items. Adding a service is one module here and its test."""

from collections.abc import Sequence

from citizen_services.catalogue import ServiceItem
from workflows import (
    licences,
    residence_permit,
    residence_permit_change,
    residence_permit_endorse,
    residence_permit_renew,
    residence_permit_replace,
    residence_registration,
    vehicles,
)
from workflows.counter_services import declared_at_counter

__all__ = ["declared", "declared_at_counter"]


def declared() -> Sequence[ServiceItem]:
    """Every version of every item, in the order in which they are offered."""
    return (
        residence_registration.ITEM,
        residence_permit.ITEM,
        *residence_permit.EARLIER,
        residence_permit_endorse.ITEM,
        residence_permit_replace.ITEM,
        *residence_permit_replace.EARLIER,
        residence_permit_renew.ITEM,
        *residence_permit_renew.EARLIER,
        residence_permit_change.ITEM,
        *licences.ITEMS,
        *vehicles.ITEMS,
    )
