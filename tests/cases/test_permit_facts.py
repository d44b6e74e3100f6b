"""A permit that ended by a fact: read at any look and by a slow round, told once, not written back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.cases import permit_facts
from citizen_services.cases.permit_facts import read_facts
from citizen_services.database import commit, db
from citizen_services.exchange import clients, operations
from citizen_services.exchange.http import Patience
from citizen_services.filling import registers
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit
from notifications import rows, writeback
from notifications.errors import NotCurrent
from notifications.models import Delivery, Notice
from notifications.permits import remind_of_years
from tests import factories
from tests.house import House
from tests.notifications.conftest import business_time

_HOME = {"hukou_code": "522601", "hukou_address": "贵州省凯里市三棵树镇"}
_EVERY = timedelta(days=30)
#: The district next door, in the same urban area; and one that is far away.
_NEXT_DOOR, _FAR = "330212", "330782"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers are waited for as long as a slow machine takes: no answer in time would be a register that is away."""
    long = Patience(60.0, 60.0, 120.0)

    def person() -> operations.Ask:
        client = clients.population()
        return lambda number, ref: client.person(number, ref=ref, patience=long)

    def history() -> operations.Ask:
        client = clients.migrants()
        return lambda number, ref: client.history(number, ref=ref, patience=long)

    topics = dict(operations.TOPICS)
    for key, ask in (("population.person", person), ("migrants.history", history)):
        topics[key] = operations.Topic(ask, topics[key].keep)
    monkeypatch.setattr(operations, "TOPICS", topics)
    monkeypatch.setattr(operations, "PATIENCE_S", 120.0)


@pytest.fixture
def holder(app: Flask, outside: House, patient: None) -> Callable[..., tuple[Citizen, ResidencePermit]]:
    """A maker of people with a permit of ours, whom the registers know; asked about last so many days ago."""

    def make(days_ago: int = 30) -> tuple[Citizen, ResidencePermit]:
        person = factories.citizen()
        today = clock.today()
        told(outside, person, _HOME)
        elsewhere(outside, person)
        asked = today - timedelta(days=days_ago)
        return person, factories.permit(person, today - timedelta(days=100), checked_on=asked)

    return make


def told(outside: House, person: Citizen, fact: dict[str, Any]) -> None:
    """Let the population register know this of the person."""
    outside.control("PUT", f"people/{person.id_number}", {"name": person.name, "phone": person.phone} | fact)


def elsewhere(outside: House, person: Citizen, *permits: dict[str, Any]) -> None:
    """Let the province know these permits of the person."""
    outside.control("PUT", f"migrants/{person.id_number}", {"registrations": [], "permits": list(permits)})


def issued(day: date, district: str, **more: Any) -> dict[str, Any]:
    """A permit as the province has it."""
    until = (day + timedelta(days=365)).isoformat()
    return {
        "number": f"{district}90001",
        "issued": day.isoformat(),
        "district": district,
        "endorsed_until": until,
    } | more


def now(permit: ResidencePermit) -> ResidencePermit:
    """The permit as the database has it."""
    db.session.rollback()
    return db.session.get_one(ResidencePermit, permit.id, populate_existing=True)


def ending(permit: ResidencePermit) -> tuple[str, str | None, date | None, date | None]:
    """What stands in the row of how it ended, and when its person is to hear of its year."""
    row = now(permit)
    return row.state, row.ended_reason, row.ended_on, row.remind_on


def notices(person: Citizen) -> list[str]:
    """What the person was told."""
    db.session.rollback()
    return list(db.session.scalars(select(Notice.text).where(Notice.citizen_id == person.id).order_by(Notice.id)))


def asked(outside: House) -> list[object]:
    """What the two registers were asked so far."""
    return [one for partner in ("population", "migrants") for one in outside.ledger(partner)]


def test_a_household_that_moved_into_the_city_ends_the_permit_at_the_next_look_and_its_person_hears_once(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House
) -> None:
    person, permit = holder(days_ago=0)
    needs = [permit_facts._PERSON, permit_facts._HISTORY]
    told(outside, person, {"hukou_code": _NEXT_DOOR, "hukou_address": "浙江省宁波市鄞州区"})
    registers.ask(person, needs)
    assert ending(permit) == ("ended", "hukou_moved", clock.today(), None)
    registers.ask(person, needs)
    with business_time(clock.now() + timedelta(days=400)):
        remind_of_years()
        assert read_facts() == 0
    (words,) = notices(person)
    assert "户籍已迁入本市市区" in words
    assert list(db.session.scalars(select(Delivery.channel).where(Delivery.channel == "registration"))) == []
    with pytest.raises(NotCurrent):
        writeback.anew(permit.id, {"what": "permit", "kind": "endorse"})


