"""Statements of hot paths: made once, and run by the driver itself in the session's own transaction.

Around a small statement SQLAlchemy works ten times as long as the driver does for it: building, finding what it
compiled before, wrapping the answer. Here all of that is done at the first use; types (encryption included), the
transaction and the exceptions stay SQLAlchemy's.

What is read before anything is written goes without BEGIN: under READ COMMITTED each statement sees what was committed
when it began, whether a transaction is around it or not. What locks rows begins one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache, partial
from itertools import count
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from sqlalchemy import Connection, Float, Insert, Numeric, Select, Table, Update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapper, class_mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.schema import CallableColumnDefault, ScalarElementColumnDefault
from sqlalchemy.types import TypeEngine

from citizen_services.database.base import Base, db
from citizen_services.database.patience import BoundedConnection

Processor = Callable[[Any], Any]
_Row = TypeVar("_Row", bound=Base)
#: What PostgreSQL calls the types ``float8`` and ``numeric``.
_FLOAT8, _NUMERIC = 701, 1700


def _numeric_oid(type_: TypeEngine[Any]) -> int | None:
    """PostgreSQL's number of a numeric column's type, by which SQLAlchemy chooses how to read it; None for others."""
    if isinstance(type_, Float):
        return _FLOAT8
    return _NUMERIC if isinstance(type_, Numeric) else None


class _Made(NamedTuple):
    """A compiled statement: its text, and what is done with values on their way in and out."""

    text: str
    #: Name, whether it is given, else the constant, and processor of each parameter in turn.
    binds: tuple[tuple[str, bool, Any, Processor | None], ...]
    #: Place and processor of the columns that need one.
    results: tuple[tuple[int, Processor], ...]
    #: It neither writes nor locks: no transaction is begun for it.
    reads: bool

    def given(self, values: Mapping[str, Any]) -> list[Any]:
        """Its parameters as the driver takes them."""
        named = ((values[name] if given else constant, process) for name, given, constant, process in self.binds)
        return [value if process is None else process(value) for value, process in named]


class Direct:
    """A statement whose parameters are all ``bindparam``; made at its first use, safe for threads.

    Rows come as lists, in order of the selected columns. Raises what SQLAlchemy raises (IntegrityError …).
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Insert | Update) -> None:
        self._statement = statement
        self._made: _Made | None = None

    def rows(self, **values: Any) -> list[list[Any]]:
        """All rows of a SELECT."""
        made, cursor = self._execute(values)
        found = [list(row) for row in cursor.fetchall()]
        for place, process in made.results:
            for row in found:
                row[place] = process(row[place])
        return found

    def first(self, **values: Any) -> list[Any] | None:
        """The first row of a SELECT, None where there is none."""
        found = self.sealed(**values)
        return None if found is None else self.opened(found)

    def sealed(self, **values: Any) -> Sequence[Any] | None:
        """As ``first``, with what is encrypted left as it is stored until somebody asks for it (``opened``)."""
        found: Sequence[Any] | None = self._execute(values)[1].fetchone()
        return found

    def opened(self, sealed: Sequence[Any]) -> list[Any]:
        """A row that ``sealed`` gave, with every value as the columns' types have it."""
        made, row = self._made, list(sealed)
        for place, process in made.results if made is not None else ():
            row[place] = process(row[place])
        return row

    def run(self, **values: Any) -> int:
        """Run an INSERT or UPDATE; how many rows it changed."""
        return self._execute(values)[1].rowcount

    def _execute(self, values: dict[str, Any]) -> tuple[_Made, psycopg.RawCursor[Any]]:
        connection = _connection()
        made = self.made(connection.dialect)
        return made, _execute(connection, made.text, made.given(values), alone=made.reads)

    def made(self, dialect: Dialect) -> _Made:
        """The compiled statement."""
        if self._made is None:
            self._made = self._make(dialect)
        return self._made

    def _make(self, dialect: Dialect) -> _Made:
        compiled = self._statement.compile(dialect=dialect)
        places: dict[str, int] = {}

        def place(found: re.Match[str]) -> str:
            return f"${places.setdefault(found[1], len(places) + 1)}" if found[1] else "%"

        text = _PLACEHOLDER.sub(place, str(compiled))
        parameters = [(name, compiled.binds[name]) for name in places]
        binds = ((name, p.required, p.effective_value, bind_processor(p.type, dialect)) for name, p in parameters)
        columns = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        results = (
            (place, column.type.dialect_impl(dialect).result_processor(dialect, _numeric_oid(column.type)))
            for place, column in enumerate(columns)
        )
        reads = isinstance(self._statement, Select) and _NEEDS_TRANSACTION.search(text) is None
        opened = tuple((place, process) for place, process in results if process is not None)
        return _Made(text, tuple(binds), opened, reads)


