"""What is read once before an application is sent: what its person holds, and the case's number."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, true

from citizen_services.cases.models import case_number_sequence
from citizen_services.database.direct import Direct
from citizen_services.registers.queries import HELD, Held, held_in


class AtSending(NamedTuple):
    """What sending an application needs to know of its person, and the next case's number, all in one question."""

    held: Held
    number: int


_NUMBER = select(case_number_sequence.next_value().label("number")).subquery("next")
#: The number stands whatever else there is, on each row that there is.
_AT_SENDING = Direct(select(_NUMBER.c.number, *HELD.c).select_from(_NUMBER.outerjoin(HELD, true())))


def at_sending(citizen_id: UUID) -> AtSending:
    """What sending an application rests on, read once; the number is used up whether or not it is sent in the end."""
    rows = _AT_SENDING.rows(citizen_id=citizen_id)
    return AtSending(held_in([row[1:] for row in rows]), rows[0][0])