def test_the_round_reads_a_death_and_writes_to_nobody(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House
) -> None:
    person, permit = holder()
    told(outside, person, _HOME | {"status": "deceased"})
    assert read_facts() == 1
    assert ending(permit) == ("ended", "death", clock.today(), None)
    assert notices(person) == []
    assert list(db.session.scalars(select(Delivery.channel))) == []


def test_the_round_reads_a_newer_permit_of_another_district_and_no_other(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House
) -> None:
    today = clock.today()
    day = today - timedelta(days=9)
    person, permit = holder()
    elsewhere(outside, person, issued(today - timedelta(days=200), _NEXT_DOOR), issued(day, _FAR))
    others = []
    for row in (
        issued(today - timedelta(days=101), _FAR),
        issued(day, _FAR, state="cancelled"),
        issued(day, _FAR, state="replaced"),
        issued(day, "330213"),
        issued(today + timedelta(days=1), _FAR),
    ):
        one, theirs = holder()
        elsewhere(outside, one, row)
        others.append((one, theirs))
    same, ours = holder()
    elsewhere(outside, same, issued(day, _FAR, number=ours.card_number))
    others.append((same, ours))
    assert read_facts() == 1
    assert ending(permit)[:3] == ("ended", "new_permit", day)
    (words,) = notices(person)
    assert "已在别处领取新的居住证" in words
    assert {now(theirs).state for _, theirs in others} == {"current"}
    assert [notices(one) for one, _ in others] == [[]] * len(others)


def test_a_register_that_is_away_ends_nothing_and_is_left_alone_until_the_next_round(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House
) -> None:
    (person, permit), (second, theirs) = holder(days_ago=32), holder(days_ago=31)
    told(outside, person, _HOME | {"status": "deceased"})
    outside.control("PUT", "faults/population", {"mode": "http_500"})
    assert read_facts() == 0
    assert ending(permit)[0] == "current"
    # Tomorrow, and nobody's turn is lost.
    assert now(permit).checked_on == clock.today() + timedelta(days=1) - _EVERY
    assert now(theirs).checked_on == clock.today() - timedelta(days=31)
    outside.control("PUT", "faults/population", {"mode": "none"})
    with business_time(clock.now() + timedelta(days=1)):
        read_facts()
        assert ending(permit)[1] == "death"
        assert now(theirs).checked_on == clock.today()
    assert notices(person) == notices(second) == []


def test_a_round_asks_no_more_than_its_bound_and_about_nobody_twice(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permit_facts, "BATCH", 2)
    made = [holder(days_ago=days)[1] for days in (33, 32, 31, 29)]
    first = len(asked(outside))
    calls = []
    for checked in (2, 3, 3):
        assert read_facts() == 0
        assert sum(now(permit).checked_on == clock.today() for permit in made) == checked
        calls.append(len(asked(outside)) - first)
    assert calls == [4, 6, 6]
    # Another scheduler took it between the look and the call.
    taken = made[3]
    assert permit_facts._take(taken.id, now(taken).checked_on) is not None
    assert permit_facts._take(taken.id, clock.today() - timedelta(days=29)) is None


def test_one_that_fails_holds_up_no_other_and_an_act_that_cannot_be_told_of_is_not_done(
    holder: Callable[..., tuple[Citizen, ResidencePermit]], outside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person, permit), (second, theirs) = holder(days_ago=32), holder(days_ago=31)
    for one in (person, second):
        told(outside, one, {"hukou_code": _NEXT_DOOR})
    real = rows.tell

    def fails(change: Any, declared: Any, values: Any, citizen: Citizen, *more: Any, **named: Any) -> None:
        if citizen.id == person.id:
            raise ValueError
        real(change, declared, values, citizen, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "tell", fails)
        assert read_facts() == 1
    assert (now(permit).state, now(theirs).state) == ("current", "ended")
    assert (len(notices(person)), len(notices(second))) == (0, 1)


def test_a_round_reads_no_permit_whose_turn_it_is_not(app: Flask) -> None:
    for _ in range(30):
        factories.permit(factories.citizen(), clock.today() - timedelta(days=10))
    db.session.execute(text("ANALYZE residence_permit"))
    commit()
    # A small table would be read whole, whatever its indexes.
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    query = str(permit_facts.turns_due().compile(db.engine, compile_kwargs={"literal_binds": True}))
    (plan,) = db.session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")).scalar_one()
    node = plan["Plan"]
    while "Index Name" not in node:
        (node,) = node["Plans"]
    assert node["Index Name"] == "ix_residence_permit_checked"
    assert (node["Actual Rows"], node.get("Rows Removed by Filter", 0)) == (0, 0)
    db.session.rollback()
