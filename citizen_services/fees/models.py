"""Tables of fees. All money is in fen, whole numbers; what ended stays, and an amount never changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, BigInteger, CheckConstraint, ForeignKey, Index, Sequence, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp

#: States of an order in which it can be paid, and those in which nothing more may be ordered for its duty.
PAYABLE = ("due", "ordered")
HOLDING = ("due", "ordered", "paid")
#: What carries money by a partner's word, and what a cashier takes.
ONLINE = ("wechat_jsapi", "wechat_native", "wechat_h5")
COUNTER = ("cash", "pos")

_WAYS = "'" + "', '".join((*ONLINE, *COUNTER)) + "'"

#: Numbers of orders: nobody waits for anybody.
fee_number_sequence = Sequence("fee_number", metadata=Base.metadata)


class FeeOrder(Base):
    """What somebody owes for one duty: one order as long as it can be paid or is paid."""

    __tablename__ = "fee_order"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Printed and read out: ``JF20261125-000001``.
    number: Mapped[str] = mapped_column(Text, unique=True)
    #: What it is owed for, in the words of the room that asked for it; opaque here.
    duty: Mapped[str] = mapped_column(Text)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: What the payer reads on it and at the partner: the item's name.
    title: Mapped[str] = mapped_column(Text)
    #: What it is made up of: ``[{label, fen}]``.
    lines: Mapped[Any] = mapped_column(JSONB)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    #: ``due`` (nothing stands at a partner), ``ordered`` (a prepay does), ``paid``, ``expired``, ``cancelled``,
    #: ``refunding``, ``refunded``, ``disputed`` (a refund that somebody must look after).
    state: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(timestamp)
    #: 24:00 of the last day, business time; unpaid then, it expires.
    pay_until: Mapped[datetime] = mapped_column(timestamp)
    paid_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When it expired or was cancelled.
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_fee_order_duty", "duty", unique=True, postgresql_where=text("state IN ('due', 'ordered', 'paid')")),
        Index("ix_fee_order_duty_made_at", "duty", "made_at"),
        Index("ix_fee_order_pay_until", "pay_until", postgresql_where=text("state IN ('due', 'ordered')")),
        Index("ix_fee_order_citizen_id", "citizen_id"),
        Index("ix_fee_order_made_at", "made_at", "id"),
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint(
            "state IN ('due', 'ordered', 'paid', 'expired', 'cancelled', 'refunding', 'refunded', 'disputed')",
            name="state",
        ),
        CheckConstraint("state <> 'paid' OR paid_at IS NOT NULL", name="paid"),
        CheckConstraint("state NOT IN ('expired', 'cancelled') OR ended_at IS NOT NULL", name="ended"),
    )


class Payment(Base):
    """One try to pay an order, at one partner or at the counter, under one reference of ours.

    ``kept``: the order is paid by it. Money that arrived and is not kept goes back by a refund of its own.
    """

    __tablename__ = "payment"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("fee_order.id"), index=True)
    #: ``wechat_jsapi``, ``wechat_native``, ``wechat_h5``, ``cash``, ``pos``.
    way: Mapped[str] = mapped_column(Text)
    #: What the partner calls it by (out_trade_no): this row's id, thirty-two hexadecimal digits.
    our_ref: Mapped[str] = mapped_column(Text, unique=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    #: ``sending`` (noted before the partner is called), ``open`` (can be paid there), ``paid``, ``closed`` (can't).
    state: Mapped[str] = mapped_column(Text)
    #: What the payer's phone needs to pay: prepay id, code_url or h5_url.
    prepay: Mapped[str | None] = mapped_column(Secret("payment.prepay"))
    made_at: Mapped[datetime] = mapped_column(timestamp)
    #: Machine times: until when what stands at the partner may be used; when it is looked at next; who does so.
    usable_until: Mapped[datetime | None] = mapped_column(timestamp)
    look_at: Mapped[datetime | None] = mapped_column(timestamp)
    looks: Mapped[int] = mapped_column(default=0)
    #: The partner's own number (transaction_id), or that of the slip at the counter.
    partner_ref: Mapped[str | None] = mapped_column(Text)
    paid_fen: Mapped[int | None] = mapped_column(BigInteger)
    paid_at: Mapped[datetime | None] = mapped_column(timestamp)
    kept: Mapped[bool] = mapped_column(default=False)
    #: The cashier who took it.
    taken_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))

    __table_args__ = (
        Index("uq_payment_order_open", "order_id", unique=True, postgresql_where=text("state IN ('sending', 'open')")),
        Index("uq_payment_order_kept", "order_id", unique=True, postgresql_where=text("kept")),
        Index(
            "uq_payment_partner_ref",
            "way",
            "partner_ref",
            unique=True,
            postgresql_where=text("partner_ref IS NOT NULL"),
        ),
        Index("ix_payment_look_at", "look_at", postgresql_where=text("state IN ('sending', 'open')")),
        Index("ix_payment_paid_at", "paid_at", postgresql_where=text("state = 'paid'")),
        CheckConstraint(f"way IN ({_WAYS})", name="way"),
        CheckConstraint("state IN ('sending', 'open', 'paid', 'closed')", name="state"),
        CheckConstraint(
            "(state = 'paid') = (paid_fen IS NOT NULL AND paid_at IS NOT NULL AND partner_ref IS NOT NULL)",
            name="paid",
        ),
        CheckConstraint("NOT kept OR (state = 'paid' AND paid_fen = amount_fen)", name="kept"),
        CheckConstraint("(way IN ('cash', 'pos')) = (taken_by IS NOT NULL)", name="taken_by"),
        CheckConstraint("amount_fen > 0 AND (paid_fen IS NULL OR paid_fen > 0)", name="amounts"),
    )


class Refund(Base):
    """Money that goes back: the whole of one payment, once."""

    __tablename__ = "refund"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("fee_order.id"), index=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"), unique=True)
    #: What the partner calls it by (out_refund_no): the same at each try.
    our_ref: Mapped[str] = mapped_column(Text, unique=True)
    amount_fen: Mapped[int] = mapped_column(BigInteger)
    #: Why, as the payer reads it at the partner.
    reason: Mapped[str] = mapped_column(Text)
    #: ``due``, ``sending`` (noted before the partner is called), ``processing`` (taken, not done), ``at_counter``
    #: (the cashier hands it out), ``done``, ``failed`` (somebody must look after it).
    state: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(default=0)
    #: Machine time of the next try or question.
    look_at: Mapped[datetime | None] = mapped_column(timestamp)
    partner_ref: Mapped[str | None] = mapped_column(Text)
    #: What the partner said last where it did not work, its code.
    trouble: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(timestamp)
    done_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The cashier who handed it out, or settled it otherwise, and how.
    done_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    how: Mapped[str | None] = mapped_column(Secret("refund.how"))

    __table_args__ = (
        Index("ix_refund_look_at", "look_at", postgresql_where=text("state IN ('due', 'sending', 'processing')")),
        Index("ix_refund_by_hand", "made_at", "id", postgresql_where=text("state IN ('at_counter', 'failed')")),
        CheckConstraint("state IN ('due', 'sending', 'processing', 'at_counter', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done"),
        CheckConstraint("amount_fen > 0", name="amount"),
    )


class BillDay(Base):
    """One day's bill of a partner, compared with what we have (对账)."""

    __tablename__ = "bill_day"
    partner: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    #: Machine time of the comparison; a day that was never compared is asked for again.
    compared_at: Mapped[datetime] = mapped_column(timestamp)
    payments: Mapped[int] = mapped_column()
    payments_fen: Mapped[int] = mapped_column(BigInteger)
    refunds: Mapped[int] = mapped_column()
    refunds_fen: Mapped[int] = mapped_column(BigInteger)


