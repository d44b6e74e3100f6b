"""Organisations: bound by whoever answers for them by the market register, acted for by whom that person names.

One thing is done for them so far: reporting who began and ceased to work there (浙江省流动人口居住登记条例 art 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import Change, db, new_id
from citizen_services.exchange import clients
from citizen_services.exchange.market import Business
from citizen_services.people import limits
from citizen_services.people.acting_models import Organisation, OrganisationPerson, WorkerReport
from citizen_services.people.errors import AlreadyReported, NoSuchOrganisation, NotNamedFor, NotTheHead
from citizen_services.people.limits import Try
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.people.signals import worker_joined
from citizen_services.rules.dates import local_date
from citizen_services.rules.keyset import Place
from citizen_services.security import keyring

KINDS: Mapping[str, str] = {"joined": "入职", "left": "离职"}
#: Who answers for an organisation, as the market register calls it.
_HEADS = ("legal_representative", "operator")
#: How many reports a page shows.
_SHOWN = 50
MOST = 200


def reserve_binding(citizen: Citizen) -> Try:
    """Count a try at binding; the caller commits. Raises TooMany."""
    return limits.reserve("organisation", {"citizen": str(citizen.id)})


def look_up(citizen: Citizen, credit_code: str) -> Business:
    """The organisation of a code for which the person answers and which stands; NotTheHead for any other.

    Calls the register, outside of any transaction. Raises OutsideError.
    """
    found = clients.market().business_of(citizen.id_number, credit_code).value
    if found is None or found.role not in _HEADS or (found.ended is not None and found.ended <= clock.today()):
        raise NotTheHead
    return found


def bind(citizen: Citizen, business: Business) -> UUID:
    """Bind an organisation to whoever answers for it; another head takes the earlier one's place. Its id."""
    row = {"name": business.business, "head_id": citizen.id, "bound_at": clock.now(), "ended_at": None}
    statement = (
        insert(Organisation)
        .values(id=new_id(), credit_code=business.credit_code, **row)
        .on_conflict_do_update(index_elements=["credit_code"], set_=row)
        .returning(Organisation.id)
    )
    id_: UUID = db.session.execute(statement).scalar_one()
    return id_


def stands_today(organisation: Organisation) -> bool:
    """Whether the register said today that its head answers for it."""
    return local_date(organisation.bound_at) == clock.today()


