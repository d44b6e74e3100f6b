"""Migrations: one line of them, up–down–up with rows in the tables, and the schema that the models say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import Flask

from citizen_services.database.migrate import config
from tests import factories as make
from tests.guards.schema import copy_rows, differences, new_database, rows_of, sqlalchemy_url, statements
from tests.house import ROOT, House

_PLANTED_REVISION = '''"""Planted."""

from alembic import op

revision = "{revision}"
down_revision = "{below}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("{up}")


def downgrade() -> None:
    op.execute("{down}")
'''


def heads(options: Config) -> list[str]:
    """The revisions that no other one builds upon."""
    return list(ScriptDirectory.from_config(options).get_heads())


def round_trip_faults(url: str, options: Config) -> list[str]:
    """What is wrong with going down to nothing and up again, on a database that stands at the head."""
    before = statements(url)
    faults = []
    for revision in ScriptDirectory.from_config(options).walk_revisions():
        here = statements(url)
        command.downgrade(options, revision.down_revision or "base")
        below = statements(url)
        command.upgrade(options, revision.revision)
        if (again := statements(url)) != here:
            faults += [f"{revision.revision} down and up again differs: {s}" for s in again ^ here]
        command.downgrade(options, revision.down_revision or "base")
        if statements(url) != below:
            faults.append(f"{revision.revision} down differs the second time")
    faults += [f"left behind at the bottom: {s}" for s in statements(url)]
    command.upgrade(options, "head")
    if statements(url) != before:
        faults.append("the schema differs after down and up")
    return faults


def with_migrations(folder: Path, url: str = "") -> Config:
    """Alembic's configuration for migrations of another folder."""
    options = config(sqlalchemy_url(url))
    options.set_main_option("script_location", str(folder))
    return options


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of our migrations to plant faults in."""
    return Path(shutil.copytree(ROOT / "migrations", tmp_path / "migrations"))


def _plant(folder: Path, revision: str, below: str, up: str = "SELECT 1", down: str = "SELECT 1") -> None:
    text = _PLANTED_REVISION.format(revision=revision, below=below, up=up, down=down)
    (folder / "versions" / f"{revision}_planted.py").write_text(text)


@pytest.fixture(scope="module")
def migrated(servers: dict[str, str], house: House) -> Iterator[str]:
    """A database that migrations made."""
    with new_database(servers["postgres"], "template_house") as url:
        yield url


#: Makes every table of every room, in a process of its own: what is imported here stays as each test finds it.
_MAKE_TABLES = """
import importlib, pkgutil, sys
import citizen_services, notifications
from sqlalchemy import create_engine
from citizen_services.database.base import Base
for package in (citizen_services, notifications):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.endswith("models"):
            importlib.import_module(module.name)
