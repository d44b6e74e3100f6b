"""Encrypting anew what lies under older keys (DATA_KEYS): table by table, some rows at a time, while all goes on.

Each batch is a transaction of its own and waits for nobody: a row that somebody is changing is left out, and met again
in the next pass. Nothing is kept of how far it came: what is under the newest key is passed over, so that a run that
was cut off is simply begun again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Table

from citizen_services.database.base import commit, db
from citizen_services.database.types import Encrypted
from citizen_services.security import CannotDecrypt, keyring

#: Rows that are looked at in one transaction.
BATCH = 500
#: Passes in which rows that were locked are met again.
PASSES = 3


@dataclass
class Progress:
    """What a pass came to, by table: rows that were encrypted anew, left out since locked, and that don't open."""

    done: Counter[str] = field(default_factory=Counter)
    locked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Secrets:
    """A table with what of it is encrypted, seen as the bytes that lie there."""

    name: str
    rows: sa.TableClause
    key: Sequence[str]
    #: By column, what its values are bound to.
    bound_to: dict[str, str]

    @classmethod
    def of(cls, table: Table) -> _Secrets:
        key = [column.name for column in table.primary_key]
        bound_to = {c.name: c.type.bound_to for c in table.columns if isinstance(c.type, Encrypted)}
        columns = [sa.column(name, table.c[name].type) for name in key]
        columns += [sa.column(name, sa.LargeBinary) for name in bound_to]
        return cls(table.name, sa.table(table.name, *columns), key, bound_to)

    @property
    def place(self) -> list[ColumnElement[Any]]:
        return [self.rows.c[name] for name in self.key]


def _tables() -> list[_Secrets]:
    found = [_Secrets.of(table) for table in db.metadata.sorted_tables]
    return [one for one in found if one.bound_to]


def old_rows(batch: int = BATCH) -> Counter[str]:
    """How many rows of each table hold something under an older key. Reads every row, in small transactions."""
    found: Counter[str] = Counter()
    for table in _tables():
        for places in _old(table, batch):
            found[table.name] += len(places)
    return found


def encrypt_anew(tell: Callable[[str, int], None], batch: int = BATCH) -> Progress:
    """One pass over every table; ``tell`` gets each table's name and how many of its rows were done. Commits."""
    progress = Progress()
    for table in _tables():
        for places in _old(table, batch):
            if places:
                _batch(table, places, progress)
                commit()
        tell(table.name, progress.done[table.name])
    return progress


def _old(table: _Secrets, batch: int) -> Iterator[list[Any]]:
    """The places of rows with something under an older key, a batch of the table at a time. Ends its transactions."""
    newest, last = keyring().newest, None
    # Which key a value is under stands in front of it: no more of it is read.
    heads = [sa.func.substr(table.rows.c[name], 1, len(newest)) for name in table.bound_to]
    while True:
        query = sa.select(*table.place, *heads).order_by(*table.place).limit(batch)
        if last is not None:
            query = query.where(sa.tuple_(*table.place) > sa.tuple_(*map(sa.literal, last)))
        rows = db.session.execute(query).all()
        commit()
        if not rows:
            return
        many = len(table.key)
        last = tuple(rows[-1][:many])
        yield [tuple(row[:many]) for row in rows if any(head not in (None, newest) for head in map(_bytes, row[many:]))]


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _batch(table: _Secrets, places: Sequence[Any], progress: Progress) -> None:
    """Encrypt some rows anew, those that nobody is changing."""
    values = [table.rows.c[name] for name in table.bound_to]
    query = sa.select(*table.place, *values).where(sa.tuple_(*table.place).in_(places))
    # Waiting for nobody, this can hold up others for a moment, and never stand against them.
    rows = db.session.execute(query.with_for_update(key_share=True, skip_locked=True)).all()
    progress.locked[table.name] += len(places) - len(rows)
    for row in rows:
        place, stored = (
            row[: len(table.key)],
            dict(zip(table.bound_to, map(_bytes, row[len(table.key) :]), strict=True)),
        )
        try:
            anew = {
                name: keyring().encrypt_anew(value, table.bound_to[name])
                for name, value in stored.items()
                if value is not None and not value.startswith(keyring().newest)
            }
        except (CannotDecrypt, IndexError):
            progress.broken[table.name] += 1
            continue
        if not anew:
            continue
        here = sa.and_(*(column == value for column, value in zip(table.place, place, strict=True)))
        db.session.execute(sa.update(table.rows).where(here).values(anew))
        progress.done[table.name] += 1
