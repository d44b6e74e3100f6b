"""Tables of telling: what a person should know, each try at telling it, and parcels on their way."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, SecretJSON, new_id, timestamp
from citizen_services.exchange.ems_codes import DELIVERED, NOT_DELIVERED

NOTICE_STATES = ("pending", "sending", "uncertain", "sent", "delivered", "failed", "expired", "cancelled")
FINAL_NOTICE_STATES = ("delivered", "failed", "expired", "cancelled")
PARCEL_STATES = (
    "ordered", "collected", "in_transit", "delivering", "signed", "signed_by_other", "refused", "returned", "lost",
    "cancelled",
)  # fmt: skip


#: Rungs of the ladder that people climb: no worker sends them.
BY_HAND = frozenset({"call", "visit"})
#: The rung that the post climbs, of a document that law wants on paper; its order is a parcel's. No worker sends it.
LETTER = "letter"
NOT_SENT = BY_HAND | {LETTER}
#: How a person wishes to be told first.
FIRST = ("wechat", "sms", "call")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


#: A try that has not ended; one that ended in vain and was not requeued.
_OPEN = "state IN ('pending', 'sending', 'uncertain', 'sent')"
_MAY_EXPIRE = "state = 'pending' AND expires_at IS NOT NULL"
_ABOUT = text("about IS NOT NULL")
_DEAD = "state IN ('failed', 'expired') AND requeued_as IS NULL"
DOUBTFUL = "state = 'uncertain' AND due_at IS NULL"
#: In these words the scheduler and the console ask, since a plan that is made once for all values finds an index by
#: them alone. Parcels of which news is awaited; of which the case was not told everything; on their way; and events
#: whose sub-code is missing.
PARCEL_AWAITED = "tracking IS NOT NULL AND state IN ('ordered', 'collected', 'in_transit', 'delivering', 'refused')"
PARCEL_UNTOLD = "direction = 'out' AND tracking IS NOT NULL AND (noted_at IS NULL OR course <> told)"
PARCEL_MOVES = "tracking IS NOT NULL AND course IN ('moving', 'refused', 'back')"
EVENT_UNCLEAR = (
    f"op_code = '{DELIVERED}' AND deliver_code IS NULL OR op_code = '{NOT_DELIVERED}' AND attempt_code IS NULL"
)


class Notice(Base):
    """What a person should know. Exists if and only if the fact does: written in the fact's own transaction."""

    __tablename__ = "notice"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The declared notice's name: ``accepted``, ``login_code``.
    kind: Mapped[str] = mapped_column(Text)
    #: Whom; None for a code to a phone that nobody is bound to.
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    case_id: Mapped[UUID | None] = mapped_column(index=True)
    #: What else it is about: a draft, an event of a parcel. Told once of each.
    about: Mapped[UUID | None] = mapped_column()
    #: Values of the placeholders, phone included where no citizen is known.
    values: Mapped[Any] = mapped_column(SecretJSON("notice.values"))
    #: The readable text, as the person's page shows it.
    text: Mapped[str] = mapped_column(Secret("notice.text"))
    state: Mapped[str] = mapped_column(Text)
    #: Business time of the fact; after ``expires_at`` (machine time) telling it has no use.
    at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The notice that says the same once more, since this one reached nobody.
    requeued_as: Mapped[UUID | None] = mapped_column()

    __table_args__ = (
        Index(None, "citizen_id", "at"),
        Index("uq_notice_kind_about", "kind", "about", unique=True, postgresql_where=_ABOUT),
        CheckConstraint(_one_of("state", NOTICE_STATES), name="state"),
    )


