"""What can go wrong at the official account's door."""

from __future__ import annotations

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

#: PostgreSQL doesn't answer: no connection, one that broke, none free in time, a statement or lock over its time.
DATABASE_AWAY = (OperationalError, InterfaceError, NoConnectionFree)
