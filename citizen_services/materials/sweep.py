"""Removing what nobody uses: photos of applications that were given up, photos taken out, files without a row.

Rows go first and are committed; their files follow when they are found without one. So a crash between leaves only
files, and a photo that somebody sees always has its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select

from citizen_services import clock
from citizen_services.clock import protocol_now
from citizen_services.database import db
from citizen_services.materials import store
from citizen_services.materials.models import Material, Upload
from citizen_services.rules import retention

#: How long a photo that was never handed in is kept (business time), and one that was taken out.
UNUSED_KEPT = retention.period("unsent_photos")
ENDED_KEPT = retention.period("removed_photos")
#: A file younger than this may still get its row (machine time).
FILE_GRACE = timedelta(days=1)
_BATCH = 500


@dataclass(frozen=True)
class Leftovers:
    """What a sweep would remove now; files of the uploads are not yet among ``files``."""

    materials: int
    uploads: int
    files: int


def count(still_open: Select[tuple[UUID]]) -> Leftovers:
    """What would be removed, without removing anything. ``still_open`` as forget."""
    given_up = _given_up(still_open)
    uploads = select(func.count()).select_from(Upload).where(_unused(given_up))
    materials = select(func.count()).select_from(Material).where(given_up)
    return Leftovers(
        materials=int(db.session.scalar(materials) or 0),
        uploads=int(db.session.scalar(uploads) or 0),
        files=sum(1 for _ in _without_row()),
    )


def forget(still_open: Select[tuple[UUID]]) -> int:
    """Remove the rows of what nobody uses, some hundred at a time; returns how many photos. The caller commits.

    ``still_open`` selects the ids of the drafts and corrections for which photos are being gathered: what stands
    there stays, however old.
    """
    old = select(Material.id).where(_given_up(still_open)).limit(_BATCH)
    db.session.execute(delete(Material).where(Material.id.in_(old)).execution_options(synchronize_session=False))
    # Locked before it is decided again: one that is being used once more meanwhile stays.
    candidates = select(Upload.id).where(_unused(None)).order_by(Upload.at, Upload.id).limit(_BATCH)
    ids = db.session.scalars(candidates.with_for_update(skip_locked=True)).all()
    gone = delete(Upload).where(Upload.id.in_(ids), _unused(None)).returning(Upload.id)
    return len(db.session.scalars(gone.execution_options(synchronize_session=False)).all())


def remove_files() -> int:
    """Remove files that have no row; returns how many. Changes no row."""
    number = 0
    for name in _without_row():
        store.store().remove(name)
        number += 1
    return number


def _given_up(still_open: Select[tuple[UUID]]) -> ColumnElement[bool]:
    old = Material.at < clock.now() - UNUSED_KEPT
    return and_(Material.draft_id.is_not(None), Material.draft_id.not_in(still_open), old)


def _unused(apart_from: ColumnElement[bool] | None) -> ColumnElement[bool]:
    """Uploads that nothing uses, apart from materials that will be removed as well, and that were kept long enough."""
    uses: Select[Any] = select(Material.id).where(Material.upload_id == Upload.id)
    if apart_from is not None:
        uses = uses.where(~apart_from)
    now = clock.now()
    return and_(~uses.exists(), or_(Upload.at < now - UNUSED_KEPT, Upload.ended_at < now - ENDED_KEPT))


def _without_row() -> Iterator[str]:
    before = protocol_now() - FILE_GRACE
    old = (name for name, written in store.store().names() if written < before and store.is_name(name))
    while names := list(islice(old, _BATCH)):
        by_id = {name: store.upload_of(name) for name in names}
        known = set(db.session.scalars(select(Upload.id).where(Upload.id.in_(set(by_id.values())))))
        # Half-written ones are leftovers whatever became of the upload.
        yield from (name for name, upload_id in by_id.items() if upload_id not in known or store.half_written(name))