class Delivery(Base):
    """One channel's try at a notice, or one order of a parcel: the outbox row that a worker claims by lease."""

    __tablename__ = "delivery"
    #: Its text form is our reference at the partner (OutId, client_msg_id, logisticsOrderNo).
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The notice told, or the parcel ordered.
    notice_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice.id"), index=True)
    parcel_id: Mapped[UUID | None] = mapped_column(ForeignKey("parcel.id"), index=True)
    #: The register row that is written back, and whose it is: a person's writes go in the order of the facts. Of a
    #: report outward both are the case: a case's reports go in the order of its facts.
    about: Mapped[UUID | None] = mapped_column()
    person: Mapped[UUID | None] = mapped_column()
    #: ``wechat``, ``sms``, ``ems``, ``registration`` (written back to the province), ``one_window`` …
    channel: Mapped[str] = mapped_column(Text)
    #: What the channel needs: template, values, receiver.
    payload: Mapped[Any] = mapped_column(SecretJSON("delivery.payload"))
    state: Mapped[str] = mapped_column(Text)
    #: Passed to the next channel where this one's fate is uncertain.
    must_be_known: Mapped[bool] = mapped_column(default=False)
    #: Nothing urgent: sent by day only (business time).
    by_day: Mapped[bool] = mapped_column(default=False)
    #: Machine time of the wish: what ages and give-up times are counted from.
    made_at: Mapped[datetime] = mapped_column(timestamp)
    #: Machine time of what is to be done next (send, ask the partner); None = only a receipt can move it.
    due_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Machine time after which sending has no use.
    expires_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Business time at which the next channel takes over, unless this one was heard of before.
    pass_on_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Whose turn it is (one value a claim), and until when by the database's clock.
    lease: Mapped[UUID | None] = mapped_column()
    leased_until: Mapped[datetime | None] = mapped_column(timestamp)
    #: Tries so far, and questions asked about the last try.
    attempts: Mapped[int] = mapped_column(default=0)
    checks: Mapped[int] = mapped_column(default=0)
    #: The partner's name for it (BizId, msgid, waybill number).
    partner_ref: Mapped[str | None] = mapped_column(Text, index=True)
    #: Of SMS: the gateway that the last try went to, and the one that refused the message itself (its number, its
    #: template).
    gateway: Mapped[str | None] = mapped_column(Text)
    refused_by: Mapped[str | None] = mapped_column(Text)
    #: Why it failed or waits: the partner's code and our word for it.
    reason: Mapped[str | None] = mapped_column(Text)
    #: The partner's own words when it refused for good; they may name a person.
    words: Mapped[str | None] = mapped_column(Secret("delivery.words"))
    #: The row that tries once more, since this one ended in vain.
    requeued_as: Mapped[UUID | None] = mapped_column()
    #: Machine times: when the last try began, when it came to an end for good.
    sent_at: Mapped[datetime | None] = mapped_column(timestamp)
    done_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_delivery_due", "channel", "state", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_delivery_pass_on_at", "pass_on_at", postgresql_where=text("pass_on_at IS NOT NULL")),
        # One try a channel: whatever runs twice, a person is told once there.
        Index("uq_delivery_notice_id_channel", "notice_id", "channel", unique=True),
        # A person is told once: a later success is none (ladder.success).
        Index(
            "uq_delivery_success",
            "notice_id",
            unique=True,
            postgresql_where=text("state = 'delivered' AND notice_id IS NOT NULL"),
        ),
        Index(
            "ix_delivery_by_hand",
            "channel",
            "id",
            postgresql_where=text("channel IN ('call', 'visit') AND state = 'pending'"),
        ),
        Index("ix_delivery_by_day", "channel", postgresql_where=text("by_day AND state = 'pending'")),
        Index("ix_delivery_expires", "channel", "expires_at", postgresql_where=text(_MAY_EXPIRE)),
        Index("ix_delivery_about", "about", "id", postgresql_where=text("about IS NOT NULL")),
        Index(
            "ix_delivery_person_open",
            "person",
            "channel",
            "id",
            postgresql_where=text(f"person IS NOT NULL AND {_OPEN}"),
        ),
        Index("ix_delivery_dead", "channel", "id", postgresql_where=text(_DEAD)),
        Index("ix_delivery_doubtful", "id", postgresql_where=text(DOUBTFUL)),
        CheckConstraint(_one_of("state", NOTICE_STATES), name="state"),
        CheckConstraint("attempts >= 0 AND checks >= 0", name="counts"),
    )


class TellingChoice(Base):
    """How a person wishes to be told. Without a row: WeChat first, and of everything."""

    __tablename__ = "telling_choice"
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), primary_key=True)
    #: The rung to begin with; ``call`` is for what must be known, anything else begins with an SMS then.
    first: Mapped[str] = mapped_column(Text)
    #: Only what must be known is sent; the rest stands on the person's pages.
    less: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (CheckConstraint(_one_of("first", FIRST), name="first"),)


class ChannelHold(Base):
    """A channel that waits for a person of ours, its keys or balance being refused: the console's alarm."""

    __tablename__ = "channel_hold"
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    #: The partner's code.
    reason: Mapped[str] = mapped_column(Text)
    #: Machine times: since when, and when one row may try whether it is mended.
    since: Mapped[datetime] = mapped_column(timestamp)
    until: Mapped[datetime] = mapped_column(timestamp)


