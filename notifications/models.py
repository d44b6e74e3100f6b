"""Tables of telling: what a person should know, each try at telling it, and parcels on their way."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Secret, SecretJSON, db, new_id, timestamp

NOTICE_STATES = ("pending", "sending", "uncertain", "sent", "delivered", "failed", "expired", "cancelled")
FINAL_NOTICE_STATES = ("delivered", "failed", "expired", "cancelled")
PARCEL_STATES = (
    "ordered", "collected", "in_transit", "delivering", "signed", "signed_by_other", "refused", "returned", "lost",
)  # fmt: skip


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Notice(db.Model):
    """What a person should know. Exists if and only if the fact does: written in the fact's own transaction."""

    __tablename__ = "notice"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The declared notice's name: ``accepted``, ``login_code``.
    kind: Mapped[str] = mapped_column(Text)
    #: Whom; None for a code to a phone that nobody is bound to.
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    case_id: Mapped[UUID | None] = mapped_column(index=True)
    #: Values of the placeholders, phone included where no citizen is known.
    values: Mapped[Any] = mapped_column(SecretJSON("notice.values"))
    #: The readable text, as the person's page shows it.
    text: Mapped[str] = mapped_column(Secret("notice.text"))
    state: Mapped[str] = mapped_column(Text)
    #: Business time of the fact; after ``expires_at`` (machine time) telling it has no use.
    at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(None, "citizen_id", "at"),
        CheckConstraint(_one_of("state", NOTICE_STATES), name="state"),
    )


class Delivery(db.Model):
    """One channel's try at a notice, or one order of a parcel: the outbox row that a worker claims by lease."""

    __tablename__ = "delivery"
    #: Its text form is our reference at the partner (OutId, client_msg_id, logisticsOrderNo).
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The notice told, or the parcel ordered.
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice.id"), index=True)
    parcel_id: Mapped[UUID | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    #: ``wechat``, ``sms``, ``ems``, ``registration`` (written back to the province) …
    channel: Mapped[str] = mapped_column(Text)
    #: What the channel needs: template, values, receiver.
    payload: Mapped[Any] = mapped_column(SecretJSON("delivery.payload"))
    state: Mapped[str] = mapped_column(Text)
    #: Machine times: when it is to be tried, and until when somebody holds it.
    due_at: Mapped[datetime] = mapped_column(timestamp)
    leased_until: Mapped[datetime | None] = mapped_column(timestamp)
    #: Tries so far.
    attempts: Mapped[int] = mapped_column(default=0)
    #: The partner's name for it (BizId, msgid, waybill number).
    partner_ref: Mapped[str | None] = mapped_column(Text, index=True)
    #: Why it failed or waits: the partner's code and our word for it.
    reason: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime | None] = mapped_column(timestamp)
    done_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(
            "ix_delivery_due", "channel", "due_at", postgresql_where=text("state IN ('pending', 'sending', 'uncertain')")
        ),
        CheckConstraint(_one_of("state", NOTICE_STATES), name="state"),
    )


class Parcel(db.Model):
    """A parcel on its way; its state is computed from all of its events, since couriers revoke events."""

    __tablename__ = "parcel"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(index=True)
    #: ``out`` (to the person) or ``back``.
    direction: Mapped[str] = mapped_column(Text)
    #: ``{name, phone, province, city, county, address}``.
    receiver: Mapped[Any] = mapped_column(SecretJSON("parcel.receiver"))
    #: The courier's number, once ordered.
    tracking: Mapped[str | None] = mapped_column(Text, index=True)
    state: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: When the courier was last asked (machine time).
    asked_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        CheckConstraint("direction IN ('out', 'back')", name="direction"),
        CheckConstraint(_one_of("state", PARCEL_STATES), name="state"),
    )


class ParcelEvent(db.Model):
    """One event that the courier reported; the same one twice is one row."""

    __tablename__ = "parcel_event"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    parcel_id: Mapped[UUID] = mapped_column(ForeignKey("parcel.id"))
    #: The courier's codes and time; ``deliver_code`` says who signed.
    op_code: Mapped[str] = mapped_column(Text)
    op_time: Mapped[datetime] = mapped_column(timestamp)
    deliver_code: Mapped[str | None] = mapped_column(Text)
    attempt_code: Mapped[str | None] = mapped_column(Text)
    #: The courier's words: shown, never decided on.
    description: Mapped[str] = mapped_column(Secret("parcel_event.description"))
    received_at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (Index("uq_parcel_event", "parcel_id", "op_code", "op_time", unique=True),)


class Receipt(db.Model):
    """What a partner reported, as it came: stored before it is acted on."""

    __tablename__ = "receipt"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner: Mapped[str] = mapped_column(Text)
    #: Keyed digest of what makes it the same report: a repetition changes nothing.
    same: Mapped[str] = mapped_column(Text, unique=True)
    body: Mapped[Any] = mapped_column(SecretJSON("receipt.body"))
    received_at: Mapped[datetime] = mapped_column(timestamp)
    #: When it was acted on; None = still to do.
    settled_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (Index("ix_receipt_unsettled", "received_at", postgresql_where=text("settled_at IS NULL")),)
