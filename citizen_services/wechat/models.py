"""Tables of the official account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, SecretJSON, timestamp


class Follower(Base):
    """Somebody who follows the account (or did)."""

    __tablename__ = "follower"
    openid: Mapped[str] = mapped_column(Text, primary_key=True)
    followed_at: Mapped[datetime] = mapped_column(timestamp)
    #: When they left; None while they follow. Template messages reach followers only.
    left_at: Mapped[datetime | None] = mapped_column(timestamp)


class MessageConsent(Base):
    """A person's consents to subscription messages by one template: how many are left, or whether they last."""

    __tablename__ = "message_consent"
    openid: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Our key of the template.
    template: Mapped[str] = mapped_column(Text, primary_key=True)
    lasting: Mapped[bool] = mapped_column()
    remaining: Mapped[int] = mapped_column()
    #: Machine time of the last change.
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (CheckConstraint("remaining >= 0", name="remaining"),)


class Push(Base):
    """A push that changed something: written in the transaction of its effect, so that a repetition changes nothing."""

    __tablename__ = "push"
    #: ``message:<sender>:<MsgId>`` or ``event:<sender>:<time>:<event>:<key>[:<MsgID>]``.
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Machine time; WeChat repeats within seconds, rows older than a month are removed.
    at: Mapped[datetime] = mapped_column(timestamp, index=True)
    #: What was answered, to be answered again: ``{text, seal, body}`` (see wechat/envelope.py).
    answer: Mapped[Any] = mapped_column(SecretJSON("push.answer"))


class PushMemory(Base):
    """What Redis remembers of pushes, kept here while Redis is away.

    Nonces, and answers of pushes that changed nothing.
    """

    __tablename__ = "push_memory"
    #: ``nonce:<hash>`` or ``push:<hash>``, as in Redis.
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    #: Of a nonce: the hash of what came with it; of a push: the answer as in Push.
    value: Mapped[Any] = mapped_column(SecretJSON("push_memory.value"))
    #: Machine time from which it may be forgotten.
    until: Mapped[datetime] = mapped_column(timestamp, index=True)