class Parcel(Base):
    """A parcel on its way; its state is computed from all of its events, since couriers revoke events."""

    __tablename__ = "parcel"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(index=True)
    #: ``out`` (a result, to the person), ``back``, or ``letter`` (a document to the person, see Letter).
    direction: Mapped[str] = mapped_column(Text)
    #: ``{name, phone, province, city, county, address}``.
    receiver: Mapped[Any] = mapped_column(SecretJSON("parcel.receiver"))
    #: The courier's number, once ordered.
    tracking: Mapped[str | None] = mapped_column(Text, index=True)
    state: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: When the courier was last asked (machine time).
    asked_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When the case was told the tracking number, and that it was signed for (business time).
    noted_at: Mapped[datetime | None] = mapped_column(timestamp)
    closed_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The course that it takes (``moving, refused, back, returned, lost, other, signed, cancelled``), and the last one
    #: that the case was told of.
    course: Mapped[str] = mapped_column(Text, default="moving")
    told: Mapped[str] = mapped_column(Text, default="moving")
    #: Since when it is not to reach whom it was for: cancelled before its collection, else asked back (business time).
    unwanted_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When an event was last heard of (business time).
    heard_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        CheckConstraint("direction IN ('out', 'back', 'letter')", name="direction"),
        CheckConstraint(_one_of("state", PARCEL_STATES), name="state"),
        Index("ix_parcel_awaited", "asked_at", postgresql_where=text(PARCEL_AWAITED)),
        Index("ix_parcel_untold", "id", postgresql_where=text(PARCEL_UNTOLD)),
        Index("ix_parcel_moves", text("coalesce(heard_at, at)"), "id", postgresql_where=text(PARCEL_MOVES)),
        Index("ix_parcel_trouble", "course", "id", postgresql_where=text("course NOT IN ('moving', 'signed')")),
    )


class Letter(Base):
    """A document that goes by post: which parcel, and who handed it over, after its label was scanned.

    One that came to nothing is followed by another, under a parcel of its own.
    """

    __tablename__ = "letter"
    parcel_id: Mapped[UUID] = mapped_column(ForeignKey("parcel.id"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("document.id"))
    #: Which letter of this document it is, from 1 on.
    nth: Mapped[int] = mapped_column(default=1)
    #: Where its address comes from (``application``, ``citizen``, ``staff``), and who of the staff wrote it down.
    given_by: Mapped[str] = mapped_column(Text, default="application")
    given_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Who gave it for the person (``citizen``), where it was not they themselves: a guardian, an agent.
    acted_by: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    handed_at: Mapped[datetime | None] = mapped_column(timestamp)
    handed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: When its person signed, by the courier; None again where that was revoked.
    signed_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_letter_document_id_nth", "document_id", "nth", unique=True),
        Index("ix_letter_waiting", "parcel_id", postgresql_where=text("handed_at IS NULL")),
        CheckConstraint("nth >= 1", name="nth"),
        CheckConstraint("given_by IN ('application', 'citizen', 'staff')", name="given_by"),
        CheckConstraint("(given_by = 'staff') = (given_by_id IS NOT NULL)", name="given_by_id"),
        CheckConstraint("acted_by IS NULL OR given_by = 'citizen'", name="acted_by"),
    )


class StaffDigest(Base):
    """What was stuck at an office on a working day, as it was counted at the hour of the digest: once a day."""

    __tablename__ = "staff_digest"
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(timestamp)
    #: ``[{kind, why, count}]``: how much of each; names nobody.
    counts: Mapped[Any] = mapped_column(JSONB)


class DigestWish(Base):
    """A supervisor who wants the digest by SMS as well, on which phone. Without a row: on the page only."""

    __tablename__ = "digest_wish"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    phone: Mapped[str] = mapped_column(Secret("digest_wish.phone"))
    at: Mapped[datetime] = mapped_column(timestamp)


class ParcelEvent(Base):
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

    __table_args__ = (
        Index("uq_parcel_event", "parcel_id", "op_code", "op_time", unique=True),
        Index("ix_parcel_event_unclear", "parcel_id", "received_at", postgresql_where=text(EVENT_UNCLEAR)),
    )


class Receipt(Base):
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
    #: When to try (again), how often it was tried, and why nothing came of it. Machine time.
    due_at: Mapped[datetime] = mapped_column(timestamp)
    tries: Mapped[int] = mapped_column(default=0)
    fault: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index("ix_receipt_unsettled", "due_at", postgresql_where=text("settled_at IS NULL")),)


#: Receipts come twice, late and out of order; what has ended stays as it ended, whoever writes. The migration runs the
#: same text.
FORWARD_ONLY = (
    """
CREATE OR REPLACE FUNCTION forward_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('delivered', 'failed', 'expired', 'cancelled')
       OR (OLD.state = 'sent' AND TG_TABLE_NAME = 'delivery' AND NEW.state IN ('pending', 'sending', 'uncertain')) THEN
        RAISE EXCEPTION 'a % does not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'forward_only';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE OR REPLACE TRIGGER delivery_forward_only BEFORE UPDATE OF state ON delivery
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION forward_only()
""",
    """
CREATE OR REPLACE TRIGGER notice_forward_only BEFORE UPDATE OF state ON notice
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION forward_only()
""",
)
for _statement in FORWARD_ONLY:
    event.listen(Delivery.__table__, "after_create", DDL(_statement.replace("%", "%%")))
event.listen(Base.metadata, "after_drop", DDL("DROP FUNCTION IF EXISTS forward_only()"))
