"""What registers answered before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import distinct_on

from citizen_services import clock
from citizen_services.database import db
from citizen_services.database.direct import Direct
from citizen_services.exchange.models import RegisterAnswer

#: How long an answer serves, by ``source.topic``. What changes by our own doing is kept for a short while only;
#: an address that a person chose serves until they choose another.
SERVES: Mapping[str, timedelta] = {
    "population.person": timedelta(hours=12),
    "population.portrait": timedelta(days=7),
    "migrants.history": timedelta(minutes=5),
    "social_insurance.employment": timedelta(hours=12),
    "market.business": timedelta(hours=12),
    "schools.enrolment": timedelta(hours=12),
    "addresses.address": timedelta(days=30),
    # What somebody has just paid, insured or settled is to be seen at their next look.
    "vehicles.owned": timedelta(minutes=5),
    "licences.licence": timedelta(minutes=5),
    "violations.open": timedelta(minutes=2),
    "medical.certificate": timedelta(minutes=2),
    "vehicles.vehicle": timedelta(minutes=5),
    "insurance.compulsory": timedelta(minutes=2),
    "vehicle_tax.paid": timedelta(minutes=2),
    "purchase_tax.paid": timedelta(minutes=2),
}
#: What registers tell of one vehicle that somebody names; a kept answer's content has its name under ``vehicle``.
OF_VEHICLE = frozenset({"vehicles.vehicle", "insurance.compulsory", "vehicle_tax.paid", "purchase_tax.paid"})


def answer(answer_id: UUID) -> RegisterAnswer | None:
    """One answer as it was kept: what an officer saw can be shown years later."""
    return db.session.get(RegisterAnswer, answer_id)


def answers_of(citizen_id: UUID, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """The newest answer for each ``source.topic``, whatever its age; ``unavailable`` only where there is no better one.

    Each is ``{id, source, topic, outcome, content, at, fresh}``; a key that was never asked about is missing.
    """
    if not keys:
        return {}
    answers = {}
    machine, business = clock.protocol_now(), clock.now()
    for id_, source, topic, outcome, content, at, fresh_until in _NEWEST.rows(citizen_id=citizen_id):
        key = f"{source}.{topic}"
        if key in keys:
            answers[key] = {
                "id": str(id_),
                "source": source,
                "topic": topic,
                "outcome": outcome,
                "content": content,
                "at": at,
                "fresh": _serves(key, outcome, at, fresh_until, machine, business),
            }
    return answers


#: One row a source and topic: the newest that tells something, else the newest. Of which keys they are is looked at
#: afterwards: a person has no more of them than there are registers.
_NEWEST = Direct(
    select(
        RegisterAnswer.id,
        RegisterAnswer.source,
        RegisterAnswer.topic,
        RegisterAnswer.outcome,
        RegisterAnswer.content,
        RegisterAnswer.at,
        RegisterAnswer.fresh_until,
    )
    .where(RegisterAnswer.citizen_id == bindparam("citizen_id"))
    .ext(distinct_on(RegisterAnswer.source, RegisterAnswer.topic))
    .order_by(
        RegisterAnswer.source,
        RegisterAnswer.topic,
        RegisterAnswer.outcome == "unavailable",
        # Ids are in order of the machine's time; business time may have been moved.
        RegisterAnswer.id.desc(),
    )
)


def fresh_answers(citizen_id: UUID, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """As answers_of, but only those that may be used without asking again."""
    return {key: one for key, one in answers_of(citizen_id, keys).items() if one["fresh"]}


def as_answer(row: RegisterAnswer) -> dict[str, Any]:
    """A kept answer as other rooms know it."""
    return {
        "id": str(row.id),
        "source": row.source,
        "topic": row.topic,
        "outcome": row.outcome,
        "content": row.content,
        "at": row.at,
        "fresh": is_fresh(row),
    }


def is_fresh(row: RegisterAnswer) -> bool:
    """Whether an answer may still be used: by the machine's time, and by business time, which may be moved forward."""
    key = f"{row.source}.{row.topic}"
    return _serves(key, row.outcome, row.at, row.fresh_until, clock.protocol_now(), clock.now())


def _serves(key: str, outcome: str, at: datetime, fresh_until: datetime, machine: datetime, business: datetime) -> bool:
    return outcome != "unavailable" and fresh_until > machine and at + SERVES[key] > business
