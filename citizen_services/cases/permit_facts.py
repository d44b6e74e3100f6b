"""Residence permits that end by a fact: the household moved into the urban area, death, a newer permit elsewhere.

Read from registers wherever they are asked about a person anyway, and by a slow round through all permits.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.exc import DBAPIError

from citizen_services import clock
from citizen_services.cases.errors import MovedOn, NotPossible
from citizen_services.cases.models import Case
from citizen_services.cases.operations import perform
from citizen_services.catalogue.vocabulary import Supplier
from citizen_services.database import Change, Conflict, commit, db
from citizen_services.database.base import rollback
from citizen_services.exchange.operations import gather
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import end_permit
from citizen_services.registers.queries import permit_in_force

log = logging.getLogger(__name__)

_PERSON = Supplier("population", "person")
_HISTORY = Supplier("migrants", "history")
#: Permits of one round, each at most two calls; the next round goes on behind them.
BATCH = 50
#: How often an ending is decided anew where somebody else was faster on the same case.
_DECISIONS = 4


def end_if_told(citizen_id: UUID, answers: Mapping[str, Mapping[str, Any]]) -> bool:
    """End the person's permit where these answers (as ``gather`` gives them) tell a fact that ends it; whether it did.

    A case in which a card of it is made or on its way ends with it, in writing. The caller commits. Registers that are
    away tell nothing, and where nothing is told nothing is read.
    """
    person, newer = _household(answers), _others(answers)
    if person is None and not newer:
        return False
    for _ in range(_DECISIONS):
        try:
            # A savepoint, so that whoever was faster with a case undoes the whole ending and nothing of the caller's.
            with db.session.begin_nested():
                return _end(citizen_id, person, newer)
        except (MovedOn, NotPossible, Conflict):
            continue
    log.info("the permit of citizen %s ends at the next look: others are at work on it", citizen_id)
    return False


def _end(citizen_id: UUID, person: str | None, newer: Sequence[Mapping[str, Any]]) -> bool:
    permit = permit_in_force(citizen_id)
    if permit is None:
        return False
    ending = (person, clock.today()) if person is not None else _elsewhere(permit, newer)
    if ending is None:
        return False
    reason, day = ending
    action = "holder_died" if reason == "death" else "permit_ended"
    cases = _making_cards(citizen_id, action)
    for case_id in cases:
        # The step ends the permit, where none before has.
        given = {"fact": reason, "day": day.isoformat()}
        perform(parts().catalogue, case_id, action, Actor.system("permit_facts"), None, given)
    if not cases:
        change = Change(clock.now())
        end_permit(change, permit, reason=reason, day=day)
        change.write()
    return True


def _making_cards(citizen_id: UUID, action: str) -> list[UUID]:
    """The person's cases that end with their permit, oldest first."""
    query = select(Case.id, Case.item, Case.item_version, Case.state)
    found = db.session.execute(
        query.where(Case.citizen_id == citizen_id, Case.ended_at.is_(None)).order_by(Case.id)
    ).all()
    item = parts().catalogue.item
    return [one.id for one in found if item(one.item, one.item_version).step(one.state, action) is not None]


def read_facts() -> int:
    """Ask the registers about the permits whose turn it is, BATCH at most; how many ended. Commits each for itself.

    A permit's day is noted before the call: two schedulers ask about nobody twice. Where a register is away the round
    ends: its permit has its turn again tomorrow, those behind it in the next round.
    """
    ended = 0
    turns = [(row[0], row[1]) for row in db.session.execute(turns_due())]
    commit()
    for permit_id, checked_on in turns:
        citizen = _take(permit_id, checked_on)
        if citizen is None:
            continue
        try:
            told, away = _read(citizen)
        except DBAPIError:
            # The database is away: the next one would fare no better.
            raise
        except Exception as fault:
            # Whatever is wrong with this one, those behind it are not to wait for it for ever.
            rollback()
            log.error("the facts of permit %s can't be read: %s", permit_id, type(fault).__name__)
            continue
        ended += told
        if away:
            _put_off(permit_id)
            break
    return ended


def turns_due() -> Select[UUID, date]:
    """What a round asks, in the words of its index: permits about which nobody asked for PERMIT_CHECK_DAYS."""
    query = select(ResidencePermit.id, ResidencePermit.checked_on).where(
        text("residence_permit.state = 'current'"), ResidencePermit.checked_on <= clock.today() - _every()
    )
    return query.order_by(ResidencePermit.checked_on, ResidencePermit.id).limit(BATCH)


def _every() -> timedelta:
    return timedelta(days=parts().settings.permit_check_days)


def _take(permit_id: UUID, checked_on: date) -> Citizen | None:
    """Note that the permit has its turn now; None where another process was faster, or it has ended."""
    mine = (
        update(ResidencePermit)
        .where(
            ResidencePermit.id == permit_id,
            ResidencePermit.state == "current",
            ResidencePermit.checked_on == checked_on,
        )
        .values(checked_on=clock.today())
        .returning(ResidencePermit.citizen_id)
        .execution_options(synchronize_session=False)
    )
    citizen_id = db.session.execute(mine).scalar_one_or_none()
    citizen = db.session.get_one(Citizen, citizen_id) if citizen_id is not None else None
    commit()
    return citizen


def _read(citizen: Citizen) -> tuple[bool, bool]:
    """Ask about one person: whether the permit ended, and whether a register was away."""
    answers = gather(citizen.id, citizen.id_number, citizen.name, [_PERSON, _HISTORY])
    away = any(answer["outcome"] == "unavailable" for answer in answers.values())
    if end_if_told(citizen.id, answers):
        commit()
        return True, away
    # What tells nothing new is not kept: nobody asked for it.
    rollback()
    return False, away


def _put_off(permit_id: UUID) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    db.session.execute(
        update(ResidencePermit)
        .where(ResidencePermit.id == permit_id)
        .values(checked_on=tomorrow - _every())
        .execution_options(synchronize_session=False)
    )
    commit()


def _household(answers: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Which fact the population register tells of the person, None where it tells none."""
    person = _content(answers, _PERSON)
    if person.get("status") == "deceased":
        return "death"
    return "hukou_moved" if person.get("hukou_code") in parts().settings.city_area else None


def _others(answers: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The valid permits that the province knows of the person and that we did not write."""
    permits = _content(answers, _HISTORY).get("permits", ())
    return [row for row in permits if row["state"] == "valid" and row["written_ref"] is None]


def _elsewhere(permit: ResidencePermit, others: Sequence[Mapping[str, Any]]) -> tuple[str, date] | None:
    """The newest permit that another district issued after this one; its day is the day on which this one ended."""
    newer = [
        date.fromisoformat(row["issued"])
        for row in others
        if row["district"] != permit.district
        and row["number"] != permit.card_number
        and permit.issued_on < date.fromisoformat(row["issued"]) <= clock.today()
    ]
    return ("new_permit", max(newer)) if newer else None


def _content(answers: Mapping[str, Mapping[str, Any]], need: Supplier) -> Mapping[str, Any]:
    answer = answers.get(need.key)
    return (answer["content"] or {}) if answer is not None else {}
