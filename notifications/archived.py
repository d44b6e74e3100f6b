"""What messages and parcels of a case have to do with its file: they keep it while they run, and go with it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, or_, select, update

from citizen_services.cases.models import Case
from citizen_services.database import db
from notifications.models import Delivery, Letter, Notice, Parcel, ParcelEvent
from notifications.old_models import DocumentDue
from notifications.platform_models import PlatformApplication

_OPEN = ("pending", "sending", "uncertain")


def needed() -> ColumnElement[bool]:
    """Whether something of ours about a case is still under way, as a condition on ``Case``."""
    of_notice = exists().where(Notice.case_id == Case.id, Delivery.notice_id == Notice.id, Delivery.state.in_(_OPEN))
    of_parcel = exists().where(Parcel.case_id == Case.id, Delivery.parcel_id == Parcel.id, Delivery.state.in_(_OPEN))
    moving = exists().where(Parcel.case_id == Case.id, Parcel.course.in_(("moving", "refused", "back", "lost")))
    letter = exists().where(Parcel.case_id == Case.id, Letter.parcel_id == Parcel.id, Letter.handed_at.is_(None))
    due = exists().where(DocumentDue.case_id == Case.id, DocumentDue.ended_at.is_(None))
    handed = exists().where(PlatformApplication.case_id == Case.id, PlatformApplication.look_at.is_not(None))
    return or_(of_notice, of_parcel, moving, letter, due, handed)


def remove(sender: str, *, case_ids: Sequence[UUID]) -> None:
    """Files of cases were removed: notices of them go, of parcels the addressee and the courier's words."""
    notices = select(Notice.id).where(Notice.case_id.in_(case_ids))
    parcels = select(Parcel.id).where(Parcel.case_id.in_(case_ids))
    for statement in (
        delete(Delivery).where(Delivery.notice_id.in_(notices)),
        delete(Notice).where(Notice.case_id.in_(case_ids)),
        update(Delivery).where(Delivery.parcel_id.in_(parcels)).values(payload={}, words=None),
        # Reports and what was written back name the case, or the register row made of it, and nobody.
        update(ParcelEvent).where(ParcelEvent.parcel_id.in_(parcels)).values(description=""),
        update(Parcel).where(Parcel.case_id.in_(case_ids)).values(receiver={}),
        update(PlatformApplication)
        .where(PlatformApplication.case_id.in_(case_ids))
        .values(reason=None, officer_name=None, officer_number=None),
        update(DocumentDue).where(DocumentDue.case_id.in_(case_ids)).values(note=None),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))
