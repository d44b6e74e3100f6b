"""What photos there are. Whose page it is, and who may see a case, the doors decide; a photo is reached by either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from citizen_services.database import db
from citizen_services.materials import store
from citizen_services.materials.errors import NoSuchUpload
from citizen_services.materials.models import Material, Upload

#: How many earlier photos are offered to be used again.
_OFFERED = 6


@dataclass(frozen=True)
class Piece:
    """One photo of one material in its place.

    ``kind`` is what the person said that it is, ``brought_by_staff`` where a clerk photographed it at a counter.
    """

    upload_id: UUID
    code: str
    position: int
    at: datetime
    width: int
    height: int
    size: int
    brought_by_staff: bool
    replaced: bool
    kind: str | None


def of_draft(draft_id: UUID) -> list[Piece]:
    """What was gathered so far for a draft, or for the answer to a correction: by material, in order."""
    return _pieces(Material.draft_id == draft_id)


def of_case(case_id: UUID, *, replaced: bool = False) -> list[Piece]:
    """What a case rests on, by material, in order; with ``replaced`` also what corrections put others in place of."""
    return _pieces(Material.case_id == case_id, *([] if replaced else [Material.replaced_at.is_(None)]))


def own(citizen_id: UUID, upload_id: UUID) -> Upload:
    """A person's own photo; NoSuchUpload for anybody else's, and for one that was taken out."""
    upload = db.session.get(Upload, upload_id, populate_existing=True)
    if upload is None or upload.citizen_id != citizen_id or upload.ended_at is not None:
        raise NoSuchUpload
    return upload


def handed_in(case_id: UUID, upload_id: UUID) -> Upload:
    """A photo that was handed in with a case, replaced ones too; NoSuchUpload for any other.

    Whoever may see the case may see it.
    """
    used = select(Material.id).where(Material.case_id == case_id, Material.upload_id == upload_id).exists()
    upload = db.session.scalars(select(Upload).where(Upload.id == upload_id, used)).one_or_none()
    if upload is None:
        raise NoSuchUpload
    return upload


def photo(upload: Upload) -> bytes:
    """The photo, as JPEG; StoreDamaged where the store lost or changed it."""
    return store.get(upload.id, upload.storage_key, "photo", upload.sha256)


def thumbnail(upload: Upload) -> bytes:
    """Its thumbnail, as JPEG of at most 320 pixels a side; StoreDamaged as photo."""
    return store.get(upload.id, upload.storage_key, "thumbnail", upload.thumbnail_sha256)


def earlier(citizen_id: UUID, code: str, draft_id: UUID | None = None) -> Sequence[Upload]:
    """Photos that the person handed in for the same material before, newest first, each once.

    What stands in ``draft_id`` already is left out.
    """
    used = (
        select(Material.upload_id)
        .where(Material.code == code, Material.case_id.is_not(None), Material.replaced_at.is_(None))
        .join(Upload, Upload.id == Material.upload_id)
        .where(Upload.citizen_id == citizen_id, Upload.ended_at.is_(None))
    )
    if draft_id is not None:
        here = select(Material.upload_id).where(Material.draft_id == draft_id, Material.code == code)
        used = used.where(Material.upload_id.not_in(here))
    query = select(Upload).where(Upload.id.in_(used)).order_by(Upload.at.desc(), Upload.id.desc())
    return db.session.scalars(query.limit(_OFFERED)).all()


def count(draft_id: UUID, code: str) -> int:
    """How many photos of a material were gathered so far."""
    query = select(func.count()).where(Material.draft_id == draft_id, Material.code == code)
    return int(db.session.scalar(query) or 0)


def _pieces(*conditions: ColumnElement[bool]) -> list[Piece]:
    query = (
        select(
            Material.upload_id,
            Material.code,
            Material.position,
            Material.at,
            Upload.width,
            Upload.height,
            Upload.size,
            Upload.staff_id.is_not(None),
            Material.replaced_at.is_not(None),
            Material.kind,
        )
        .join(Upload, Upload.id == Material.upload_id)
        .where(*conditions)
        .order_by(Material.code, Material.position, Material.id)
    )
    # A row of so many columns has no type of its own.
    rows: Sequence[Any] = db.session.execute(query).all()
    return [Piece(*row) for row in rows]
