"""The floor of free times: the same question over a hundredth of the slots, and the slots of both sides."""

from __future__ import annotations

import psycopg

from citizen_services.demo_traffic import OFFICE


def fill(database_url: str, count: int, group: str) -> None:
    """Add so many slots of years past, and leave the table as PostgreSQL itself would in a night."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO slot (id, office_code, group_code, starts_at, ends_at, released_at, capacity, walk_in)"
            " SELECT md5('s' || i)::uuid, %s, %s, now() - i * interval '5 min', now() - i * interval '5 min'"
            " + interval '4 min', now() - i * interval '5 min', 2, 0 FROM generate_series(1, %s) i",
            (OFFICE, group, count),
        )
        connection.execute("VACUUM ANALYZE slot")
        connection.execute("CHECKPOINT")
