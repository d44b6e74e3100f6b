"""What only reads: notices of a person or a case, tries that need somebody's look, how long telling has been due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Interval, cast, func, or_, select

from citizen_services.database import db
from notifications import daytime
from notifications.models import ChannelHold, Delivery, Notice, Parcel

PAGE = 50


def notices_of_citizen(citizen_id: UUID, limit: int = PAGE) -> Sequence[Notice]:
    """What a person was told, newest first."""
    query = select(Notice).where(Notice.citizen_id == citizen_id).order_by(Notice.at.desc(), Notice.id.desc())
    return db.session.scalars(query.limit(limit)).all()


def notices_of_case(case_id: UUID) -> Sequence[Notice]:
    """What was told of a case, oldest first."""
    query = select(Notice).where(Notice.case_id == case_id).order_by(Notice.at, Notice.id)
    return db.session.scalars(query).all()


def deliveries_of(notice_id: UUID) -> Sequence[Delivery]:
    """A notice's tries, in order."""
    return db.session.scalars(select(Delivery).where(Delivery.notice_id == notice_id).order_by(Delivery.id)).all()


def parcels_of_case(case_id: UUID) -> Sequence[Parcel]:
    """A case's parcels, in order."""
    return db.session.scalars(select(Parcel).where(Parcel.case_id == case_id).order_by(Parcel.id)).all()


def by_reason(beginning: str, *, channel: str | None = None, limit: int = PAGE) -> Sequence[Delivery]:
    """Tries whose reason begins so, newest first: ``set aside``, ``operator``, ``never: isv.MOBILE_NUMBER_ILLEGAL``."""
    query = select(Delivery).where(Delivery.reason.startswith(beginning, autoescape=True))
    if channel is not None:
        query = query.where(Delivery.channel == channel)
    return db.session.scalars(query.order_by(Delivery.id.desc()).limit(limit)).all()


def parcels_without_number(limit: int = PAGE) -> Sequence[Parcel]:
    """Parcels whose order may have been taken though we have no number: a clerk types it from the label."""
    waiting = select(Delivery.parcel_id).where(
        Delivery.channel == "ems",
        or_((Delivery.state == "uncertain") & Delivery.due_at.is_(None), Delivery.state == "failed"),
    )
    query = select(Parcel).where(Parcel.tracking.is_(None), Parcel.id.in_(waiting)).order_by(Parcel.id)
    return db.session.scalars(query.limit(limit)).all()


def holds() -> Sequence[ChannelHold]:
    """The channels that wait for an operator: the console's alarm."""
    return db.session.scalars(select(ChannelHold).order_by(ChannelHold.channel)).all()


def oldest_due(channel: str | None = None) -> timedelta | None:
    """For how long the oldest thing that is due has been waiting (machine time); None where nothing is due.

    Held channels count: their notices are late as well.
    """
    query = select(cast(func.now() - func.min(Delivery.made_at), Interval)).where(
        Delivery.state.in_(("pending", "sending")), Delivery.due_at <= func.now(), daytime.may_go()
    )
    if channel is not None:
        query = query.where(Delivery.channel == channel)
    waited: timedelta | None = db.session.execute(query).scalar_one()
    return waited


def untold(since: datetime, limit: int = PAGE) -> Sequence[Notice]:
    """Notices that reached nobody on any channel since a business time: what is left is a telephone call."""
    query = select(Notice).where(
        Notice.state.in_(("failed", "uncertain")), Notice.at >= since, Notice.citizen_id.is_not(None)
    )
    return db.session.scalars(query.order_by(Notice.at.desc()).limit(limit)).all()
