"""What only reads: notices of a person or a case, what ended in vain, parcels that need a look, how late telling is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client.metrics_core import Metric
from sqlalchemy import ColumnElement, Interval, Select, cast, func, or_, select, text, true
from sqlalchemy.orm import aliased, defer

from citizen_services import clock, metrics
from citizen_services.cases.models import Case
from citizen_services.database import db
from citizen_services.exchange.ems_codes import NOT_DELIVERED
from notifications import daytime
from notifications.courses import ABSENT, WRONG_ADDRESS
from notifications.models import DOUBTFUL, LETTER, PARCEL_MOVES, ChannelHold, Delivery, Notice, Parcel, ParcelEvent
from notifications.platform import CHANNEL as PLATFORM
from notifications.queue import SENDING
from notifications.reports import CHANNEL as REPORTS
from notifications.writeback import CHANNEL as WRITE_BACK

PAGE = 50
CHANNELS = tuple(queue.removeprefix("send-") for queue in SENDING)
_EVERYWHERE = true()


def notices_of_case(case_id: UUID) -> Sequence[Notice]:
    """What was told of a case, oldest first."""
    query = select(Notice).where(Notice.case_id == case_id).order_by(Notice.at, Notice.id)
    return db.session.scalars(query).all()


def count_of(query: Select[Any]) -> int:
    """How many rows a query of this module gives."""
    return db.session.execute(select(func.count()).select_from(query.order_by(None).subquery())).scalar_one()


def parcels_without_number(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Parcel]:
    """Parcels whose order may have been taken though we have no number: a clerk types it from the label.

    ``within`` here and below: of which cases (or tries) alone.
    """
    return db.session.scalars(without_number(within).limit(limit)).all()


def without_number(within: ColumnElement[bool]) -> Select[Parcel]:
    """The same as a query, to be counted."""
    waiting = select(Delivery.parcel_id).where(
        Delivery.channel == "ems",
        or_(
            (Delivery.state == "uncertain") & Delivery.due_at.is_(None),
            (Delivery.state == "failed") & Delivery.requeued_as.is_(None),
        ),
    )
    query = select(Parcel).join(Case, Case.id == Parcel.case_id).options(defer(Parcel.receiver))
    return query.where(Parcel.tracking.is_(None), Parcel.id.in_(waiting), within).order_by(Parcel.id)


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


def figures() -> list[Metric]:
    """How telling is, for ``/metrics``: due and since when, dead letters, channels on hold; each by channel."""
    due = db.session.execute(
        select(Delivery.channel, func.count(), func.extract("epoch", func.now() - func.min(Delivery.made_at)))
        .where(Delivery.state.in_(("pending", "sending")), Delivery.due_at <= func.now(), daytime.may_go())
        .group_by(Delivery.channel)
    ).all()
    # A channel where nothing is due says 0, so that an alarm sees that it is well.
    found = dict.fromkeys(CHANNELS, (0, 0.0)) | {row[0]: (row[1], float(row[2])) for row in due}
    counted = select(Delivery.channel, func.count()).where(*_dead()).group_by(Delivery.channel)
    dead = dict.fromkeys(CHANNELS, 0) | dict(db.session.execute(counted).all())
    waiting = {hold.channel: 1 for hold in holds()}
    return [
        metrics.gauge("outbox_due", "Tries that are due.", ("channel",), [(c, n) for c, (n, _) in found.items()]),
        metrics.gauge(
            "outbox_oldest_due_seconds",
            "For how long the oldest thing that is due has waited.",
            ("channel",),
            [(c, age) for c, (_, age) in found.items()],
        ),
        metrics.gauge("dead_letters", "Tries of the last month that ended in vain.", ("channel",), dead.items()),
        metrics.gauge(
            "channel_held",
            "Whether a channel waits for an operator.",
            ("channel",),
            [(c, waiting.get(c, 0)) for c in found],
        ),
    ]


# --- dead letters ------------------------------------------------------------------------------------------------


#: Dead letters are looked at for so long; what is older has been dealt with by other means.
LOOKED_AT_FOR = timedelta(days=30)


@dataclass(frozen=True)
class DeadLetters:
    """How many tries of a channel ended in vain for one reason, and since when (machine time)."""

    channel: str
    reason: str
    count: int
    oldest: datetime


def _dead() -> list[ColumnElement[bool]]:
    """Tries that ended in vain, of parcels, write-backs, and notices that no other channel told either."""
    # After the last rung nothing more is tried, though of an earlier one a receipt may still come.
    climbed = (Delivery.channel == "visit") & (Notice.state != "delivered")
    ended = or_(Notice.state.in_(("failed", "expired")), climbed)
    told = select(Notice.id).where(Notice.id == Delivery.notice_id, ended, Notice.requeued_as.is_(None))
    return [
        Delivery.state.in_(("failed", "expired")),
        # What no letter reached is brought, and stands on the list of that.
        Delivery.channel != LETTER,
        Delivery.requeued_as.is_(None),
        Delivery.made_at >= clock.protocol_now() - LOOKED_AT_FOR,
        or_(Delivery.notice_id.is_(None), told.exists()),
    ]


def dead_letter_counts(*, within: ColumnElement[bool] = _EVERYWHERE) -> list[DeadLetters]:
    """What ended in vain, counted by channel and reason, the most frequent first."""
    counted = func.count()
    rows = db.session.execute(
        select(Delivery.channel, func.coalesce(Delivery.reason, ""), counted, func.min(Delivery.made_at))
        .where(*_dead(), within)
        .group_by(Delivery.channel, Delivery.reason)
        .order_by(counted.desc(), Delivery.channel)
        .limit(PAGE)
    )
    return [DeadLetters(*row) for row in rows]


def dead_letters(
    channel: str | None = None, reason: str = "", limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE
) -> Sequence[Delivery]:
    """Tries that ended in vain, newest first; ``reason`` is how it begins. ``operations.requeue`` tries once more."""
    begins = func.coalesce(Delivery.reason, "").startswith(reason, autoescape=True)
    query = select(Delivery).options(defer(Delivery.payload)).where(*_dead(), begins, within)
    if channel is not None:
        query = query.where(Delivery.channel == channel)
    return db.session.scalars(query.order_by(Delivery.id.desc()).limit(limit)).all()


def in_doubt(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Delivery]:
    """Messages of which nobody can find out whether they arrived, and that no other channel passes on; newest first."""
    return db.session.scalars(doubtful(within).limit(limit)).all()


def doubtful(within: ColumnElement[bool]) -> Select[Delivery]:
    """The same as a query, to be counted."""
    told = select(Notice.id).where(Notice.id == Delivery.notice_id, Notice.state == "uncertain")
    query = select(Delivery).where(
        text(DOUBTFUL),
        Delivery.pass_on_at.is_(None),
        Delivery.made_at >= clock.protocol_now() - LOOKED_AT_FOR,
        told.exists(),
        within,
    )
    return query.options(defer(Delivery.payload)).order_by(Delivery.id.desc())


def rejected_writebacks(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Delivery]:
    """What the province's register rejected, oldest first.

    ``words`` are the register's, ``about`` the registration or permit. ``operations.write_again`` writes it as it is
    by then.
    """
    return db.session.scalars(rejected(WRITE_BACK, within).limit(limit)).all()


def rejected_reports(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Delivery]:
    """What the one-window platform rejected, oldest first: ``words`` are its own, ``about`` is the case.

    ``operations.report_again`` reports it once more.
    """
    return db.session.scalars(rejected(REPORTS, within).limit(limit)).all()


def rejected_applications(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Delivery]:
    """What the national platform rejected, oldest first: ``words`` are its own, ``about`` is the case.

    ``operations.hand_over_again`` hands it over once more.
    """
    return db.session.scalars(rejected(PLATFORM, within).limit(limit)).all()


def rejected(channel: str, within: ColumnElement[bool]) -> Select[Delivery]:
    """What a partner rejected on one of these channels, as a query."""
    query = select(Delivery).where(
        Delivery.channel == channel, Delivery.state == "failed", Delivery.requeued_as.is_(None), within
    )
    return query.options(defer(Delivery.payload)).order_by(Delivery.id)


# --- parcels that need a look ------------------------------------------------------------------------------------


def _last_of_open_cases(within: ColumnElement[bool]) -> Select[Parcel]:
    """Parcels to people whose case goes on, the last one of each."""
    later = aliased(Parcel)
    superseded = select(later.id).where(
        later.case_id == Parcel.case_id, later.direction == Parcel.direction, later.id > Parcel.id
    )
    return (
        select(Parcel)
        .join(Case, Case.id == Parcel.case_id)
        .where(Parcel.direction == "out", Case.ended_at.is_(None), ~superseded.exists(), within)
        .options(defer(Parcel.receiver))
        .order_by(Parcel.id)
    )


def parcels_to_check(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Parcel]:
    """Signed for by somebody else, lost, or not delivered for a reason that only an enquiry clears up; oldest first."""
    after = aliased(ParcelEvent)
    unclear = select(ParcelEvent.id).where(
        ParcelEvent.parcel_id == Parcel.id,
        ParcelEvent.op_code == NOT_DELIVERED,
        ParcelEvent.attempt_code.not_in(WRONG_ADDRESS | ABSENT),
        ~select(after.id).where(after.parcel_id == ParcelEvent.parcel_id, after.op_time > ParcelEvent.op_time).exists(),
    )
    query = _last_of_open_cases(within).where(
        or_(Parcel.course.in_(("other", "lost")), (Parcel.course == "moving") & unclear.exists())
    )
    return db.session.scalars(query.limit(limit)).all()


def parcels_silent(days: int = 3, limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Parcel]:
    """On their way, and nothing was heard of them for so many days (business time); the longest silent first."""
    return db.session.scalars(silent(days, within).limit(limit)).all()


def silent(days: int, within: ColumnElement[bool]) -> Select[Parcel]:
    """The same as a query, to be counted."""
    heard = func.coalesce(Parcel.heard_at, Parcel.at)
    query = _last_of_open_cases(within).where(
        text(PARCEL_MOVES),
        heard <= clock.now() - timedelta(days=days),
    )
    return query.order_by(None).order_by(heard, Parcel.id)


def parcels_returned(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Parcel]:
    """Returned to us and not yet sent again or collected, oldest first."""
    return db.session.scalars(_last_of_open_cases(within).where(Parcel.course == "returned").limit(limit)).all()


def parcels_coming_back(limit: int = PAGE, *, within: ColumnElement[bool] = _EVERYWHERE) -> Sequence[Parcel]:
    """Refused or sent back by the courier, and on their way to us, oldest first."""
    query = _last_of_open_cases(within).where(Parcel.course.in_(("refused", "back")))
    return db.session.scalars(query.limit(limit)).all()
