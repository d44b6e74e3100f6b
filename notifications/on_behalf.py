"""Whoever acted for somebody: the person is told at every turn, whatever else they are told."""

from __future__ import annotations

from uuid import UUID

from citizen_services.cases.standing import WORDS
from citizen_services.database import Change, db
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_moment
from citizen_services.rules.masking import mask_name
from notifications import rows, texts


def who_of(actor: Actor) -> str:
    """Who acted for another, and as what, as the person reads it."""
    return f"{WORDS[actor.name]}{mask_name(db.session.get_one(Citizen, actor.id).name)}"


def tell(change: Change, who: str, act: str, case_id: UUID, number: str, item: str, citizen: Citizen) -> None:
    """Tell a person that somebody did something in their name."""
    values = {"who": who, "act": act, "at": chinese_moment(change.at), "number": number, "item": item}
    rows.tell(change, texts.ACTED_FOR_YOU, values, citizen, rows.About(case_id, path=f"/h5/cases/{case_id}"))
