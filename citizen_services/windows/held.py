"""What is read once before a hold becomes an appointment: the hold, its slot, its person, and what others asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select, text

from citizen_services.database.direct import Direct, columns_of, read_apart
from citizen_services.people.models import Citizen
from citizen_services.windows.booking_models import Hold, WaitingEntry, appointment_number_sequence
from citizen_services.windows.models import Slot

#: What receivers of ``appointment_moved`` want to know of its person: by a name, how one value is read by the
#: citizen's id. Filled at import, so that it is part of the one question; ``Booked.along`` has the answers.
ALONG: dict[str, Callable[[ColumnElement[UUID]], ColumnElement[Any]]] = {}


@dataclass(frozen=True)
class Held:
    """A hold as it is booked: to be read, since the objects belong to no session."""

    hold: Hold
    slot: Slot
    citizen: Citizen
    #: Whether its person waits for the same service about the same subject, or was offered it.
    waits: bool
    #: The next appointment's number, used up whether or not it is booked in the end.
    number: int
    #: What receivers asked for (ALONG).
    along: Mapping[str, Any]


def held(citizen_id: UUID, hold_id: UUID) -> Held | None:
    """A person's hold with all that booking it rests on, in one question; None where it is not theirs."""
    row = _question().first(hold_id=hold_id, citizen_id=citizen_id)
    if row is None:
        return None
    of_hold, of_slot, of_citizen = len(columns_of(Hold)), len(columns_of(Slot)), len(columns_of(Citizen))
    whole = of_hold + of_slot + of_citizen
    return Held(
        read_apart(Hold, row[:of_hold]),
        read_apart(Slot, row[of_hold : of_hold + of_slot]),
        read_apart(Citizen, row[of_hold + of_slot : whole]),
        bool(row[whole]),
        row[whole + 1],
        dict(zip(ALONG, row[whole + 2 :], strict=True)),
    )


@cache
def _question() -> Direct:
    waiting = (
        select(func.count())
        .where(
            WaitingEntry.citizen_id == Hold.citizen_id,
            WaitingEntry.subject_lookup == Hold.subject_lookup,
            WaitingEntry.service == Hold.service,
            # In the words of their index.
            text("waiting_entry.state IN ('waiting', 'offered')"),
        )
        .correlate(Hold)
        .scalar_subquery()
    )
    return Direct(
        select(
            *columns_of(Hold),
            *columns_of(Slot),
            *columns_of(Citizen),
            waiting,
            appointment_number_sequence.next_value(),
            *(read(Hold.__table__.c.citizen_id) for read in ALONG.values()),
        )
        .select_from(Hold)
        .join(Slot, Slot.id == Hold.slot_id)
        .join(Citizen, Citizen.id == Hold.citizen_id)
        .where(Hold.id == bindparam("hold_id"), Hold.citizen_id == bindparam("citizen_id"))
    )
