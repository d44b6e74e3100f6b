"""Registrations and permits are written back to the province: once, in order, whatever the register does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.registers.operations import register_residence
from citizen_services.registers.queries import permit_of_case
from notifications import queries, results, tasks
from notifications.errors import NotCurrent, NotRequeueable
from notifications.models import ChannelHold, Delivery
from notifications.operations import try_again, write_again
from tests import factories as make
from tests.notifications.conftest import Outside, card_of, due_now, lease_ends, made_permit, row, somebody

CHANNEL = "registration"


def register(person: Citizen, address: str = "岳林街道金钟路18号3幢502室") -> UUID:
    """A person's residence is registered, as a case does it. Committed; the registration's id."""
    change = Change(clock.now())
    register_residence(
        change,
        number=f"JD{new_id().hex[:12]}",
        citizen_id=person.id,
        case_id=new_id(),
        address_code="330213001000000001",
        address=address,
        kind="rented",
        office_code=make.STATION,
        district="330213",
        since=clock.today(),
    )
    change.write()
    commit()
    return _current(person).id


def _current(person: Citizen) -> ResidenceRegistration:
    db.session.rollback()
    query = select(ResidenceRegistration).where(
        ResidenceRegistration.citizen_id == person.id, ResidenceRegistration.until.is_(None)
    )
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def number_of(registration_id: UUID) -> str | None:
    """The province's number of a registration."""
    db.session.rollback()
    query = select(ResidenceRegistration.province_number).where(ResidenceRegistration.id == registration_id)
    return db.session.scalar(query)


def writes(about: UUID) -> list[Delivery]:
    """Every write of a row, as they are now."""
    db.session.rollback()
    return [
        row(id_) for id_ in db.session.scalars(select(Delivery.id).where(Delivery.about == about).order_by(Delivery.id))
    ]


def known(person: Citizen) -> dict[str, list[dict[str, Any]]]:
    """What the province knows of a person."""
    from citizen_services.parts import parts

    history = parts().clients["migrants"].history(person.id_number).value
    return {
        "registrations": [vars(entry) for entry in history.registrations],
        "permits": [vars(entry) for entry in history.permits],
    }


def taken(partners: Outside, operation: str = "registrations") -> list[dict[str, Any]]:
    """What the register took anew."""
    return partners.arrived("migrants", operation, "accepted")


def test_a_registration_reaches_the_province_and_its_number_comes_back(app: Flask, partners: Outside) -> None:
    person = somebody()
    id_ = register(person)
    (write,) = writes(id_)
    assert write.state == "pending"
    tasks.send(CHANNEL)
    (entry,) = taken(partners)
    assert entry["our_ref"] == str(write.id)
    (write,) = writes(id_)
    assert (write.state, write.reason) == ("delivered", None)
    (theirs,) = known(person)["registrations"]
    assert (theirs["written_ref"], theirs["register_number"]) == (str(write.id), number_of(id_))
    tasks.send(CHANNEL)
    assert len(partners.arrived("migrants", "registrations")) == 1


def test_a_permit_is_written_when_it_has_its_card(app: Flask, partners: Outside) -> None:
    case_id = made_permit()
    permit = permit_of_case(case_id)
    assert permit is not None
    tasks.send(CHANNEL)
    (entry,) = taken(partners, "permits")
    (write,) = writes(permit.id)
    assert (entry["our_ref"], write.state) == (str(write.id), "delivered")
    person = db.session.get_one(Citizen, permit.citizen_id)
    (theirs,) = known(person)["permits"]
    assert (theirs["number"], theirs["issued"], theirs["state"]) == (card_of(case_id), permit.issued_on, "valid")
    assert theirs["endorsed_until"].year == permit.issued_on.year + 1
    db.session.rollback()
    kept = db.session.scalar(select(ResidencePermit.province_number).where(ResidencePermit.id == permit.id))
    assert kept == theirs["register_number"]


def test_a_lost_answer_is_asked_about_by_reference_and_written_once(app: Flask, partners: Outside) -> None:
    id_ = register(somebody())
    partners.fault("migrants", "accept_then_cut", times=1)
    tasks.send(CHANNEL)
    (write,) = writes(id_)
    assert (write.state, number_of(id_)) == ("uncertain", None)
    assert write.due_at is not None
    assert write.sent_at is not None
    assert write.due_at - write.sent_at > timedelta(seconds=10), "before that its absence is not final"
    due_now(CHANNEL)
    tasks.send(CHANNEL)
    (write,) = writes(id_)
    assert (write.state, write.attempts, write.partner_ref) == ("delivered", 1, number_of(id_))
    assert number_of(id_) is not None
    assert len(partners.arrived("migrants", "registrations")) == 1


def test_what_never_arrived_is_written_again_under_its_reference(app: Flask, partners: Outside) -> None:
    id_ = register(somebody())
    partners.fault("migrants", "http_500", times=1)
    tasks.send(CHANNEL)
    for _ in range(2):
        due_now(CHANNEL)
        tasks.send(CHANNEL)
    (write,) = writes(id_)
    assert (write.state, write.attempts) == ("delivered", 2)
    first, second = partners.arrived("migrants", "registrations")
    assert first["our_ref"] == second["our_ref"] == str(write.id)


