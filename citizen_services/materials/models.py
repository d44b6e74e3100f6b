"""Tables of materials."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, new_id, timestamp


class Upload(Base):
    """A photo that was brought, as it is kept: re-encoded, without metadata, encrypted in the store."""

    __tablename__ = "upload"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Whose it is: nobody else's application may use it.
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: The member of staff who brought it for the person at a counter; None = the person did.
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Where the store keeps it; the thumbnail stands beside it.
    storage_key: Mapped[str] = mapped_column(Text, unique=True)
    #: SHA-256 of the photo and of its thumbnail, before encryption: what is read back is checked against it.
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    thumbnail_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    #: The photo's pixels, upright, and its bytes before encryption.
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    size: Mapped[int] = mapped_column()
    #: Business time.
    at: Mapped[datetime] = mapped_column(timestamp)
    #: When the person took it out of the last application that used it: not offered any more, and removed soon.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_upload_citizen_id_at", "citizen_id", "at"),
        Index("ix_upload_staff_id", "staff_id", postgresql_where=text("staff_id IS NOT NULL")),
        # The sweep reads in this order, whatever was ended first.
        Index("ix_upload_at", "at", "id"),
        CheckConstraint("octet_length(sha256) = 32 AND octet_length(thumbnail_sha256) = 32", name="sha256"),
        CheckConstraint("width > 0 AND height > 0 AND size > 0", name="size"),
    )


class Material(Base):
    """An upload used for an application: one photo of one material, in a draft or in a case."""

    __tablename__ = "material"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    upload_id: Mapped[UUID] = mapped_column(ForeignKey("upload.id"), index=True)
    #: What it is gathered for: a draft, or a correction being answered. No foreign keys: cases stand above this room.
    draft_id: Mapped[UUID | None] = mapped_column()
    #: The case that it was handed in with; never taken out of it again.
    case_id: Mapped[UUID | None] = mapped_column()
    #: The declaration's code of the material.
    code: Mapped[str] = mapped_column(Text)
    #: Which of the declaration's kinds of paper it is; None where the person did not say.
    kind: Mapped[str | None] = mapped_column(Text)
    #: Order among the photos of the same material, from 1; gaps are what was taken out.
    position: Mapped[int] = mapped_column()
    #: Business time at which it was put here.
    at: Mapped[datetime] = mapped_column(timestamp)
    #: When a correction put others in its place; kept, since it was decided on.
    replaced_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        CheckConstraint("(draft_id IS NULL) <> (case_id IS NULL)", name="one_place"),
        CheckConstraint("position >= 1", name="position"),
        CheckConstraint("replaced_at IS NULL OR case_id IS NOT NULL", name="replaced"),
        Index(
            "uq_material_draft_position",
            "draft_id",
            "code",
            "position",
            unique=True,
            postgresql_where=text("draft_id IS NOT NULL"),
        ),
        # The same photo stands once under a material; reading by draft uses this one as well.
        Index(
            "uq_material_draft_upload",
            "draft_id",
            "code",
            "upload_id",
            unique=True,
            postgresql_where=text("draft_id IS NOT NULL"),
        ),
        Index(
            "uq_material_case_position",
            "case_id",
            "code",
            "position",
            unique=True,
            postgresql_where=text("case_id IS NOT NULL"),
        ),
    )
