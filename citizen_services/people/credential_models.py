"""Tables of how staff prove themselves: second factors, their recovery codes, and resets by four eyes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class SecondFactor(Base):
    """A program of somebody's that shows a code of six digits anew every half minute (TOTP, RFC 6238)."""

    __tablename__ = "second_factor"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    #: Base32, as the program takes it.
    secret: Mapped[str] = mapped_column(Secret("second_factor.secret"))
    #: Machine time of the first right code; None while it is being set up.
    confirmed_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The half minute of the newest code that was taken: none is taken twice.
    last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))


class RecoveryCode(Base):
    """A code that opens once where the program is lost."""

    __tablename__ = "recovery_code"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    #: Keyed hash of the code.
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    used_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (Index("uq_recovery_code_staff_id_code_hash", "staff_id", "code_hash", unique=True),)


class CredentialRequest(Base):
    """A password to be drawn anew, or a second factor to be removed: asked for by one, decided by another."""

    __tablename__ = "credential_request"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    #: ``password``, ``second_factor``.
    what: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    #: ``open``, ``approved``, ``rejected``.
    state: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_credential_request_open", "staff_id", "what", unique=True, postgresql_where=text("state = 'open'")),
        CheckConstraint("what IN ('password', 'second_factor')", name="what"),
        CheckConstraint("state IN ('open', 'approved', 'rejected')", name="state"),
        CheckConstraint("(state = 'open') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by IS NULL OR decided_by NOT IN (asked_by, staff_id)", name="four_eyes"),
    )
