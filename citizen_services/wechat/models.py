"""Tables of the official account."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import db, timestamp


class Follower(db.Model):
    """Somebody who follows the account (or did)."""

    __tablename__ = "follower"
    openid: Mapped[str] = mapped_column(Text, primary_key=True)
    followed_at: Mapped[datetime] = mapped_column(timestamp)
    #: When they left; None while they follow. Template messages reach followers only.
    left_at: Mapped[datetime | None] = mapped_column(timestamp)


class Push(db.Model):
    """A push that changed something: written in the transaction of its effect, so that a repetition changes nothing."""

    __tablename__ = "push"
    #: ``message:<sender>:<MsgId>`` or ``event:<sender>:<time>:<event>:<key>``.
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime] = mapped_column(timestamp)
