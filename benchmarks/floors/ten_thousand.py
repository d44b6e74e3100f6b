"""The floor of the scans: the same scan over a hundredth of the rows, and the rows of both sides.

One person and one permit are made by the application's own models; the database copies them, with keys and days of
their own. What is encrypted may be the same in every row: no scan reads it.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit

#: What differs of row ``i`` of so many: keys; days by which permits that nobody has to look at today are spread.
_CITIZEN = {"id": "md5('c' || i)::uuid", "id_lookup": "sha256(('c' || i)::bytea)"}
_PERMIT = {
    "id": "md5('p' || i)::uuid",
    "citizen_id": "md5('c' || i)::uuid",
    "case_id": "md5('k' || i)::uuid",
    "card_lookup": "sha256(('k' || i)::bytea)",
    "remind_on": "CURRENT_DATE + 7 + i % 300",
    "checked_on": "CURRENT_DATE + 7 - i % 25",
}


def fill(database_url: str, count: int) -> None:
    """Copy the first citizen and permit so many times, and leave the tables as PostgreSQL itself would in a night."""
    # Not by the application's own connections, which wait for no statement as long as this.
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table, own in ((Citizen, _CITIZEN), (ResidencePermit, _PERMIT)):
            names = [column.name for column in table.__table__.columns]
            connection.execute(_copies(table.__tablename__, names, own, count).encode())
        connection.execute("VACUUM ANALYZE citizen, residence_permit")
        connection.execute("CHECKPOINT")


def _copies(table: str, columns: list[str], own: Mapping[str, str], count: int) -> str:
    given = ", ".join(own.get(column, f"first.{column}") for column in columns)
    # The names are the models' own.
    rows = f"SELECT {given} FROM (SELECT * FROM {table} LIMIT 1) first, generate_series(1, {count}) i"  # noqa: S608
    return f"INSERT INTO {table} ({', '.join(columns)}) {rows}"
