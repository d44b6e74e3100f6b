"""Migrations: bring a database to this version, and tell whether it is there."""

from __future__ import annotations

import functools
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

#: The oldest PostgreSQL that is served.
OLDEST_SERVER = 18
_FOLDER = Path(__file__).parents[2] / "migrations"


class ServerTooOld(Exception):
    """The database server is older than what is used here (exclusion constraints, uuid functions, planner)."""


def config(url: str) -> Config:
    """Alembic's configuration for a database."""
    options = Config()
    options.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    options.set_main_option("path_separator", "os")
    options.attributes["url"] = url
    return options


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision; raises ServerTooOld."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            number = str(connection.execute(text("SHOW server_version_num")).scalar_one())
            if int(number) < OLDEST_SERVER * 10_000:
                raise ServerTooOld(
                    f"PostgreSQL {int(number) // 10_000} is older than {OLDEST_SERVER}; "
                    "point DATABASE_URL at a newer server, or unset it to use the embedded one"
                )
            # Two processes that start at once migrate one after the other.
            connection.execute(text("SELECT pg_advisory_lock(33021300)"))
            command.upgrade(config(url), revision)
            connection.execute(text("SELECT pg_advisory_unlock(33021300)"))
            connection.commit()
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take the database back to a revision."""
    command.downgrade(config(url), revision)


@functools.cache
def head() -> str:
    """The revision that this version needs."""
    found = ScriptDirectory.from_config(config("")).get_current_head()
    if found is None:
        raise RuntimeError("there is no migration")
    return found


def is_current(engine: Engine) -> bool:
    """Whether the database is at this version's revision."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head()
