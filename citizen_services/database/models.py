"""Tables of the floor itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database.base import Base
from citizen_services.database.change import Change
from citizen_services.database.types import SecretJSON, timestamp


class Installation(Base):
    """What is so for the whole installation: one row a name."""

    __tablename__ = "installation"
    #: ``clock_shift_s`` (moved business time), ``demo_data`` (this database held invented people once).
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Its value, any JSON.
    value: Mapped[Any] = mapped_column(JSONB)


#: A process that hasn't said so for this long is taken for dead.
HEARTBEAT_LIFETIME = timedelta(seconds=10)


class Heartbeat(Base):
    """A process of ours that says that it lives; written every 3 s by machine time."""

    __tablename__ = "heartbeat"
    #: ``host:pid:kind``.
    process: Mapped[str] = mapped_column(Text, primary_key=True)
    #: ``web``, ``worker`` or ``scheduler``.
    kind: Mapped[str] = mapped_column(Text)
    #: When it last said so, machine time.
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (Index(None, "kind", "at"),)


class IdempotencyKey(Base):
    """A write that was done, by whom and under which key, with the answer to give again. Written last."""

    __tablename__ = "idempotency_key"
    #: Who acted: ``citizen:<id>``, ``staff:<id>``.
    actor: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The route's name.
    route: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The key: a form's hidden token, or the Idempotency-Key header.
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Keyed hash of the body: the same key with another body is refused.
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    #: ``{status, location | body}``, encrypted since an answer may name a person.
    answer: Mapped[Any] = mapped_column(SecretJSON("idempotency_key.answer"))
    #: Machine time; rows older than a month are removed.
    at: Mapped[datetime] = mapped_column(timestamp, index=True)


Change.last_tables.add(IdempotencyKey.__tablename__)


class CalendarYear(Base):
    """The State Council's table of holidays and make-up working days of one year, as loaded."""

    __tablename__ = "calendar_year"
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: The file's content: ``{year, source, holidays: [...], workdays: [...]}``.
    content: Mapped[Any] = mapped_column(JSONB)
    #: When it was loaded.
    loaded_at: Mapped[datetime] = mapped_column(timestamp)
