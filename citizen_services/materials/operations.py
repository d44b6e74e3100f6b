"""Taking, removing and using photos again. A door that takes one does ``admit``, commit, ``take``, commit.

The first commit counts the try even where the process dies, and ends the transaction before the photo is decoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, update

from citizen_services import clock
from citizen_services.clock import protocol_now
from citizen_services.database import Change, db, new_id
from citizen_services.database.base import after_commit
from citizen_services.materials import queries, store
from citizen_services.materials.decode import Picture, decode
from citizen_services.materials.errors import NoSuchUpload, TooManyPieces
from citizen_services.materials.judge import judge
from citizen_services.materials.models import Material, Upload
from citizen_services.people.errors import TooMany
from citizen_services.people.models import Attempt
from citizen_services.security import keyring

#: Photos of one material: a lease has some pages.
MOST_PIECES = 6
#: Tries of one person, refused ones too, each within a span of machine time: each costs some seconds of a processor.
LIMITS = ((30, timedelta(minutes=10)), (150, timedelta(days=1)))
_TRY = "upload"


class CalledWithinAnAct(Exception):
    """A photo was about to be decoded while something was written: others would wait for it."""


def admit(citizen_id: UUID) -> None:
    """Count one try to upload. Raises TooMany (of people), and then counts nothing. The caller commits before take."""
    subject = keyring().lookup("attempt_citizen", str(citizen_id))
    _lock(subject)
    now = protocol_now()
    for times, within in LIMITS:
        counted = select(Attempt.at).where(Attempt.kind == _TRY, Attempt.subject == subject, Attempt.at > now - within)
        oldest = db.session.scalar(counted.order_by(Attempt.at.desc(), Attempt.id.desc()).offset(times - 1).limit(1))
        if oldest is not None:
            raise TooMany((oldest + within - now).total_seconds())
    row = {"id": new_id(), "kind": _TRY, "subject": subject, "succeeded": False, "at": now}
    db.session.execute(insert(Attempt).values(row))


def take(
    citizen_id: UUID,
    draft_id: UUID,
    code: str,
    file: bytes,
    *,
    most: int = MOST_PIECES,
    staff_id: UUID | None = None,
    kind: str | None = None,
) -> Upload:
    """Judge, decode and keep a photo of a material for a draft, or for a correction that is being answered.

    ``kind`` says which of the declared kinds of paper it is.

    Nothing may have been written before in this transaction; one that has only read is ended. The same photo sent
    twice is kept once. Between this and its commit the caller reads again whether the draft is still open: nobody
    else's ``attach`` of it can come between. Raises a MaterialError with what to do.
    """
    judged = judge(file)
    if queries.count(draft_id, code) >= most:
        raise TooManyPieces(most)
    _end_reading()
    picture = decode(file, judged)
    here = select(Material.upload_id).where(Material.draft_id == draft_id, Material.code == code)
    sha256 = hashlib.sha256(picture.photo).digest()
    known = select(Upload).where(Upload.id.in_(here), Upload.sha256 == sha256)
    upload = None
    if db.session.scalars(known).first() is None:
        # Where the store is another machine's, nobody waits for it within a transaction.
        _end_reading()
        upload = _stored(citizen_id, staff_id, picture)
    _lock(draft_id.bytes)
    same = db.session.scalars(known).first()
    if same is not None:
        if upload is not None:
            # Sent twice at once; what is left behind all the same the sweep removes.
            after_commit(partial(store.discard, upload.id))
        return same
    position = _next_position(draft_id, code, most)
    upload = upload or _stored(citizen_id, staff_id, picture)
    db.session.add(upload)
    db.session.flush()
    _use(upload.id, draft_id, code, position, kind)
    return upload


def reuse(citizen_id: UUID, draft_id: UUID, code: str, upload_id: UUID, *, most: int = MOST_PIECES) -> Upload:
    """Use a photo of the person's own again, as the kind of paper that it was. Raises NoSuchUpload or TooManyPieces."""
    _lock(draft_id.bytes)
    # Held until the commit, so that it isn't ended or swept away meanwhile.
    mine = select(Upload).where(Upload.id == upload_id, Upload.citizen_id == citizen_id, Upload.ended_at.is_(None))
    upload = db.session.scalars(mine.with_for_update(read=True)).one_or_none()
    if upload is None:
        raise NoSuchUpload
    here = select(Material.id).where(
        Material.draft_id == draft_id, Material.code == code, Material.upload_id == upload_id
    )
    if db.session.scalar(here) is None:
        said = select(Material.kind).where(Material.upload_id == upload_id, Material.code == code)
        kind = db.session.scalar(said.order_by(Material.at.desc(), Material.id.desc()).limit(1))
        _use(upload_id, draft_id, code, _next_position(draft_id, code, most), kind)
    return upload