def test_a_worker_that_died_in_the_midst_leaves_a_write_to_be_asked_about(app: Flask, partners: Outside) -> None:
    id_ = register(somebody())
    db.session.execute(
        text("UPDATE delivery SET state = 'sending', attempts = 1, sent_at = now(), lease = id, leased_until = now()")
    )
    commit()
    lease_ends()
    tasks.send(CHANNEL)
    assert writes(id_)[0].state == "uncertain"
    for _ in range(3):
        due_now(CHANNEL)
        tasks.send(CHANNEL)
    assert (writes(id_)[0].state, len(taken(partners))) == ("delivered", 1)


@pytest.mark.parametrize("mode", ["http_500", "refuse"])
def test_a_register_that_is_away_for_days_gets_everything_afterwards(app: Flask, partners: Outside, mode: str) -> None:
    ids = [register(somebody()) for _ in range(3)]
    partners.fault("migrants", mode)
    for _ in range(8):
        tasks.send(CHANNEL)
        due_now(CHANNEL)
        # Four days go by, and an operator looks at nothing.
        db.session.execute(
            text("UPDATE delivery SET made_at = made_at - interval '12 h', sent_at = sent_at - interval '12 h'")
        )
        db.session.execute(update(ChannelHold).values(until=clock.protocol_now() - timedelta(seconds=1)))
        commit()
    assert {writes(id_)[0].state for id_ in ids} <= {"pending", "uncertain"}
    assert all(writes(id_)[0].due_at is not None for id_ in ids), "none is forgotten"
    assert not queries.rejected_writebacks()
    partners.fault("migrants", "none")
    _forget_breakers(app)
    try_again(CHANNEL)
    commit()
    for _ in range(4):
        tasks.send(CHANNEL)
        due_now(CHANNEL)
    assert {writes(id_)[0].state for id_ in ids} == {"delivered"}
    assert len(taken(partners)) == 3
    assert all(number_of(id_) for id_ in ids)


def _forget_breakers(app: Flask) -> None:
    """Time has passed: what a breaker remembers of the register is over."""
    from dataclasses import replace

    from citizen_services.exchange.clients import partner_clients
    from citizen_services.parts import EXTENSION

    known_parts = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(known_parts, clients=partner_clients(known_parts.settings, db.engine))


def test_waits_grow_up_to_an_hour_and_never_end() -> None:
    from notifications.channels import channel

    patience = channel(CHANNEL).patience
    assert patience.give_up_after is None
    assert max(results._wait(attempts, patience) for attempts in (1, 12, 5000)) <= 1.5 * 3600
    assert results._wait(5000, patience) >= 1800


def test_what_the_register_rejects_is_a_list_with_its_words_and_is_mended(app: Flask, partners: Outside) -> None:
    person = somebody()
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(hukou_code="5226"))
    commit()
    db.session.refresh(person)
    id_ = register(person)
    tasks.send(CHANNEL)
    (rejected,) = queries.rejected_writebacks()
    assert (rejected.about, rejected.state) == (id_, "failed")
    assert rejected.reason is not None
    assert rejected.reason.startswith("never: ")
    assert rejected.words is not None
    assert "hukou_code" in rejected.words
    kept = db.session.execute(text("SELECT words FROM delivery WHERE words IS NOT NULL")).scalar_one()
    assert b"hukou_code" not in bytes(kept), "a partner's words may name a person: never kept in clear"
    # Mended, it is written as it is now, under another reference.
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(hukou_code="522601"))
    commit()
    again = write_again(rejected.id)
    commit()
    assert not queries.rejected_writebacks()
    with pytest.raises(NotRequeueable):
        write_again(rejected.id)
    db.session.rollback()
    tasks.send(CHANNEL)
    assert [(w.id, w.state) for w in writes(id_)] == [(rejected.id, "failed"), (again, "delivered")]
    assert number_of(id_) is not None


def test_a_persons_moves_reach_the_province_in_their_order(app: Flask, partners: Outside) -> None:
    person = somebody()
    first = register(person, "岳林街道金钟路18号")
    partners.fault("migrants", "accept_then_cut", times=1)
    tasks.send(CHANNEL)
    second = register(person, "锦屏街道中山路66号")
    other = register(somebody())
    tasks.send(CHANNEL)
    # The first is still in doubt: the second waits, others don't.
    assert [writes(id_)[0].state for id_ in (first, second, other)] == ["uncertain", "pending", "delivered"]
    due_now(CHANNEL)
    tasks.send(CHANNEL)
    assert [writes(id_)[0].state for id_ in (first, second)] == ["delivered", "delivered"]
    current = [entry for entry in known(person)["registrations"] if entry["until"] is None]
    assert [entry["address"] for entry in current] == ["锦屏街道中山路66号"]


def test_the_past_is_not_written_as_the_present(app: Flask, partners: Outside) -> None:
    person = somebody()
    db.session.execute(update(Citizen).where(Citizen.id == person.id).values(hukou_code="5226"))
    commit()
    db.session.refresh(person)
    register(person, "岳林街道金钟路18号")
    tasks.send(CHANNEL)
    (rejected,) = queries.rejected_writebacks()
    register(person, "锦屏街道中山路66号")
    with pytest.raises(NotCurrent):
        write_again(rejected.id)
    db.session.rollback()
    assert not db.session.scalars(select(Delivery.id).where(Delivery.requeued_as.is_not(None))).all()