#: What a SELECT locks or writes lasts until its transaction ends: anywhere in it, a subquery or a WITH too.
_NEEDS_TRANSACTION = re.compile(
    r"\bFOR (?:NO KEY |KEY )?(?:UPDATE|SHARE)\b|\b(?:INSERT INTO|DELETE FROM)\b|\bUPDATE \w+ SET\b|advisory"
)
#: SQLAlchemy writes ``%(name)s`` and ``%%``.
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|%)")


def bind_processor(type_: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    """What a column's type does with a value before the driver gets it."""
    return type_.dialect_impl(dialect).bind_processor(dialect)


def _connection() -> Connection:
    """The connection of the session's transaction, which begins where there is none."""
    session = db.session()
    known: tuple[Any, Connection] | None = session.info.get(_CONNECTION)
    if known is not None and known[0] is session.get_transaction() and not known[1].invalidated:
        return known[1]
    connection = session.connection()
    session.info[_CONNECTION] = (session.get_transaction(), connection)
    return connection


_CONNECTION = "direct"


def _execute(connection: Connection, text: str, values: Sequence[Any], *, alone: bool) -> psycopg.RawCursor[Any]:
    """Have the driver run a statement with ``$1`` …; raises what SQLAlchemy raises.

    ``alone``: no transaction is begun for it where none is under way, so that it is one by itself.
    """
    info = connection.info
    known: tuple[BoundedConnection, psycopg.RawCursor[Any]] | None = info.get(_CONNECTION)
    if known is None:
        opened = cast("BoundedConnection", _driver(connection))
        known = info[_CONNECTION] = (opened, psycopg.RawCursor(opened))
    driver, cursor = known
    driver.alone = alone
    try:
        return cursor.execute(text, values)
    except psycopg.Error as fault:
        lost = connection.dialect.is_disconnect(cast("Any", fault), _driver(connection), None)
        if lost:
            # As SQLAlchemy does: this connection goes back to nobody.
            connection.invalidate(fault)
        raise DBAPIError.instance(
            text,
            None,
            fault,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=connection.dialect,
        ) from fault
    finally:
        driver.alone = False


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


# --- Inserting several rows of several tables at once -------------------------------------------------------------

#: A shape of insert: the table's name, its columns, how many rows.
Shape = tuple[str, tuple[str, ...], int]


def insert_all(
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    guard: tuple[Direct, Mapping[str, Any]] | None = None,
    *,
    alone: bool = False,
) -> bool:
    """Insert rows of several tables, named in the order of their foreign keys, in one statement.

    ``alone``: it is a transaction by itself, committed when it returns, unless one is under way.

    ``guard`` is an UPDATE with its parameters, done first and in the same statement: unless it hits one row nothing is
    inserted, and False returned. Foreign keys are looked at when the statement ends. Rows of a table should name the
    same columns; what only some of them name is NULL in the others. Raises what SQLAlchemy raises.
    """
    if not rows:
        if guard is not None:
            raise ValueError("a guard without rows is an UPDATE of its own")
        return True
    complete = [(name, _with_defaults(name, of)) for name, of in rows.items()]
    # In the order of the first row, which is the same each time: one act has one text.
    shapes = tuple((name, _columns_of(of), len(of)) for name, of in complete)
    connection = _connection()
    values: list[Any] = []
    guarding = ""
    if guard is not None:
        made = guard[0].made(connection.dialect)
        guarding, values = made.text, made.given(guard[1])
    text, processors = _inserting(shapes, guarding, len(values), connection.dialect)
    for (_, of), (_, columns, _), processes in zip(complete, shapes, processors, strict=True):
        for row in of:
            for column, process in zip(columns, processes, strict=True):
                value = row.get(column)
                values.append(value if process is None else process(value))
    cursor = _execute(connection, text, values, alone=alone)
    return guard is None or cursor.fetchone() == (1,)


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(rows[0]) if len(rows) == 1 else tuple(dict.fromkeys(column for row in rows for column in row))


def _with_defaults(name: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The rows with the defaults of columns that none of them names."""
    missing = [(column, make) for column, make in _defaults(name) if all(column not in row for row in rows)]
    return [{**row, **{column: make() for column, make in missing}} for row in rows] if missing else rows


@cache
def _defaults(name: str) -> tuple[tuple[str, Callable[[], Any]], ...]:
    """What a table's columns are filled with where nobody says otherwise."""
    found: list[tuple[str, Callable[[], Any]]] = []
    for column in db.metadata.tables[name].columns:
        default = column.default
        if isinstance(default, ScalarElementColumnDefault):
            found.append((column.name, partial(_same, default.arg)))
        elif isinstance(default, CallableColumnDefault):
            found.append((column.name, partial(default.arg, cast("Any", None))))
    return tuple(found)


def _same(value: Any) -> Any:
    return value


@lru_cache(maxsize=512)
def _inserting(
    shapes: tuple[Shape, ...], guard: str, taken: int, dialect: Dialect
) -> tuple[str, tuple[tuple[Processor | None, ...], ...]]:
    """Text and processors; ``taken`` parameters are the guard's (empty: none)."""
    places = count(taken + 1)
    only = " WHERE (SELECT count(*) FROM guard) = 1" if guard else ""
    made = [
        _insert_of(db.metadata.tables[name], columns, rows, places, dialect, only) for name, columns, rows in shapes
    ]
    texts = [one for one, _ in made]
    # What reads from the guard waits for it: its row is locked before anything is inserted.
    last = "SELECT count(*) FROM guard" if guard else texts.pop()
    parts = [f"guard AS ({guard} RETURNING 1)"] if guard else []
    parts += [f"w{place} AS ({one})" for place, one in enumerate(texts)]
    text = f"WITH {', '.join(parts)} {last}" if parts else last
    return text, tuple(processes for _, processes in made)


def _insert_of(
    table: Table, columns: Sequence[str], rows: int, places: Iterator[int], dialect: Dialect, only: str
) -> tuple[str, tuple[Processor | None, ...]]:
    quote = dialect.identifier_preparer
    types = [table.columns[name].type for name in columns]
    casts = [type_.compile(dialect=dialect) for type_ in types]
    names = ", ".join(quote.quote(name) for name in columns)
    values = (f"({', '.join(f'${next(places)}::{as_type}' for as_type in casts)})" for _ in range(rows))
    made = f"VALUES {', '.join(values)}"
    made = f"SELECT * FROM ({made}) AS given{only}" if only else made  # noqa: S608 - of names only
    text = f"INSERT INTO {quote.format_table(table)} ({names}) {made}"
    return text, tuple(bind_processor(type_, dialect) for type_ in types)


# --- Rows as objects ----------------------------------------------------------------------------------------------


def columns_of(kind: type[Base]) -> list[Any]:
    """A table's columns in the order in which ``remembered`` takes their values."""
    return list(kind.__table__.columns)


def remembered(kind: type[_Row], values: Sequence[Any]) -> _Row:
    """The session's object of a row just read, as if the ORM had read it; ``values`` in order of the columns."""
    session = db.session()
    mapper, names, primary = _mapped(kind)
    row = dict(zip(names, values, strict=True))
    known: _Row | None = session.identity_map.get(
        mapper.identity_key_from_primary_key(tuple(row[name] for name in primary))
    )
    if known is None:
        known = mapper.class_manager.new_instance()
        known.__dict__.update(row)
        make_transient_to_detached(known)
        session.add(known)
    else:
        for name, value in row.items():
            set_committed_value(known, name, value)
    return known


def apart(kind: type[_Row], row: Mapping[str, Any]) -> _Row:
    """An object of a row, by its attributes, that belongs to no session: to be read, never to be changed or saved."""
    made: _Row = _mapped(kind)[0].class_manager.new_instance()
    made.__dict__.update(row)
    return made


def read_apart(kind: type[_Row], values: Sequence[Any]) -> _Row:
    """The same of a row just read; ``values`` in order of the columns."""
    return apart(kind, dict(zip(_mapped(kind)[1], values, strict=True)))


@cache
def _mapped(kind: type[Any]) -> tuple[Mapper[Any], tuple[str, ...], tuple[str, ...]]:
    """A class's mapper, its attributes in the order of the table's columns, and those of the primary key."""
    # Waits while another thread sets the mappers up: objects made before that have no attributes yet.
    mapper = class_mapper(kind)
    names = tuple(mapper.get_property_by_column(column).key for column in kind.__table__.columns)
    return mapper, names, tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)
