"""Serving (送达): electronically only where the person consented, in this case or standing, else a letter by post.

The consent is asked when the document is issued; withdrawn, it counts for nothing that comes after. From the day of
serving the remedies' periods run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update

from citizen_services import clock
from citizen_services.cases.errors import NotToBeBrought, WrongDay
from citizen_services.cases.models import Document
from citizen_services.cases.serving_models import Serving
from citizen_services.cases.signals import letter_wanted
from citizen_services.cases.situation import Situation
from citizen_services.database import Change, db, new_id
from citizen_services.parts import parts
from citizen_services.people.models import Consent
from citizen_services.rules.dates import add_months, local_date, start_of_day

PURPOSE = "electronic_service"
#: The sentence that is agreed to: standing, and for one case.
STANDING = "我同意公安机关把文书以电子方式送达到本账号，到达本系统的时间就是送达时间。我可以随时撤回。"
ONE_CASE = "我同意这一件的文书以电子方式送达到本账号，到达本系统的时间就是送达时间。我可以随时撤回。"
#: 行政复议法 art 20: sixty days; 行政诉讼法 art 46: six months.
_RECONSIDERATION = timedelta(days=60)
_COURT_MONTHS = 6


def _current(citizen_id: UUID) -> ColumnElement[bool]:
    return (Consent.citizen_id == citizen_id) & (Consent.purpose == PURPOSE) & Consent.withdrawn_at.is_(None)


def standing_consent(citizen_id: UUID) -> bool:
    """Whether a person wants every document electronically."""
    query = select(Consent.id).where(_current(citizen_id), Consent.case_id.is_(None)).limit(1)
    return db.session.scalars(query).first() is not None


def consents(citizen_id: UUID, case_id: UUID) -> bool:
    """Whether a document of a case is served electronically, as the person wants it now."""
    which = or_(Consent.case_id.is_(None), Consent.case_id == case_id)
    return db.session.scalars(select(Consent.id).where(_current(citizen_id), which).limit(1)).first() is not None


def cases_consented(citizen_id: UUID) -> Sequence[UUID]:
    """The cases for which alone a person consented, the latest first."""
    query = select(Consent.case_id).where(_current(citizen_id), Consent.case_id.is_not(None))
    return [id_ for id_ in db.session.scalars(query.order_by(Consent.at.desc(), Consent.id.desc())) if id_]


def consent(citizen_id: UUID, case_id: UUID | None) -> None:
    """Keep that a person consents, standing or for one case; given twice it is given once. The caller commits."""
    given = standing_consent(citizen_id) if case_id is None else consents(citizen_id, case_id)
    if given:
        return
    change = Change(clock.now())
    words = STANDING if case_id is None else ONE_CASE
    change.add(
        Consent, id=new_id(), citizen_id=citizen_id, purpose=PURPOSE, words=words, at=change.at, by_id=None,
        case_id=case_id, withdrawn_at=None,
    )  # fmt: skip
    change.write()


def withdraw(citizen_id: UUID, case_id: UUID | None) -> None:
    """End the standing consent, or that of one case, from now on. The caller commits."""
    which = Consent.case_id.is_(None) if case_id is None else Consent.case_id == case_id
    db.session.execute(update(Consent).where(_current(citizen_id), which).values(withdrawn_at=clock.now()))


def serve(situation: Situation, change: Change, document_id: UUID) -> None:
    """Add to the change of a document's issue how it is served: at once, or by a letter that is to be posted."""
    electronic = consents(situation.citizen.id, situation.case_id)
    change.add(
        Serving,
        document_id=document_id,
        case_id=situation.case_id,
        way="electronic" if electronic else "ems",
        served_at=change.at if electronic else None,
        in_person_since=None,
        by_id=None,
        how=None,
    )
    if not electronic:
        letter_wanted.send(situation.case_id, document_id=document_id, receiver=_receiver(situation), change=change)


def _receiver(situation: Situation) -> dict[str, Any]:
    """Where the person named for the post, else where they are registered; without an address staff must ask."""
    given, citizen, settings = situation.data.get("delivery"), situation.citizen, parts().settings
    if given and given.get("postal_address"):
        place = {name: given[name] for name in ("province", "city", "county")}
        return {"name": citizen.name, "phone": citizen.phone, **place, "address": given["postal_address"]}
    place = {"province": settings.province_name, "city": settings.city_name, "county": settings.district_name}
    return {"name": citizen.name, "phone": citizen.phone, **place,
            "address": situation.home.address if situation.home else ""}  # fmt: skip


def lock(document_id: UUID) -> Serving:
    """How a document is served, ours until the transaction ends."""
    query = select(Serving).where(Serving.document_id == document_id).with_for_update()
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def reached(document_id: UUID, at: datetime | None) -> None:
    """A letter was signed for at that moment; None where the courier takes the signature back. The caller commits."""
    signed = update(Serving).where(Serving.document_id == document_id, Serving.way == "ems")
    db.session.execute(signed.values(served_at=at))


def bring_it(serving: Serving) -> bool:
    """No letter is tried any more of a locked serving: somebody brings it. False where that was so, or it is served."""
    if serving.way != "ems" or serving.served_at is not None or serving.in_person_since is not None:
        return False
    serving.in_person_since = clock.now()
    db.session.flush()
    return True


def served_by_hand(document_id: UUID, way: str, day: date, how: str, by: UUID) -> None:
    """Write down that somebody of the staff served it: ``direct``, ``left``, ``announced``. The caller commits.

    ``day`` is the day on which it counts as served (of an announcement: the end of its period). Raises NotToBeBrought
    where it is served by now or still goes by post, WrongDay for a day before the document's own or after today.
    """
    serving = lock(document_id)
    if serving.in_person_since is None or serving.served_at is not None:
        raise NotToBeBrought
    issued = db.session.execute(select(Document.at).where(Document.id == document_id)).scalar_one()
    if not local_date(issued) <= day <= clock.today():
        raise WrongDay
    serving.way, serving.served_at, serving.how, serving.by_id = way, start_of_day(day), how, by
    db.session.flush()


def of_case(case_id: UUID) -> Sequence[Serving]:
    """How the documents of a case are served."""
    query = select(Serving).where(Serving.case_id == case_id).order_by(Serving.document_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def remedies_until(served_at: datetime) -> tuple[date, date]:
    """The last days for reconsideration and for the court, from the day after serving; holidays move them on."""
    day = local_date(served_at)
    return day + _RECONSIDERATION, add_months(day, _COURT_MONTHS)
