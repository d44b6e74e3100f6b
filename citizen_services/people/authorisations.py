"""Authorisations: one person lets another act in their name (代办), for some items, until a day.

It is given in the principal's own account and proved by a code to their phone; it can be taken back at once. The agent
is somebody of age who is bound here, so both identities are known to have been proved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.people import codes, limits
from citizen_services.people.acting_models import Authorisation
from citizen_services.people.errors import NoSuchAgent, NoSuchAuthorisation, WrongCode
from citizen_services.people.guardians import GUARDIAN_FROM, needs_guardian
from citizen_services.people.limits import Try
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.rules.dates import chinese_full_day
from citizen_services.rules.identity import age_on
from citizen_services.rules.names import name_key

#: The longest that one authorisation runs.
LONGEST = timedelta(days=365)
#: How long one that was filled in waits for its code.
_WAITS = timedelta(minutes=30)
#: The purpose of its code.
PURPOSE = "authorise"


def words(agent_name: str, items: Sequence[str], until_day: date) -> str:
    """The sentence that the principal agrees to; ``items`` are the items' names."""
    return (
        f"我委托{agent_name}替我办理：{'、'.join(items)}，到{chinese_full_day(until_day)}为止。"
        "受托人可以替我填写、提交、补正和撤回这些申请，为此会看到我在这些申请里的资料和有关部门登记的查询结果；"
        "受托人在委托范围内办的事，由我承担后果。我随时可以收回委托。"
    )


def may_give(principal: Citizen) -> bool:
    """Whether somebody may authorise others: a child's guardian acts, and nobody else."""
    return not needs_guardian(principal.birth_date)


def reserve_search(principal: Citizen) -> Try:
    """Count a try at naming an agent; the caller commits. Raises TooMany."""
    return limits.reserve("authorise", {"citizen": str(principal.id)})


def find_agent(principal: Citizen, name: str, id_number: str) -> Citizen:
    """The person who is to be the agent; NoSuchAgent for everybody who can't be, and who is not known."""
    found = citizen_by_id_number(id_number)
    if (
        found is None
        or found.id == principal.id
        or name_key(found.name) != name_key(name)
        or age_on(found.birth_date, clock.today()) < GUARDIAN_FROM
    ):
        raise NoSuchAgent
    return found


def ask(
    principal: Citizen, agent: Citizen, items: Sequence[str], until_day: date, sentence: str, change: Change
) -> UUID:
    """Add to a change an authorisation that waits for the code that proves its principal; its id."""
    id_ = new_id()
    change.add(
        Authorisation,
        id=id_,
        principal_id=principal.id,
        agent_id=agent.id,
        items=list(items),
        from_day=clock.today(),
        until_day=until_day,
        words=sentence,
        asked_at=change.at,
        given_at=None,
        ended_at=None,
    )
    return id_


def waiting(principal: Citizen, id: UUID) -> Authorisation:
    """One of a principal's that waits for its code; NoSuchAuthorisation for any other."""
    found = db.session.get(Authorisation, id, populate_existing=True)
    if (
        found is None
        or found.principal_id != principal.id
        or found.given_at is not None
        or found.ended_at is not None
        or found.asked_at < clock.now() - _WAITS
    ):
        raise NoSuchAuthorisation
    return found


def asked_by(principal_id: UUID, id: UUID) -> Authorisation:
    """One that a principal filled in, whatever became of it; NoSuchAuthorisation for any other."""
    found = db.session.get(Authorisation, id)
    if found is None or found.principal_id != principal_id:
        raise NoSuchAuthorisation
    return found


def give(principal: Citizen, id: UUID, code: str, address: str) -> None:
    """Give what was filled in: by the code that was sent for it to the principal's phone. It replaces an earlier one.

    Of two given at the same moment the second waits, and finds that the first was given.

    What it counts must be committed whatever the answer. Raises NoSuchAuthorisation, WrongCode, TooMany.
    """
    db.session.execute(select(Citizen.id).where(Citizen.id == principal.id).with_for_update())
    found = waiting(principal, id)
    if not codes.check(principal.phone, PURPOSE, code, address, about=str(id)):
        raise WrongCode
    at = clock.now()
    db.session.execute(
        update(Authorisation)
        .where(
            Authorisation.principal_id == principal.id,
            Authorisation.agent_id == found.agent_id,
            Authorisation.id != id,
            Authorisation.ended_at.is_(None),
        )
        .values(ended_at=at)
        .execution_options(synchronize_session=False)
    )
    found.given_at = at


def revoke(principal: Citizen, id: UUID) -> None:
    """Take an authorisation back, from this moment on. Raises NoSuchAuthorisation."""
    ended = db.session.execute(
        update(Authorisation)
        .where(
            Authorisation.id == id, Authorisation.principal_id == principal.id, Authorisation.ended_at.is_(None)
        )
        .values(ended_at=clock.now())
        .returning(Authorisation.id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    if ended.first() is None:
        raise NoSuchAuthorisation


def given_by(principal_id: UUID) -> Sequence[Authorisation]:
    """Those that a person gave and that run or will end by their day, newest first."""
    query = select(Authorisation).where(
        Authorisation.principal_id == principal_id,
        Authorisation.given_at.is_not(None),
        Authorisation.ended_at.is_(None),
        Authorisation.until_day >= clock.today(),
    )
    return db.session.scalars(query.order_by(Authorisation.given_at.desc(), Authorisation.id.desc())).all()


def held_by(agent_id: UUID, principal_id: UUID | None = None) -> Sequence[Authorisation]:
    """Those that hold today and by which somebody acts: for everybody, or for one person."""
    today = clock.today()
    query = select(Authorisation).where(
        Authorisation.agent_id == agent_id,
        Authorisation.given_at.is_not(None),
        Authorisation.ended_at.is_(None),
        Authorisation.from_day <= today,
        Authorisation.until_day >= today,
    )
    if principal_id is not None:
        query = query.where(Authorisation.principal_id == principal_id)
    return db.session.scalars(query.order_by(Authorisation.given_at, Authorisation.id)).all()


def people(ids: Collection[UUID]) -> dict[UUID, Citizen]:
    """The people of some ids."""
    if not ids:
        return {}
    return {one.id: one for one in db.session.scalars(select(Citizen).where(Citizen.id.in_(ids)))}
