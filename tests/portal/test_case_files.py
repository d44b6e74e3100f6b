"""Case files go when the years that were set are over, and never while something open rests on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, literal, select, text, update

from app import recurring
from citizen_services import clock
from citizen_services.cases import audit, disposal, documents, operations
from citizen_services.cases.disposal_models import CaseDisposal
from citizen_services.cases.models import Case, CaseEvent, Document, Rating, Rectification
from citizen_services.cases.serving_models import Serving
from citizen_services.database import commit, db, new_id
from citizen_services.parts import parts
from citizen_services.people import parameters
from citizen_services.people.administration_models import ParameterChange
from citizen_services.people.data_models import DataRequest
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidenceRegistration
from notifications.models import Delivery, Notice, Parcel
from tests import factories
from tests.portal.acting import REASONS
from tests.portal.conftest import Resident

YEARS = 10


@pytest.fixture
def ten_years(application: Flask) -> Iterator[Flask]:
    """The administrators set ten years."""
    with application.app_context():
        admin, other = factories.staff("fw-system").id, factories.staff("fw-security").id
        db.session.add(
            ParameterChange(
                id=new_id(), name=disposal.YEARS, value=YEARS, from_day=clock.today() - timedelta(days=1),
                asked_by=admin, asked_at=clock.now(), state="approved", decided_by=other, decided_at=clock.now(),
            )
        )  # fmt: skip
        commit()
        parameters.forget_parameters()
        yield application
        db.session.rollback()
    parameters.forget_parameters()


def forget() -> None:
    """The scheduler's own hook."""
    recurring()["data whose time is over"][1]()


def aged(case_id: UUID, days: int) -> None:
    """Let a case have ended so many days ago. Committed."""
    at = clock.now() - timedelta(days=days)
    db.session.execute(update(Case).where(Case.id == case_id).values(ended_at=at))
    commit()


def refused(person: Citizen | None = None) -> UUID:
    """A case that was declined in writing, and that was served. Committed."""
    case_id = factories.submitted_permit(person)
    version = db.session.get_one(Case, case_id).version
    operations.perform(parts().catalogue, case_id, "decline", factories.staff("yl-both"), version, REASONS)
    commit()
    db.session.execute(update(Serving).where(Serving.case_id == case_id).values(served_at=clock.now()))
    _close_what_runs(case_id)
    commit()
    return case_id


def _close_what_runs(case_id: UUID) -> None:
    """Whatever is told or posted about a case has ended."""
    notices = select(Notice.id).where(Notice.case_id == case_id)
    parcels = select(Parcel.id).where(Parcel.case_id == case_id)
    done = {"state": "cancelled", "due_at": None, "pass_on_at": None}
    db.session.execute(update(Delivery).where(Delivery.notice_id.in_(notices)).values(**done))
    db.session.execute(update(Delivery).where(Delivery.parcel_id.in_(parcels)).values(**done))
    db.session.execute(update(Parcel).where(Parcel.case_id == case_id).values(course="signed", told="signed"))
    db.session.execute(text("UPDATE letter SET handed_at = now() WHERE handed_at IS NULL"))
    # Registered long ago, and moved away since: their papers prove nothing of today. What others' files need, stays.
    person = select(Case.citizen_id).where(Case.id == case_id).scalar_subquery()
    here = update(ResidenceRegistration).where(ResidenceRegistration.citizen_id == person)
    db.session.execute(here.values(until=clock.today()))


def removed(case_id: UUID) -> bool:
    """Whether a case's file was removed."""
    db.session.rollback()
    return db.session.get(CaseDisposal, case_id) is not None


def test_a_file_whose_years_are_over_is_emptied_and_everything_still_adds_up(
    ten_years: Flask, resident: Callable[..., Resident]
) -> None:
    person = resident(months=0)
    case_id = refused(db.session.get_one(Citizen, person.id))
    audit.seal_due()
    commit()
    paper = db.session.scalars(select(Document).where(Document.case_id == case_id)).one()
    number, code = paper.number, documents.check_code(paper)
    aged(case_id, 365 * YEARS)
    forget()
    assert not removed(case_id), "leap days count: ten years are not over yet"
    aged(case_id, 366 * YEARS)
    forget()
    assert removed(case_id)
    case = db.session.get_one(Case, case_id, populate_existing=True)
    assert (case.data, case.answers, case.results, case.state) == ({}, {}, {}, "declined")
    assert {row.data == {} for row in db.session.scalars(select(CaseEvent).where(CaseEvent.case_id == case_id))} == {
        True
    }
    assert db.session.scalars(select(Notice).where(Notice.case_id == case_id)).all() == []
    for receiver in db.session.scalars(select(Parcel.receiver).where(Parcel.case_id == case_id)):
        assert receiver == {}
    found = audit.verify(parts().catalogue)
    assert found["ok"], found["broken"]
    # Its pages and its paper's proof say what is left.
    for page in (f"/h5/cases/{case_id}", f"/h5/cases/{case_id}/documents/{paper.id}", "/h5/", "/h5/cases", "/h5/me"):
        answer = person.browser.open(page)
        assert answer.status_code == 200, page
    assert disposal.TEXT_REMOVED in person.browser.open(f"/h5/cases/{case_id}/documents/{paper.id}").text
    proof = person.browser.open(f"/h5/verify/{paper.id}/{code}")
    assert proof.status_code == 200
    assert number in proof.text
    assert documents.unchanged(db.session.get_one(Document, paper.id, populate_existing=True))
    person.browser.open("/h5/me")
    assert "办结后10年（《档案法实施条例》第二十条）" in person.browser.words


