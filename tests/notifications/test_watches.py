"""Whoever wanted to be reminded is told once before each expiry, as the platform has it then; a stop is for good."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text

from citizen_services import clock
from citizen_services.database import commit, db
from citizen_services.people import watches as wishes
from citizen_services.people.models import Citizen, Consent
from citizen_services.people.watches import TooManyWatches, Wish
from citizen_services.registers.watch_models import Watch
from citizen_services.rules.plates import Plate
from notifications import watches
from notifications.models import Notice
from tests.notifications.conftest import Outside, somebody

_plates = itertools.count(1)


def asked(person: Citizen, kind: str, plate: Plate | None = None) -> UUID:
    """Somebody asked to be reminded; committed."""
    watch_id = wishes.ask(person.id, Wish(kind, plate))
    commit()
    return watch_id


def drives(partners: Outside, person: Citizen, until: date | None, **more: Any) -> None:
    """Until when somebody's licence is valid, as the platform has it."""
    body = {"classes": "C1", "first_issued": "2010-06-01", "valid_from": "2020-06-01"}
    partners.put(f"licences/{person.id_number}", **body, valid_until=until.isoformat() if until else None, **more)


def watch(watch_id: UUID) -> Watch:
    """A watch as it is now."""
    db.session.rollback()
    return db.session.get_one(Watch, watch_id, populate_existing=True)


def due(days_old: int = 0) -> None:
    """Let time pass: everything is to be asked about, what was answered is some days old."""
    db.session.execute(
        text("UPDATE watch SET check_at = now() - interval '1 s', checked_at = checked_at - :d * interval '1 day'"),
        {"d": days_old},
    )
    commit()


def told(person: Citizen) -> list[str]:
    """What the person was told of expiries, in order."""
    db.session.rollback()
    query = select(Notice.text).where(Notice.citizen_id == person.id, Notice.kind == "runs_out").order_by(Notice.id)
    return list(db.session.scalars(query))


def test_an_expiry_is_told_once_and_the_next_one_once_more(app: Flask, partners: Outside) -> None:
    person, today = somebody(), clock.today()
    soon = today + timedelta(days=20)
    drives(partners, person, soon)
    watch_id = asked(person, "licence")
    assert watches.remind() == 0, "nobody knows yet until when it is valid"
    assert watches.refresh() == 1
    assert (watch(watch_id).until, watch(watch_id).remind_on) == (soon, soon - timedelta(days=60))
    assert watches.remind() == 1
    assert watches.remind() == 0
    (text_,) = told(person)
    assert "驾驶证" in text_
    assert f"{soon.year}年{soon.month}月{soon.day}日" in text_
    for _ in range(2):
        due()
        assert watches.refresh() == 1
        assert watches.remind() == 0, "never twice for one expiry"
    later = today + timedelta(days=50)
    drives(partners, person, later)
    due()
    watches.refresh()
    assert watches.remind() == 1
    assert len(told(person)) == 2


def test_what_was_renewed_meanwhile_is_asked_about_before_anybody_is_told(app: Flask, partners: Outside) -> None:
    person, today = somebody(), clock.today()
    drives(partners, person, today + timedelta(days=10))
    watch_id = asked(person, "licence")
    watches.refresh()
    drives(partners, person, today + timedelta(days=2000))
    db.session.execute(text("UPDATE watch SET checked_at = now() - interval '2 days'"))
    commit()
    assert watches.remind() == 0, "the answer is too old"
    assert watches.refresh() == 1, "so it is asked about at once"
    assert watches.remind() == 0
    assert told(person) == []
    assert watch(watch_id).until == today + timedelta(days=2000)


@pytest.mark.parametrize("mode", ["http_500", "accept_then_cut"])
def test_while_the_platform_is_away_nobody_is_told_anything_and_it_is_asked_again(
    app: Flask, partners: Outside, mode: str
) -> None:
    person = somebody()
    drives(partners, person, clock.today() + timedelta(days=10))
    watch_id = asked(person, "licence")
    partners.fault("platform", mode, times=1)
    assert watches.refresh() == 0
    assert watch(watch_id).check_at > clock.protocol_now()
    assert watches.remind() == 0
    due()
    assert watches.refresh() == 1
    assert watches.remind() == 1


