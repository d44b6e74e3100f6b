"""Drafts that wait: their person is reminded once, by day, unless the application was sent or thrown away meanwhile."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update

from citizen_services.cases.models import Draft
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, db
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_moment
from notifications import ladder, rows, texts
from notifications.models import Delivery, Notice


def remind(draft_id: UUID, *, draft: Draft, item: ServiceItem, citizen: Citizen, change: Change) -> None:
    """Somebody began an application days ago and has not sent it: told once a draft, and not at night."""
    told = select(Notice.id).where(Notice.kind == texts.DRAFT_WAITS.code, Notice.about == draft_id)
    if db.session.scalars(told).first() is not None:
        return
    values = {"item": item.name, "at": chinese_moment(draft.saved_at)}
    about = rows.About(other=draft_id, path=f"/h5/drafts/{draft_id}")
    rows.tell(change, texts.DRAFT_WAITS, values, citizen, about, by_day=True)


def forget_sent(channel: str) -> None:
    """Cancel reminders of drafts that were sent or thrown away while the night lasted. The caller commits."""
    ended = (
        select(Notice.id)
        .join(Draft, Draft.id == Notice.about)
        .where(Notice.kind == texts.DRAFT_WAITS.code, Draft.ended_at.is_not(None))
    )
    cancelled = db.session.execute(
        update(Delivery)
        .where(
            Delivery.channel == channel,
            # In the words of the index: a backlog of other messages is not looked through.
            text("delivery.by_day AND delivery.state = 'pending'"),
            Delivery.notice_id.in_(ended),
            Delivery.leased_until.is_(None) | (Delivery.leased_until <= func.now()),
        )
        .values(state="cancelled", due_at=None, done_at=func.now(), pass_on_at=None, reason="the draft has ended")
        .returning(Delivery.notice_id)
    ).all()
    ladder.refresh(row.notice_id for row in cancelled)
