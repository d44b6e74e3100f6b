"""Invitations to register with a household: told once to whoever has an account, and no more once they answered."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from citizen_services import clock
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_day, end_of_day
from citizen_services.rules.masking import mask_name
from notifications import ladder, rows, texts


def tell(member_id: UUID, *, citizen: Citizen, head: Citizen, item: ServiceItem, until: date, change: Change) -> None:
    """Somebody of their family names an adult: by day, and not after the invitation's last day."""
    values = {"who": mask_name(head.name), "item": item.name, "until": chinese_day(until)}
    about = rows.About(None, member_id, f"/h5/households/invitations/{member_id}")
    expires_at = clock.protocol_now() + (end_of_day(until) - change.at)
    rows.tell(change, texts.HOUSEHOLD_INVITED, values, citizen, about, by_day=True, expires_at=expires_at)


def withdraw(member_id: UUID) -> None:
    """It was answered: what waits to be told of it is told to nobody."""
    ladder.withdraw(texts.HOUSEHOLD_INVITED.code, member_id, "the invitation was answered")