def test_an_inspection_is_of_a_vehicle_of_ones_own_and_a_medical_proof_of_the_licence(
    app: Flask, partners: Outside
) -> None:
    person, other, today = somebody(), somebody(), clock.today()
    number = f"浙BW{next(_plates):04d}"
    vehicle = {"owner": person.id_number, "vin": "LSVCC4184E5000001"}
    partners.put(f"vehicles/02-{number}", **vehicle, inspection_until=(today + timedelta(days=25)).isoformat())
    drives(partners, person, None, medical_until=(today + timedelta(days=29)).isoformat())
    plate = Plate("02", number)
    for one in (person, other):
        asked(one, "inspection", plate)
        asked(one, "medical")
        asked(one, "licence")
    assert watches.refresh() == 6
    assert watches.remind() == 2
    assert sorted("检验" in words for words in told(person)) == [False, True]
    assert told(other) == [], "of somebody else's vehicle nothing is told"


def test_one_tap_stops_it_and_the_consent_goes_with_it(app: Flask, partners: Outside) -> None:
    person, other = somebody(), somebody()
    drives(partners, person, clock.today() + timedelta(days=10))
    watch_id = asked(person, "licence")
    assert asked(person, "licence") == watch_id, "asked for twice it is one"
    watches.refresh()
    assert not wishes.stop(other.id, watch_id)
    assert wishes.stop(person.id, watch_id)
    commit()
    assert not wishes.stop(person.id, watch_id)
    consent = db.session.get_one(Consent, watch(watch_id).consent_id, populate_existing=True)
    assert consent.withdrawn_at is not None
    due()
    assert (watches.refresh(), watches.remind()) == (0, 0)
    assert told(person) == []
    assert asked(person, "licence") != watch_id


def test_nobody_has_more_reminders_than_anybody_needs(app: Flask) -> None:
    person = somebody()
    for n in range(wishes.MOST):
        asked(person, "inspection", Plate("02", f"浙BM{n:04d}"))
    with pytest.raises(TooManyWatches):
        wishes.ask(person.id, Wish("licence"))
    for wrong in (("house", None), ("licence", Plate("02", "浙BM0001")), ("inspection", None)):
        with pytest.raises(ValueError, match="vehicle"):
            Wish(*wrong)


def test_many_are_asked_about_in_calls_of_a_hundred(app: Flask, partners: Outside) -> None:
    person = somebody()
    watch_id = asked(person, "licence")
    many = text(
        "INSERT INTO watch (id, citizen_id, kind, plate_kind, plate, plate_lookup, consent_id, at, check_at)"
        " SELECT gen_random_uuid(), citizen_id, 'inspection', '02', plate, decode(md5(n::text), 'hex'), consent_id, at,"
        " check_at FROM watch, generate_series(1, 249) AS n WHERE id = :id"
    )
    plate = db.session.get_one(Watch, watch_id)
    plate.plate = "浙B00000"
    db.session.flush()
    db.session.execute(many, {"id": watch_id})
    commit()
    before = len(partners.arrived("platform", "expiries"))
    assert watches.refresh() == 250
    assert len(partners.arrived("platform", "expiries")) == before + 3
    assert watches.refresh() == 0


@pytest.mark.parametrize(
    ("look", "index"), [(watches.to_check, "ix_watch_check_at"), (watches.to_tell, "ix_watch_remind_on")]
)
def test_a_look_reads_what_is_due_and_nothing_else(app: Flask, look: Any, index: str) -> None:
    watch_id = asked(somebody(), "licence")
    far = "now() + interval '7 days'"
    db.session.execute(
        text(
            "INSERT INTO watch (id, citizen_id, kind, plate_kind, plate, plate_lookup, consent_id, at, check_at, until,"
            f" remind_on) SELECT gen_random_uuid(), citizen_id, 'inspection', '02', plate, decode(md5(n::text), 'hex'),"
            f" consent_id, at, {far}, current_date + 2000, CASE WHEN n % 2 = 0 THEN current_date + 1900 END"
            " FROM watch, generate_series(1, 20000) AS n WHERE id = :id"
        ),
        {"id": watch_id},
    )
    commit()
    db.session.execute(text("ANALYZE watch"))
    sql = look().compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = "\n".join(db.session.execute(text(f"EXPLAIN {sql}")).scalars())
    db.session.rollback()
    assert index in plan, plan