def test_without_years_nothing_goes_and_nobody_can_set_fewer_than_ten(application: Flask) -> None:
    with application.app_context():
        case_id = refused()
        aged(case_id, 36_500)
        forget()
        assert not removed(case_id)
        actor = factories.staff("fw-system")
        with pytest.raises(parameters.CannotSet, match="10 至 100"):
            parameters.propose(actor, disposal.YEARS, 9, clock.today())
        assert disposal.kept_here() == disposal.KEPT


# --- What is needed ----------------------------------------------------------------------------------------------


def _permit(case: Case) -> None:
    factories.permit(db.session.get_one(Citizen, case.citizen_id), clock.today(), case_id=case.id)


def _rectification(case: Case) -> None:
    rating = Rating(id=new_id(), case_id=case.id, office_code=case.office_code, grade=1, door="web", at=clock.now())
    db.session.add(rating)
    db.session.flush()
    db.session.add(
        Rectification(
            id=new_id(), rating_id=rating.id, case_id=case.id, office_code=case.office_code, state="open",
            due=clock.now(), due_provisional=False,
        )
    )  # fmt: skip


def _request(case: Case) -> None:
    asked = {"kind": "correction", "words": "门牌号有误", "at": clock.now(), "due": clock.now()}
    db.session.add(DataRequest(id=new_id(), citizen_id=case.citizen_id, **asked))


def _unserved(case: Case) -> None:
    db.session.execute(update(Serving).where(Serving.case_id == case.id).values(served_at=None))


def _registered(case: Case) -> None:
    row = db.session.scalars(
        select(ResidenceRegistration).where(ResidenceRegistration.citizen_id == case.citizen_id).limit(1)
    ).one()
    row.case_id, row.until = case.id, None


def _message(case: Case) -> None:
    notice = Notice(
        id=new_id(), kind="x", citizen_id=case.citizen_id, case_id=case.id, values={}, text="x", state="uncertain",
        at=clock.now(),
    )  # fmt: skip
    db.session.add(notice)
    db.session.flush()
    db.session.add(
        Delivery(
            id=new_id(), notice_id=notice.id, channel="sms", payload={}, state="uncertain", must_be_known=True,
            by_day=False, made_at=clock.now(), attempts=1, checks=0,
        )
    )  # fmt: skip


def _parcel(case: Case) -> None:
    db.session.add(
        Parcel(
            id=new_id(), case_id=case.id, direction="out", receiver={}, state="in_transit", at=clock.now(),
            tracking=f"T{case.number}",
        )
    )  # fmt: skip


def _open_case(case: Case) -> None:
    db.session.execute(update(Case).where(Case.id == case.id).values(ended_at=None))


NEEDS: dict[str, Callable[[Case], None]] = {
    "an open case": _open_case,
    "a bad rating to be put right": _rectification,
    "a request about one's own data": _request,
    "a document that was not served": _unserved,
    "a registration that stands": _registered,
    "a permit that is in force": _permit,
    "a message in doubt": _message,
    "a parcel on its way": _parcel,
}


@pytest.mark.parametrize("need", NEEDS)
def test_what_an_open_duty_needs_stays_however_old(ten_years: Flask, need: str) -> None:
    case_id = refused()
    aged(case_id, 36_500)
    NEEDS[need](db.session.get_one(Case, case_id))
    commit()
    forget()
    assert not removed(case_id), need


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        st.tuples(
            st.integers(3000, 4500), st.sampled_from([None, *(name for name in NEEDS if name != "an open case")])
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_age_and_no_need_together_take_what_is_needed(ten_years: Flask, made: list[tuple[int, str | None]]) -> None:
    kept, over = [], []
    for days, need in made:
        case_id = refused()
        aged(case_id, days)
        if need is not None:
            NEEDS[need](db.session.get_one(Case, case_id))
            commit()
        ended = clock.today() - timedelta(days=days)
        young = ended >= date(clock.today().year - YEARS, clock.today().month, clock.today().day)
        (kept if need is not None or young else over).append(case_id)
    for _ in range(2):
        forget()
        assert not [case_id for case_id in kept if removed(case_id)]
        assert all(map(removed, over))
    assert audit.verify(parts().catalogue)["ok"]


def test_a_removal_that_asks_nobody_is_noticed(ten_years: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: nobody asks what the file is needed for."""
    case_id = refused()
    aged(case_id, 36_500)
    _rectification(db.session.get_one(Case, case_id))
    commit()
    monkeypatch.setattr(disposal, "needed", lambda: literal(False))
    forget()
    assert removed(case_id)


def test_what_was_emptied_without_the_rule_s_mark_is_found_by_the_audit(ten_years: Flask) -> None:
    case_id = refused()
    aged(case_id, 36_500)
    forget()
    assert removed(case_id)
    for tampered in (
        update(CaseDisposal).where(CaseDisposal.case_id == case_id).values(source="别的规定"),
        delete(CaseDisposal).where(CaseDisposal.case_id == case_id),
    ):
        with db.session.begin_nested() as undone:
            db.session.execute(tampered)
            db.session.expire_all()
            broken: list[dict[str, Any]] = audit.verify(parts().catalogue)["broken"]
            undone.rollback()
        assert str(case_id) in {one["case"] for one in broken}
