"""Column types: what identifies a person is encrypted wherever it is stored, and can't be compared in SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils
from sqlalchemy import ColumnElement, DateTime, LargeBinary
from sqlalchemy.types import TypeDecorator, TypeEngine

from citizen_services.security import keyring

#: ``timestamptz``; every datetime that reaches the database is aware.
timestamp = DateTime(timezone=True)


def new_id() -> UUID:
    """A new row's id, made here so that nothing needs RETURNING: UUIDv7, in order of time but not guessable."""
    return UUID(int=uuid_utils.uuid7().int)


class ComparisonOfSecret(Exception):
    """A query compares an encrypted column: it can never match; look up by the keyed hash beside it."""


class _NoComparator(TypeDecorator.Comparator[Any]):
    def operate(self, op: Callable[..., Any], *other: Any, **kwargs: Any) -> Any:
        # IS [NOT] NULL tells nothing about the value. Two columns are compared by SQLAlchemy itself when it reuses a
        # statement; no value of a person is in that either.
        asks_null = getattr(op, "__name__", "") in ("is_", "is_not") and other and other[0] is None
        if asks_null or (other and isinstance(other[0], ColumnElement)):
            return super().operate(op, *other, **kwargs)
        raise ComparisonOfSecret("an encrypted column can't be compared; use its lookup column")


class Encrypted(TypeDecorator[Any]):
    """A value that is encrypted on its way into the database; ``bound_to`` is ``table.column``."""

    impl = LargeBinary
    cache_ok = True
    comparator_factory = _NoComparator

    def __init__(self, bound_to: str) -> None:
        super().__init__()
        self.bound_to = bound_to

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Whatever it is compared with would be encrypted too."""
        return self

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        """Encrypt a value."""
        return None if value is None else keyring().encrypt(self.to_bytes(value), self.bound_to)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Open what is stored. Raises CannotDecrypt."""
        return None if value is None else self.from_bytes(keyring().decrypt(bytes(value), self.bound_to))

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        """What SQLAlchemy would make of the two methods above, in one step."""
        return lambda value: self.process_bind_param(value, dialect)

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
        """The same on the way back."""
        return lambda value: self.process_result_value(value, dialect)

    def to_bytes(self, value: Any) -> bytes:
        """The value as it is encrypted."""
        raise TypeError("use Secret or SecretJSON")

    def from_bytes(self, value: bytes) -> Any:
        """The value that was encrypted so."""
        raise TypeError("use Secret or SecretJSON")


class Secret(Encrypted):
    """Encrypted text; ``bound_to`` is ``table.column``."""

    cache_ok = True

    def to_bytes(self, value: str) -> bytes:
        return value.encode()

    def from_bytes(self, value: bytes) -> str:
        return value.decode()


class SecretJSON(Encrypted):
    """Encrypted JSON value; ``bound_to`` is ``table.column``."""

    cache_ok = True

    def to_bytes(self, value: Any) -> bytes:
        return _ENCODER.encode(value).encode()

    def from_bytes(self, value: bytes) -> Any:
        return json.loads(value)


def _as_text(value: Any) -> str:
    if isinstance(value, datetime) or hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be stored as JSON")


#: Made once: ``json.dumps`` makes one anew for each value.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_text)
