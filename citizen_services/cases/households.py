"""Households (同户登记): one form and one key, one case a person, and nobody registered by another without leave.

Children under sixteen and people who authorised the head are registered by the head; every other adult confirms in
their own account. What happens to one of them holds up nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, update

from citizen_services import clock
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.household_models import Household, HouseholdMember
from citizen_services.cases.models import Case, Draft
from citizen_services.cases.signals import household_invited, invitation_ended
from citizen_services.catalogue import forms
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, db, new_id
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.rules.names import name_key
from citizen_services.security import keyring

#: How long an invitation waits to be confirmed, business time.
INVITED_FOR = timedelta(days=30)
#: How many people one household may name.
MOST = 12
#: A member may send their draft by themselves.
_CASE_ID: Any = func.coalesce(HouseholdMember.case_id, Draft.case_id)
RELATIONS: Mapping[str, str] = {
    "self": "本人",
    "spouse": "配偶",
    "child": "子女",
    "parent": "父母",
    "other": "其他同住家人",
}


@dataclass(frozen=True)
class Named:
    """Somebody to be registered with the head; without ``citizen_id`` a child that we don't know, or an invitation."""

    relation: str
    name: str
    id_number: str
    citizen_id: UUID | None
    invited: bool = False


@dataclass(frozen=True)
class Seen:
    """A member, and their case once there is one."""

    member: HouseholdMember
    case: Case | None

    @property
    def state(self) -> str:
        """``done``, ``trouble``, ``going``, ``invited``, ``late`` (nobody confirmed in time), ``declined``."""
        member = self.member
        if self.case is not None:
            return "done"
        if member.state == "invited" and member.until_day is not None and member.until_day < clock.today():
            return "late"
        return "trouble" if member.state == "going" and member.trouble else member.state


def begin(
    change: Change, item: ServiceItem, head: Citizen, draft: Draft, address: str, others: Sequence[Named]
) -> UUID:
    """Add to a change a household that shares the answers of its head's draft; its id."""
    household_id = new_id()
    change.add(
        Household,
        id=household_id,
        item=item.code,
        head_id=head.id,
        data=forms.active_data(item, draft.data),
        address=address,
        at=change.at,
    )
    for place, one in enumerate((Named("self", head.name, head.id_number, head.id), *others)):
        member_id, until = new_id(), clock.today() + INVITED_FOR if one.invited else None
        change.add(
            HouseholdMember,
            id=member_id,
            household_id=household_id,
            place=place,
            relation=one.relation,
            name=one.name,
            id_number=one.id_number,
            id_lookup=keyring().lookup("id_number", one.id_number),
            citizen_id=one.citizen_id,
            state="invited" if one.invited else "going",
            until_day=until,
            draft_id=draft.id if place == 0 else None,
            case_id=None,
            trouble=None,
            tries=0,
        )
        invited = citizen_by_id_number(one.id_number) if one.invited else None
        # A wrong name with a right number reaches nobody.
        if invited is not None and name_key(invited.name) == name_key(one.name):
            household_invited.send(member_id, citizen=invited, head=head, item=item, until=until, change=change)
    return household_id


# --- Reading ------------------------------------------------------------------------------------------------------


def one(household_id: UUID) -> Household:
    """A household; NoSuchCase where there is none. Who may see it is the caller's to judge."""
    found = db.session.get(Household, household_id)
    if found is None:
        raise NoSuchCase("没有找到这次登记，请从“我的办件”进入。")
    return found


def of_head(head_id: UUID, household_id: UUID) -> Household:
    """A household that somebody began; NoSuchCase for everybody else's."""
    found = one(household_id)
    if found.head_id != head_id:
        raise NoSuchCase("没有找到这次登记，请从“我的办件”进入。")
    return found


def begun_by(head_id: UUID) -> Sequence[Household]:
    """The households that somebody began, newest first."""
    query = select(Household).where(Household.head_id == head_id)
    return db.session.scalars(query.order_by(Household.at.desc(), Household.id.desc())).all()


def members_of(household_id: UUID) -> list[Seen]:
    """Everybody of a household as it stands now, in the order in which they were named."""
    query = _with_case().where(HouseholdMember.household_id == household_id).order_by(HouseholdMember.place)
    return [Seen(row[0], row[1]) for row in db.session.execute(query.execution_options(populate_existing=True))]


def member(member_id: UUID) -> Seen:
    """One member as it stands now."""
    query = _with_case().where(HouseholdMember.id == member_id).execution_options(populate_existing=True)
    row = db.session.execute(query).one()
    return Seen(row[0], row[1])


