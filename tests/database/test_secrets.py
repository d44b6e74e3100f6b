"""Encrypted columns: what is stored says nothing, opens only where it was written, and can't be searched by mistake."""

from __future__ import annotations

import subprocess
import sys

import pytest
from argon2 import Type, extract_parameters
from flask import Flask
from sqlalchemy import select, text

from citizen_services.database import commit, db
from citizen_services.database.types import ComparisonOfSecret
from citizen_services.people.models import Citizen
from citizen_services.security import CannotDecrypt, Keyring, keyring, use
from tests import factories as make
from tests.house import ROOT


def test_a_query_by_an_encrypted_value_is_refused_instead_of_finding_nobody(app: Flask) -> None:
    person = make.citizen()
    with pytest.raises(ComparisonOfSecret):
        db.session.scalars(select(Citizen).where(Citizen.name == person.name)).all()
    with pytest.raises(ComparisonOfSecret):
        db.session.scalars(select(Citizen).where(Citizen.name.in_([person.name]))).all()
    assert db.session.scalars(select(Citizen).where(Citizen.name.is_not(None))).one().id == person.id


def test_the_same_statement_may_be_run_again(app: Flask) -> None:
    person = make.citizen()
    for _ in range(3):
        with db.engine.connect() as connection:
            assert connection.execute(select(Citizen.name)).scalar_one() == person.name


def test_a_value_moved_to_another_column_does_not_open(app: Flask) -> None:
    make.citizen()
    db.session.execute(text("UPDATE citizen SET name = id_number"))
    commit()
    db.session.expunge_all()
    with pytest.raises(CannotDecrypt, match=r"citizen\.name"):
        db.session.scalars(select(Citizen)).one()


def test_what_an_older_key_wrote_opens_and_is_found_while_keys_are_rotated(app: Flask) -> None:
    person = make.citizen()
    number, before = person.id_number, keyring()
    settings = app.extensions["citizen_services"].settings
    rotated = Keyring(("n" * 40, *settings.data_keys), ("m" * 40, *settings.lookup_keys), settings.audit_key)
    use(rotated)
    try:
        db.session.expunge_all()
        found = db.session.scalars(select(Citizen).where(Citizen.id_lookup.in_(rotated.lookups("id_number", number))))
        assert found.one().id_number == number
        stored = rotated.encrypt(b"new", "citizen.name")
        with pytest.raises(CannotDecrypt):
            before.decrypt(stored, "citizen.name")
    finally:
        use(before)


def test_a_real_password_costs_whoever_guesses_it_what_it_should() -> None:
    """Read where no test has made it cheaper: in a process of its own."""
    script = "from citizen_services.security import hash_password; print(hash_password('a-password'))"
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    cost = extract_parameters(said.stdout.strip())
    # OWASP's least for Argon2id is 19 MiB, twice over; ours is the second choice of RFC 9106.
    assert (cost.type, cost.memory_cost, cost.time_cost, cost.parallelism) == (Type.ID, 64 * 1024, 3, 4)
