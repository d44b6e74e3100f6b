"""What registers answered before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from citizen_services import clock
from citizen_services.database import db
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
}


def answer(answer_id: UUID) -> RegisterAnswer | None:
    """One answer as it was kept: what an officer saw can be shown years later."""
    return db.session.get(RegisterAnswer, answer_id)


def answers_of(citizen_id: UUID, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The newest answer for each ``source.topic``, whatever its age; ``unavailable`` only where there is no better one.

    Each is ``{id, source, topic, outcome, content, at, fresh}``; a key that was never asked about is missing.
    """
    return {f"{row.source}.{row.topic}": as_answer(row) for row in _rows(citizen_id, keys)} if keys else {}


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
    serves = SERVES[f"{row.source}.{row.topic}"]
    return row.outcome != "unavailable" and row.fresh_until > clock.protocol_now() and row.at + serves > clock.now()


def _rows(citizen_id: UUID, keys: Sequence[str]) -> Sequence[RegisterAnswer]:
    """One row a key: the newest that tells something, else the newest."""
    wanted = [tuple(key.split(".", 1)) for key in keys]
    return db.session.scalars(
        select(RegisterAnswer)
        .where(
            RegisterAnswer.citizen_id == citizen_id,
            tuple_(RegisterAnswer.source, RegisterAnswer.topic).in_(wanted),
        )
        .ext(distinct_on(RegisterAnswer.source, RegisterAnswer.topic))
        .order_by(
            RegisterAnswer.source,
            RegisterAnswer.topic,
            RegisterAnswer.outcome == "unavailable",
            # Ids are in order of the machine's time; business time may have been moved.
            RegisterAnswer.id.desc(),
        )
    ).all()