def remove(citizen_id: UUID, draft_id: UUID, upload_id: UUID, code: str | None = None) -> None:
    """Take a photo out of a draft (of one material, or of all); ended where nothing else uses it.

    Raises NoSuchUpload. What was handed in stays with its case.
    """
    # First the row that is decided on: a statement after this one sees who else uses it.
    mine = select(Upload.id).where(Upload.id == upload_id, Upload.citizen_id == citizen_id)
    if db.session.scalar(mine.with_for_update()) is None:
        raise NoSuchUpload
    gone = delete(Material).where(Material.upload_id == upload_id, Material.draft_id == draft_id)
    if code is not None:
        gone = gone.where(Material.code == code)
    if not db.session.scalars(gone.returning(Material.id)).all():
        raise NoSuchUpload
    used = select(Material.id).where(Material.upload_id == upload_id).exists()
    db.session.execute(
        update(Upload)
        .where(Upload.id == upload_id, ~used)
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def attach(
    change: Change, draft_id: UUID, case_id: UUID, replace: Collection[str] = (), only: Collection[str] | None = None
) -> None:
    """Let a change move everything that was gathered for a draft, or a correction, to its case.

    Of materials that are not in ``only`` nothing is moved: what another answer made superfluous is not handed in.

    Photos of the materials in ``replace`` that the case had before are marked as replaced; of other materials the new
    ones stand behind those. A photo taken out meanwhile makes the change a Conflict.
    """
    _lock(draft_id.bytes)
    here = select(Material.id, Material.code, Material.position).where(Material.draft_id == draft_id)
    gathered = db.session.execute(here if only is None else here.where(Material.code.in_(only))).all()
    before = db.session.execute(
        select(Material.id, Material.code, Material.position, Material.replaced_at).where(Material.case_id == case_id)
    ).all()
    last: dict[str, int] = {}
    for row in before:
        last[row.code] = max(last.get(row.code, 0), row.position)
        if row.code in replace and row.replaced_at is None:
            change.guard(
                update(Material)
                .where(Material.id == row.id, Material.replaced_at.is_(None))
                .values(replaced_at=change.at)
                .execution_options(synchronize_session=False)
            )
    for piece in gathered:
        change.guard(
            update(Material)
            .where(Material.id == piece.id, Material.draft_id == draft_id)
            .values(draft_id=None, case_id=case_id, position=last.get(piece.code, 0) + piece.position)
            .execution_options(synchronize_session=False)
        )


def _stored(citizen_id: UUID, staff_id: UUID | None, picture: Picture) -> Upload:
    """Files first: what ends before the commit leaves only files, which the sweep removes."""
    upload_id = new_id()
    return Upload(
        id=upload_id,
        citizen_id=citizen_id,
        staff_id=staff_id,
        storage_key=store.key_of(upload_id),
        sha256=store.put(upload_id, "photo", picture.photo),
        thumbnail_sha256=store.put(upload_id, "thumbnail", picture.thumbnail),
        width=picture.width,
        height=picture.height,
        size=len(picture.photo),
        at=clock.now(),
        ended_at=None,
    )


def _use(upload_id: UUID, draft_id: UUID, code: str, position: int, kind: str | None) -> None:
    row = {"id": new_id(), "upload_id": upload_id, "draft_id": draft_id, "code": code, "position": position}
    db.session.execute(insert(Material).values(row | {"kind": kind, "at": clock.now()}))


def _next_position(draft_id: UUID, code: str, most: int) -> int:
    """The place behind the last one. Counted under the draft's lock, so that two tabs don't bring too many."""
    counted = select(func.count(), func.max(Material.position)).where(
        Material.draft_id == draft_id, Material.code == code
    )
    number, last = db.session.execute(counted).one()
    if number >= most:
        raise TooManyPieces(most)
    return int(last or 0) + 1


def _lock(subject: bytes) -> None:
    """Hold until the end of the transaction what nobody else may decide on at the same time."""
    db.session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(subject[-8:], signed=True))))


def _end_reading() -> None:
    """End a transaction that has only read: decoding takes seconds, and no connection waits for it."""
    if not db.session().in_transaction():
        return
    pending = db.session.new or db.session.dirty or db.session.deleted
    if pending or db.session.scalar(text("SELECT pg_current_xact_id_if_assigned()")) is not None:
        raise CalledWithinAnAct("a photo is decoded before anything is written")
    db.session.commit()
