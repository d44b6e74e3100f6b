"""Tables of the exchange with outside systems."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, SecretJSON, new_id, timestamp


class RegisterAnswer(Base):
    """What a register answered about a person, with source and time: what the officer saw can be shown years later."""

    __tablename__ = "register_answer"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: The partner: ``population``, ``migrants``, ``social_insurance`` …
    source: Mapped[str] = mapped_column(Text)
    #: What was asked: ``person``, ``portrait``, ``history``, ``employment``.
    topic: Mapped[str] = mapped_column(Text)
    #: ``found``, ``none`` (the register knows nothing) or ``unavailable`` (it could not be asked).
    outcome: Mapped[str] = mapped_column(Text)
    #: The answer, in our own words (see docs/partners).
    content: Mapped[Any | None] = mapped_column(SecretJSON("register_answer.content"))
    #: Our reference of the request.
    our_ref: Mapped[str] = mapped_column(Text)
    #: Business time of the answer, and machine time until when it may be used again.
    at: Mapped[datetime] = mapped_column(timestamp)
    fresh_until: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (
        Index(None, "citizen_id", "source", "topic", "at"),
        CheckConstraint("outcome IN ('found', 'none', 'unavailable')", name="outcome"),
    )


class PartnerToken(Base):
    """An access token that all processes share: one refresher (lease), and an old one never overwrites a new one.

    A lease and not a row lock, since the partner is asked outside any transaction.
    """

    __tablename__ = "partner_token"
    #: ``wechat_api`` (the access token), ``wechat_jsapi`` (the ticket that signs pages).
    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    token: Mapped[str] = mapped_column(Secret("partner_token.token"))
    #: Raised at each refresh: whoever saw token n fail asks for n + 1.
    generation: Mapped[int] = mapped_column()
    #: Machine times.
    refreshed_at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp)
    #: Until when somebody is asking for the next one (the database's time); None while nobody is.
    leased_until: Mapped[datetime | None] = mapped_column(timestamp)
