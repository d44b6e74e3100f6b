"""Tables of households: people who live together and register in one go, each with a case of their own."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, SecretJSON, new_id, timestamp


class Household(Base):
    """What one person filled in once for everybody who lives with them; it ties their cases together."""

    __tablename__ = "household"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    item: Mapped[str] = mapped_column(Text)
    #: Who filled it in, and whose case is the first.
    head_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: The answers that hold for everybody: ``{group: {field: value}}``.
    data: Mapped[Any] = mapped_column(SecretJSON("household.data"))
    #: The standard address that was chosen, as the register wrote it; empty where it was typed by hand.
    address: Mapped[str] = mapped_column(Secret("household.address"))
    at: Mapped[datetime] = mapped_column(timestamp)


class HouseholdMember(Base):
    """One of a household. The case is their own."""

    __tablename__ = "household_member"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("household.id"))
    #: The order in which they were named, the head first.
    place: Mapped[int] = mapped_column()
    #: ``self``, ``spouse``, ``child``, ``parent``, ``other``: what they are to the head.
    relation: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Secret("household_member.name"))
    id_number: Mapped[str] = mapped_column(Secret("household_member.id_number"))
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: Who they are here; nobody of whom has confirmed or is known yet.
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: ``going`` (to be registered by whoever may act for them), ``invited`` (their own account confirms), ``declined``.
    state: Mapped[str] = mapped_column(Text)
    #: The last day of an invitation, business time.
    until_day: Mapped[date | None] = mapped_column()
    #: Their draft, which says itself what became of it, and the case that was sent here.
    draft_id: Mapped[UUID | None] = mapped_column()
    case_id: Mapped[UUID | None] = mapped_column()
    #: Why it could not be done, and how often it was tried.
    trouble: Mapped[str | None] = mapped_column(Secret("household_member.trouble"))
    tries: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        Index("uq_household_member_household_id_id_lookup", "household_id", "id_lookup", unique=True),
        Index("ix_household_member_invited", "id_lookup", postgresql_where=text("state = 'invited'")),
        CheckConstraint("relation IN ('self', 'spouse', 'child', 'parent', 'other')", name="relation"),
        CheckConstraint("state IN ('going', 'invited', 'declined')", name="state"),
        CheckConstraint("state = 'going' OR until_day IS NOT NULL", name="until"),
    )