Base.metadata.create_all(create_engine(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def modelled(servers: dict[str, str]) -> Iterator[str]:
    """A database that the models made."""
    with new_database(servers["postgres"]) as url:
        program = [sys.executable, "-c", _MAKE_TABLES, sqlalchemy_url(url)]
        subprocess.run(program, cwd=ROOT, check=True, timeout=60)
        yield url


def test_there_is_one_head() -> None:
    assert len(heads(config(""))) == 1


def test_a_planted_second_head_is_seen(copied: Path) -> None:
    (below,) = heads(with_migrations(copied))
    _plant(copied, "9001", below)
    _plant(copied, "9002", below)
    assert sorted(heads(with_migrations(copied))) == ["9001", "9002"]


def test_migrations_make_what_the_models_say(migrated: str, modelled: str) -> None:
    assert len(statements(modelled)) > 100
    found = differences(migrated, modelled)
    assert not found, "migrations (-) and models (+) differ:\n" + "\n".join(found)


_PLANTED = {
    "a column": ("ALTER TABLE staff ADD COLUMN planted text", "planted text"),
    "a column's type": ("ALTER TABLE staff ALTER COLUMN epoch TYPE bigint", "epoch bigint"),
    "a column that may be empty": ("ALTER TABLE staff ALTER COLUMN login DROP NOT NULL", "login text,"),
    "a default": ("ALTER TABLE staff ALTER COLUMN epoch SET DEFAULT 7", "epoch integer DEFAULT 7"),
    "a table": ("CREATE TABLE planted (a int)", "CREATE TABLE public.planted"),
    "a CHECK": ("ALTER TABLE office DROP CONSTRAINT ck_office_kind", "ck_office_kind"),
    "a CHECK's words": (
        "ALTER TABLE office DROP CONSTRAINT ck_office_kind, ADD CONSTRAINT ck_office_kind CHECK (kind <> '')",
        "kind <> ''",
    ),
    "a foreign key's end": (
        "ALTER TABLE role_grant DROP CONSTRAINT fk_role_grant_staff_id, ADD CONSTRAINT fk_role_grant_staff_id "
        "FOREIGN KEY (staff_id) REFERENCES staff ON DELETE CASCADE",
        "ON DELETE CASCADE",
    ),
    "a unique constraint": ("ALTER TABLE staff DROP CONSTRAINT uq_staff_login", "uq_staff_login"),
    "an EXCLUDE": (
        "ALTER TABLE calendar_year ADD CONSTRAINT planted EXCLUDE USING gist (int4range(year, year + 1) WITH &&)",
        "EXCLUDE USING gist",
    ),
    "a partial index's predicate": (
        "DROP INDEX uq_wechat_binding_openid_current; CREATE UNIQUE INDEX uq_wechat_binding_openid_current "
        "ON wechat_binding (openid) WHERE ended_at IS NOT NULL",
        "(ended_at IS NOT NULL)",
    ),
    "an index": ("CREATE INDEX planted ON staff (name)", "CREATE INDEX planted"),
    "a function's body": (
        "CREATE OR REPLACE FUNCTION forward_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "FUNCTION public.forward_only()",
    ),
    "a trigger that is gone": ("DROP TRIGGER delivery_forward_only ON delivery", "delivery_forward_only"),
    "a trigger that sleeps": ("ALTER TABLE notice DISABLE TRIGGER notice_forward_only", "DISABLE TRIGGER"),
    "a sequence": ("CREATE SEQUENCE planted START 5", "CREATE SEQUENCE public.planted"),
    "a type": ("CREATE TYPE planted AS ENUM ('a')", "CREATE TYPE public.planted"),
    "a view": ("CREATE VIEW planted AS SELECT 1 AS one", "CREATE VIEW public.planted"),
}


@pytest.mark.parametrize("kind", _PLANTED)
def test_a_planted_difference_is_reported(servers: dict[str, str], modelled: str, kind: str) -> None:
    ddl, words = _PLANTED[kind]
    with new_database(servers["postgres"], modelled.rsplit("/", 1)[1]) as url:
        with psycopg.connect(url) as connection:
            connection.execute(ddl)
        found = differences(modelled, url)
    assert any(words in difference for difference in found), found


def test_migrations_go_down_and_up_again_with_rows_in_the_tables(
    app: Flask, house: House, migrated: str, servers: dict[str, str]
) -> None:
    make.submitted_permit()
    with new_database(servers["postgres"], migrated.rsplit("/", 1)[1]) as url:
        copy_rows(house.environ["DATABASE_URL"], url)
        filled = {name for name, rows in rows_of(url).items() if rows}
        assert {"case", "case_event", "citizen", "notice", "delivery", "staff"} <= filled
        assert round_trip_faults(url, config(sqlalchemy_url(url))) == []


@pytest.mark.parametrize(
    ("up", "down", "words"),
    [
        ("CREATE SEQUENCE forgotten", "SELECT 1", "forgotten"),
        ("ALTER TABLE staff ADD COLUMN half text", "ALTER TABLE staff DROP COLUMN epoch", "half"),
    ],
)
def test_a_planted_migration_that_does_not_come_back_is_reported(
    servers: dict[str, str], copied: Path, up: str, down: str, words: str
) -> None:
    (below,) = heads(with_migrations(copied))
    _plant(copied, "9001", below, up, down)
    with new_database(servers["postgres"], "template_house") as url:
        options = with_migrations(copied, url)
        command.upgrade(options, "head")
        try:
            faults = round_trip_faults(url, options)
        except Exception as fault:
            faults = [str(fault)]
    assert re.search(words, " ".join(faults)), faults