def head_stands(organisation_id: UUID, head_id: UUID, *, stands: bool) -> None:
    """Note what the register says of a head now: who answers for it no more is out, and whom they named with them.

    Of another one, who bound it meanwhile, it says nothing.
    """
    values: dict[str, Any] = {"bound_at": clock.now()} if stands else {"ended_at": clock.now()}
    db.session.execute(
        update(Organisation)
        .where(Organisation.id == organisation_id, Organisation.head_id == head_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _named(citizen_id: UUID) -> Select[UUID]:
    return select(OrganisationPerson.organisation_id).where(
        OrganisationPerson.citizen_id == citizen_id,
        OrganisationPerson.ended_at.is_(None),
        OrganisationPerson.until_day >= clock.today(),
    )


def of(citizen_id: UUID) -> Sequence[Organisation]:
    """The organisations for which somebody may act today."""
    acts = or_(Organisation.head_id == citizen_id, Organisation.id.in_(_named(citizen_id)))
    query = select(Organisation).where(Organisation.ended_at.is_(None), acts)
    return db.session.scalars(query.order_by(Organisation.name, Organisation.id)).all()


def acted_for(citizen_id: UUID, organisation_id: UUID) -> Organisation:
    """An organisation for which somebody may act today; NoSuchOrganisation for any other."""
    found = db.session.scalar(
        select(Organisation).where(
            Organisation.id == organisation_id,
            Organisation.ended_at.is_(None),
            or_(Organisation.head_id == citizen_id, Organisation.id.in_(_named(citizen_id))),
        )
    )
    if found is None:
        raise NoSuchOrganisation
    return found


def headed(citizen_id: UUID, organisation_id: UUID) -> Organisation:
    """An organisation that somebody answers for; NoSuchOrganisation for any other."""
    found = acted_for(citizen_id, organisation_id)
    if found.head_id != citizen_id:
        raise NoSuchOrganisation
    return found


def matters_of(citizen_id: UUID, organisation: Organisation) -> frozenset[str]:
    """In what somebody may act for an organisation today: the head in everything, others as they were named."""
    if organisation.head_id == citizen_id:
        return frozenset(KINDS)
    query = select(OrganisationPerson.matters).where(
        OrganisationPerson.organisation_id == organisation.id,
        OrganisationPerson.citizen_id == citizen_id,
        OrganisationPerson.ended_at.is_(None),
        OrganisationPerson.until_day >= clock.today(),
    )
    return frozenset(db.session.scalar(query) or ())


def people_of(organisation_id: UUID) -> Sequence[tuple[OrganisationPerson, Citizen]]:
    """Who is named to act for an organisation, the newest first."""
    query = (
        select(OrganisationPerson, Citizen)
        .join(Citizen, Citizen.id == OrganisationPerson.citizen_id)
        .where(OrganisationPerson.organisation_id == organisation_id, OrganisationPerson.ended_at.is_(None))
        .order_by(OrganisationPerson.named_at.desc(), OrganisationPerson.id.desc())
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]


def name_person(
    organisation: Organisation, head: Citizen, person: Citizen, matters: Sequence[str], until_day: date
) -> None:
    """Let somebody act for an organisation in these matters until a day; naming them again replaces both."""
    row = {"named_by": head.id, "named_at": clock.now(), "until_day": until_day, "matters": sorted(set(matters))}
    statement = insert(OrganisationPerson).values(
        id=new_id(), organisation_id=organisation.id, citizen_id=person.id, **row
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["organisation_id", "citizen_id"],
            index_where=OrganisationPerson.ended_at.is_(None),
            set_=row,
        )
    )


def end_person(organisation: Organisation, person_id: UUID) -> None:
    """Take somebody out, from this moment. Raises NoSuchOrganisation where they are out already."""
    ended = db.session.execute(
        update(OrganisationPerson)
        .where(
            OrganisationPerson.id == person_id,
            OrganisationPerson.organisation_id == organisation.id,
            OrganisationPerson.ended_at.is_(None),
        )
        .values(ended_at=clock.now())
        .returning(OrganisationPerson.id)
        .execution_options(synchronize_session=False)
    )
    if ended.first() is None:
        raise NoSuchOrganisation


def report(
    change: Change, organisation: Organisation, by: Citizen, office_code: str, worker: Mapping[str, str], day: date,
    *, late: bool,
) -> None:  # fmt: skip
    """Add to a change that somebody began or ceased to work there; ``worker`` is ``{kind, name, id_number, phone}``.

    Whoever began is told to declare themselves. Raises NotNamedFor, AlreadyReported, TooMany.
    """
    if worker["kind"] not in matters_of(by.id, organisation):
        raise NotNamedFor
    lookups = keyring().lookups("id_number", worker["id_number"])
    same = select(WorkerReport.id).where(
        WorkerReport.organisation_id == organisation.id,
        WorkerReport.id_lookup.in_(lookups),
        WorkerReport.kind == worker["kind"],
        WorkerReport.day == day,
    )
    if db.session.scalar(same) is not None:
        raise AlreadyReported
    limits.succeeded(limits.reserve("worker_report", {"organisation": str(organisation.id)}))
    id_ = new_id()
    change.add(
        WorkerReport,
        id=id_,
        organisation_id=organisation.id,
        office_code=office_code,
        reported_by=by.id,
        kind=worker["kind"],
        name=worker["name"],
        id_number=worker["id_number"],
        id_lookup=keyring().lookup("id_number", worker["id_number"]),
        phone=worker["phone"],
        day=day,
        late=late,
        at=change.at,
    )
    if worker["kind"] == "joined":
        citizen = citizen_by_id_number(worker["id_number"])
        worker_joined.send(
            id_, organisation=organisation.name, citizen=citizen, phone=worker["phone"], change=change
        )  # fmt: skip


def reports_of(organisation_id: UUID) -> Sequence[WorkerReport]:
    """What was reported for an organisation last, newest first."""
    return reports_page(organisation_id, None)[0]


def reports_page(organisation_id: UUID, after: Place | None) -> tuple[Sequence[WorkerReport], Place | None]:
    """A page of what was reported for an organisation, newest first, and where the next one begins."""
    query = select(WorkerReport).where(WorkerReport.organisation_id == organisation_id)
    if after is not None and after[0] is not None:
        query = query.where(tuple_(WorkerReport.at, WorkerReport.id) < (after[0], after[1]))
    newest = query.order_by(WorkerReport.at.desc(), WorkerReport.id.desc()).limit(_SHOWN + 1)
    rows = db.session.scalars(newest).all()
    shown = rows[:_SHOWN]
    return shown, (shown[-1].at, shown[-1].id) if len(rows) > _SHOWN else None


def reports_for(office_code: str) -> Sequence[tuple[WorkerReport, str]]:
    """What was reported to a station, newest first, each with the organisation's name."""
    query = (
        select(WorkerReport, Organisation.name)
        .join(Organisation, Organisation.id == WorkerReport.organisation_id)
        .where(WorkerReport.office_code == office_code)
        .order_by(WorkerReport.at.desc(), WorkerReport.id.desc())
        .limit(MOST)
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]