class FeeDifference(Base):
    """Where a partner's bill and our records differ: shown until the cashier settled it with a reason."""

    __tablename__ = "fee_difference"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column()
    #: ``payment_missing_here``, ``payment_missing_there``, ``payment_amount``, and the same of ``refund_…``.
    kind: Mapped[str] = mapped_column(Text)
    our_ref: Mapped[str] = mapped_column(Text)
    ours_fen: Mapped[int | None] = mapped_column(BigInteger)
    theirs_fen: Mapped[int | None] = mapped_column(BigInteger)
    found_at: Mapped[datetime] = mapped_column(timestamp)
    settled_at: Mapped[datetime | None] = mapped_column(timestamp)
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    reason: Mapped[str | None] = mapped_column(Secret("fee_difference.reason"))

    __table_args__ = (
        Index("uq_fee_difference", "partner", "day", "kind", "our_ref", unique=True),
        Index("ix_fee_difference_open", "found_at", "id", postgresql_where=text("settled_at IS NULL")),
        CheckConstraint(
            "kind IN ('payment_missing_here', 'payment_missing_there', 'payment_amount', "
            "'refund_missing_here', 'refund_missing_there', 'refund_amount')",
            name="kind",
        ),
        CheckConstraint("(settled_at IS NULL) = (settled_by IS NULL)", name="settled"),
        CheckConstraint("(settled_at IS NULL) = (reason IS NULL)", name="reason"),
    )


#: Money only moves along its way, whoever writes: what is owed, paid or given back never changes its amount, what was
#: paid stays paid, what was given back is not given back again.
_MONEY = (
    """
CREATE FUNCTION money_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ways text[] := CASE TG_TABLE_NAME
        WHEN 'fee_order' THEN ARRAY[
            'due>ordered', 'due>paid', 'due>expired', 'due>cancelled',
            'ordered>due', 'ordered>paid', 'ordered>expired', 'ordered>cancelled',
            'paid>refunding', 'expired>refunding', 'cancelled>refunding', 'refunded>refunding',
            'refunding>refunded', 'refunding>disputed', 'disputed>refunding', 'disputed>refunded']
        WHEN 'payment' THEN ARRAY[
            'sending>open', 'sending>closed', 'sending>paid', 'open>closed', 'open>paid', 'closed>paid']
        ELSE ARRAY[
            'due>sending', 'due>processing', 'due>done', 'due>failed', 'sending>due', 'sending>processing',
            'sending>done', 'sending>failed', 'processing>done', 'processing>failed', 'at_counter>done',
            'failed>due', 'failed>done']
        END;
BEGIN
    IF OLD.state <> NEW.state AND NOT OLD.state || '>' || NEW.state = ANY (ways) THEN
        RAISE EXCEPTION 'a % does not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'money_moves';
    END IF;
    IF OLD.amount_fen <> NEW.amount_fen THEN
        RAISE EXCEPTION 'the amount of a % never changes', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = 'money_moves';
    END IF;
    RETURN NEW;
END $$
""",
    *(
        f"CREATE TRIGGER {table}_moves BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION money_moves()"
        for table in ("fee_order", "payment", "refund")
    ),
)

for _statement in _MONEY:
    event.listen(Refund.__table__, "after_create", DDL(_statement.replace("%", "%%")))
event.listen(Base.metadata, "after_drop", DDL("DROP FUNCTION IF EXISTS money_moves()"))
