"""The floor of supervision: the same pages over a hundredth of the cases, and the cases of both sides.

One citizen and one case are made by the application itself; the database copies them, with keys and days of their own.
What is encrypted may be the same in every row.
"""

from __future__ import annotations

import psycopg

from citizen_services.cases.models import Case
from citizen_services.people.models import Citizen

#: Cases whose clock ran out, runs out today, and tomorrow: as many of each at either size.
DUE = 40
_OPEN = f"i <= {3 * DUE} OR i % 50 = 0"
_CITIZEN = {"id": "md5('c' || i)::uuid", "id_lookup": "sha256(('c' || i)::bytea)"}
#: One in fifty is open, the others ended over ten months; one in twenty was refused.
_CASE = {
    "id": "md5('k' || i)::uuid",
    "citizen_id": "md5('c' || i)::uuid",
    "number": "'BM20261109-' || lpad(i::text, 7, '0')",
    "submitted_at": "first.submitted_at - i % 300 * interval '1 day'",
    "accepted_at": "first.submitted_at - i % 300 * interval '1 day'",
    "state": f"CASE WHEN {_OPEN} THEN first.state WHEN i % 20 = 7 THEN 'refused' ELSE 'completed' END",
    "desk_code": f"CASE WHEN {_OPEN} THEN first.desk_code END",
    "ended_at": f"CASE WHEN {_OPEN} THEN NULL ELSE first.submitted_at - (i % 300 - 1) * interval '1 day' END",
    "next_due": f"CASE WHEN i <= {3 * DUE} THEN now() + (i % 3 - 1) * interval '1 day' WHEN {_OPEN} THEN"
    " first.submitted_at + interval '60 days' END",
    "due_provisional": "false",
    "visits": "i % 3",
}


def fill(database_url: str, count: int) -> None:
    """Copy the first citizen and case so many times, and leave the tables as PostgreSQL itself would in a night."""
    # Not by the application's own connections, which wait for no statement as long as this.
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table, own in ((Citizen, _CITIZEN), (Case, _CASE)):
            names = [column.name for column in table.__table__.columns]
            given = ", ".join(own.get(name, f"first.{name}") for name in names)
            # The names are the models' own.
            rows = f'SELECT {given} FROM (SELECT * FROM "{table.__tablename__}" LIMIT 1) first'  # noqa: S608
            into = f'INSERT INTO "{table.__tablename__}" ({", ".join(names)})'
            connection.execute(f"{into} {rows}, generate_series(1, {count}) i".encode())
        connection.execute('VACUUM ANALYZE citizen, "case"')
        connection.execute("CHECKPOINT")