def of_case(case: Case) -> list[Seen]:
    """Everybody of the household to which a case belongs, the case itself included; nobody where it was sent alone."""
    query = (
        select(HouseholdMember.household_id)
        .outerjoin(Draft, Draft.id == HouseholdMember.draft_id)
        .where(HouseholdMember.citizen_id == case.citizen_id, case.id == _CASE_ID)
    )
    found = db.session.scalar(query)
    return members_of(found) if found is not None else []


def _with_case() -> Select[HouseholdMember, Case]:
    return (
        select(HouseholdMember, Case)
        .outerjoin(Draft, Draft.id == HouseholdMember.draft_id)
        .outerjoin(Case, Case.id == _CASE_ID)
    )


def invitations(citizen: Citizen) -> list[HouseholdMember]:
    """What a person is asked to confirm: under their own number and name, and in time."""
    query = select(HouseholdMember).where(
        HouseholdMember.id_lookup.in_(keyring().lookups("id_number", citizen.id_number)),
        HouseholdMember.state == "invited",
        HouseholdMember.until_day >= clock.today(),
    )
    found = db.session.scalars(query.order_by(HouseholdMember.id.desc()))
    return [one for one in found if name_key(one.name) == name_key(citizen.name)]


def invitation(citizen: Citizen, member_id: UUID) -> tuple[Seen, Household]:
    """An invitation of the person's own, or what became of it once they confirmed; NoSuchCase for any other."""
    found = next((one for one in invitations(citizen) if one.id == member_id), None)
    if found is None:
        found = db.session.get(HouseholdMember, member_id)
        theirs = found is not None and found.citizen_id == citizen.id and found.until_day is not None
        if found is None or not theirs or found.state != "going":
            raise NoSuchCase("没有找到这份邀请，或者它已经过期。")
    return member(found.id), db.session.get_one(Household, found.household_id)


def answers_for(item: ServiceItem, household: Household, relation: str) -> dict[str, dict[str, Any]]:
    """The household's answers as one of its members gives them: what is only the head's reads otherwise."""
    data: dict[str, dict[str, Any]] = {code: dict(fields) for code, fields in household.data.items()}
    if relation == "self" or item.household is None:
        return data
    for group, name, instead in item.household.otherwise:
        if name in data.get(group, {}):
            given = data[group][name]
            data[group][name] = instead.get(given, given)
    return data


# --- Changing -----------------------------------------------------------------------------------------------------


def confirm(citizen: Citizen, member_id: UUID) -> None:
    """Take an invitation: the person's own leave. Raises NoSuchCase where it was answered meanwhile."""
    _answer(citizen, member_id, state="going", citizen_id=citizen.id)


def decline(citizen: Citizen, member_id: UUID) -> None:
    """Turn an invitation down. Raises NoSuchCase where it was answered meanwhile."""
    _answer(citizen, member_id, state="declined")


def _answer(citizen: Citizen, member_id: UUID, **values: Any) -> None:
    invitation(citizen, member_id)
    _must_hit(
        update(HouseholdMember)
        .where(HouseholdMember.id == member_id, HouseholdMember.state == "invited")
        .values(**values),
        NoSuchCase("没有找到这份邀请，或者它已经答复过。"),
    )
    invitation_ended.send(member_id)


def known(member: HouseholdMember, citizen_id: UUID, change: Change) -> None:
    """Add to a change who a member is here."""
    change.count(
        update(HouseholdMember)
        .where(HouseholdMember.id == member.id, HouseholdMember.citizen_id.is_(None))
        .values(citizen_id=citizen_id)
    )


def filled_in(member_id: UUID, draft_id: UUID) -> None:
    """Note which draft is a member's; the caller commits."""
    db.session.execute(_of(member_id).values(draft_id=draft_id, trouble=None))


def sent(member_id: UUID, case_id: UUID) -> None:
    """Note which case is a member's, in the transaction that makes it. Raises MovedOn where they have one already."""
    _must_hit(_of(member_id).where(HouseholdMember.case_id.is_(None)).values(case_id=case_id, trouble=None), MovedOn())


def stuck(member_id: UUID, why: str) -> None:
    """Note why a member could not be registered; the caller commits."""
    db.session.execute(_of(member_id).values(trouble=why))


def try_again(member: HouseholdMember) -> None:
    """Let a member that could not be registered be tried once more. Raises MovedOn where somebody just did."""
    _must_hit(
        _of(member.id).where(HouseholdMember.tries == member.tries, HouseholdMember.trouble.is_not(None)).values(
            tries=member.tries + 1, trouble=None
        ),
        MovedOn(),
    )  # fmt: skip


def _of(member_id: UUID) -> Any:
    return (
        update(HouseholdMember).where(HouseholdMember.id == member_id).execution_options(synchronize_session=False)
    )  # fmt: skip


def _must_hit(statement: Any, otherwise: Exception) -> None:
    result: Any = db.session.execute(statement.execution_options(synchronize_session=False))
    if result.rowcount != 1:
        raise otherwise
