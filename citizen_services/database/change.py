"""Change: all that one act stores, gathered first and written once.

Reads and guards come before; then the guarded UPDATEs (no row hit = somebody was faster), then every row in one
INSERT of all tables, the idempotency row included (one statement with the guard where that is alone and made once);
where there are counters that others wait for, they come before the idempotency row and after all others. One fixed
order means that two acts can wait for one another but never deadlock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, Table, Update
from sqlalchemy.exc import IntegrityError

from citizen_services.database.base import after_commit, db, with_commit
from citizen_services.database.direct import Direct, insert_all


@cache
def _places(count: int) -> Mapping[str, int]:
    """Each table's place in the order of foreign keys; computed anew where tables were declared since (``count``)."""
    return {table.name: place for place, table in enumerate(db.metadata.sorted_tables)}


class Conflict(Exception):
    """A guarded statement found no row: what the act was decided on is no longer so."""


@dataclass
class Statement:
    """One UPDATE that must hit exactly one row, and the exception to raise where it does not."""

    update: Update | Direct
    otherwise: Callable[[], Exception]
    #: Parameters of a Direct.
    values: Mapping[str, Any]


class Change:
    """What one act will store; ``at`` is the business time that all of its rows bear."""

    #: Filled at import by the tables that must be written last (idempotency); others go by their foreign keys.
    last_tables: set[str] = set()

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._guards: list[Statement] = []
        self._counters: list[Statement] = []
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._written = False

    def guard(self, update: Update | Direct, otherwise: Callable[[], Exception] | None = None, **values: Any) -> None:
        """An UPDATE that must hit one row and goes first, in the order given; ``values`` are a Direct's parameters."""
        self._guards.append(Statement(update, otherwise or Conflict, values))

    def count(self, update: Update, otherwise: Callable[[], Exception] | None = None) -> None:
        """An UPDATE of a row that many wait for; goes next to last, so that it is locked for as short as can be."""
        self._counters.append(Statement(update, otherwise or Conflict, {}))

    def add(self, table: Table | type[Any], **row: Any) -> None:
        """A row to insert. Every row of a table should name the same columns, so that they go in one statement."""
        name = table.name if isinstance(table, Table) else table.__table__.name
        self._rows[name].append(row)

    def rows(self, table: Table | type[Any]) -> list[Mapping[str, Any]]:
        """The rows gathered for a table so far."""
        name = table.name if isinstance(table, Table) else table.__table__.name
        return list(self._rows.get(name, ()))

    def after(self, action: Callable[[], None]) -> None:
        """Do this after the commit; see database.base.after_commit."""
        after_commit(action)

    def write(self, *, last: bool = False, refused: Callable[[Exception], Exception] | None = None) -> None:
        """Write everything once. Raises what a guard's ``otherwise`` makes; IntegrityError by constraint name.

        ``last``: the caller's very next act on the database is to commit. Where everything goes in one statement that
        is left to the commit, which raises then what would be raised here. ``refused`` makes of a Conflict or an
        IntegrityError what is raised in its place.
        """
        if self._written:
            raise RuntimeError("a change is written once")
        self._written = True
        first = self._together()
        alone = last and not self._counters and len(self._guards) == (first is not None)

        def write() -> None:
            try:
                self._write(first, alone=alone)
            except (Conflict, IntegrityError) as fault:
                told = fault if refused is None else refused(fault)
                if told is fault:
                    raise
                raise told from fault

        if alone:
            with_commit(write)
        else:
            write()

    def _write(self, first: tuple[Direct, Mapping[str, Any]] | None, *, alone: bool) -> None:
        for statement in self._guards if first is None else ():
            self._must_hit(statement)
        places = _places(len(db.metadata.tables))
        rows = dict(sorted(self._rows.items(), key=lambda named: places[named[0]]))
        if self._counters:
            # Nobody waits for a counter's row while these are written.
            insert_all({name: of for name, of in rows.items() if name not in self.last_tables})
            for statement in self._counters:
                self._must_hit(statement)
            rows = {name: of for name, of in rows.items() if name in self.last_tables}
        if not insert_all(rows, first, alone=alone):
            raise self._guards[0].otherwise()

    def _together(self) -> tuple[Direct, Mapping[str, Any]] | None:
        """The guard that goes into one statement with the rows; None where there are several, or none made once."""
        if len(self._guards) != 1 or not self._rows or self._counters:
            return None
        guard = self._guards[0]
        return (guard.update, guard.values) if isinstance(guard.update, Direct) else None

    @staticmethod
    def _must_hit(statement: Statement) -> None:
        update = statement.update
        if isinstance(update, Direct):
            hit = update.run(**statement.values)
        else:
            result = db.session.connection().execute(update)
            hit = result.rowcount if isinstance(result, CursorResult) else 0
        if hit != 1:
            raise statement.otherwise()
