"""Long exports: asked for once, made by one worker at a time under a lease, kept for a while, fetched by who asked.

A worker that is killed leaves a lease that ends; another begins anew, MOST_TRIES times. The looks at each person are
written before the file exists, under ids made of the export's and the person's: beginning anew adds none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from citizen_services import clock
from citizen_services.cases import figures
from citizen_services.cases.export_models import ExportJob, ExportPiece
from citizen_services.cases.signals import export_wanted
from citizen_services.clock import protocol_now
from citizen_services.database import Change, db, new_id
from citizen_services.materials import store
from citizen_services.people.actors import Actor
from citizen_services.people.models import Look

#: How long a worker's turn lasts without a sign of life; closing a file of a million rows takes the longest.
LEASE = timedelta(minutes=3)
MOST_TRIES = 3
AGAIN_AFTER = timedelta(seconds=30)
#: How long a file is kept, and once it was fetched: a download may break.
KEPT = timedelta(hours=2)
KEPT_FETCHED = timedelta(minutes=15)
ROWS_KEPT = timedelta(days=190)
#: Bytes of a piece.
PIECE = 1024 * 1024
#: Exports that a page lists.
MOST_SHOWN = 5
_CLAIM_LOCK = 33021305


class LeaseLost(Exception):
    """Another worker has the export by now, or it is no longer wanted."""


def ask(
    change: Change, actor: Actor, role: str, reason: str, codes: Sequence[str], figures_of: str, month: date, title: str
) -> UUID:
    """Add a long export to a change and have a worker woken after it; returns its id."""
    id_ = new_id()
    change.add(
        ExportJob,
        id=id_,
        staff_id=actor.id,
        office_code=actor.office,
        role=role,
        reason=reason,
        offices=list(codes),
        figures_of=figures_of,
        month=month,
        title=title,
        state="waiting",
        done=0,
        total=0,
        tries=0,
        due_at=protocol_now(),
        at=change.at,
    )
    export_wanted.send(id_, change=change)
    return id_


def of_requester(staff_id: UUID | None, export_id: UUID) -> ExportJob | None:
    """An export as whoever asked for it may see it; None for everybody else."""
    job = db.session.get(ExportJob, export_id, populate_existing=True)
    return job if job is not None and job.staff_id == staff_id else None


def newest_of(staff_id: UUID | None) -> Sequence[ExportJob]:
    """The newest long exports of somebody, which they may look at again."""
    query = select(ExportJob).where(ExportJob.staff_id == staff_id).order_by(ExportJob.at.desc(), ExportJob.id.desc())
    return db.session.scalars(query.limit(MOST_SHOWN)).all()


# --- Making -------------------------------------------------------------------------------------------------------


def _due() -> ColumnElement[bool]:
    """One at a time in the whole installation, so that notices always have other workers."""
    other = aliased(ExportJob)
    under_way = exists().where(other.state == "running", other.due_at > func.now())
    return ExportJob.state.in_(("waiting", "running")) & (ExportJob.due_at <= func.now()) & ~under_way


def due_since() -> datetime | None:
    """Since when an export waits for a worker; None where none does, or one is being made."""
    return db.session.scalar(select(func.min(ExportJob.due_at)).where(_due()))


def claim() -> ExportJob | None:
    """Take the export that waits longest under a lease; one begun too often fails instead. The caller commits."""
    while True:
        db.session.execute(text(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})"))
        job = db.session.scalar(
            select(ExportJob)
            .where(_due())
            .order_by(ExportJob.due_at, ExportJob.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if job is None:
            return None
        if job.tries >= MOST_TRIES:
            job.state, job.lease = "failed", None
            db.session.flush()
            continue
        job.state, job.lease, job.tries, job.done = "running", new_id(), job.tries + 1, 0
        job.due_at = protocol_now() + LEASE
        job.total = figures.number_of(job.offices, job.month)
        db.session.flush()
        return job


def _hold(job_id: UUID, held: UUID, /, **values: object) -> None:
    done = db.session.execute(
        update(ExportJob)
        .where(ExportJob.id == job_id, ExportJob.lease == held, ExportJob.state == "running")
        .values(**values)
        .execution_options(synchronize_session=False)
        .returning(ExportJob.id)
    ).first()
    if done is None:
        raise LeaseLost


def go_on(job: ExportJob, lease: UUID, people: Collection[UUID], done: int) -> None:
    """Note that so many rows are written, and a look at each person whose case is among them.

    The caller commits. Raises LeaseLost.
    """
    job_id = job.id
    rows = [
        {
            "id": uuid5(job_id, str(citizen_id)),
            "at": job.at,
            "staff_id": job.staff_id,
            "office_code": job.office_code,
            "role": job.role,
            "citizen_id": citizen_id,
            "case_id": None,
            "what": "exported",
            "reason": job.reason,
        }
        for citizen_id in sorted(people)
    ]
    _hold(job_id, lease, done=done, due_at=protocol_now() + LEASE)
    if rows:
        db.session.execute(insert(Look).values(rows).on_conflict_do_nothing(index_elements=["id"]))


def keep(job_id: UUID, lease: UUID, file: Path) -> None:
    """Keep a finished file in encrypted pieces; from then on it may be fetched. The caller commits.

    Raises LeaseLost, StoreAway. Pieces of a worker that dies here have no row: the sweep of the store removes them.
    """
    with file.open("rb") as written:
        for number, content in enumerate(iter(lambda: written.read(PIECE), b"")):
            id_ = new_id()
            digest = store.put(id_, "export", content)
            db.session.add(ExportPiece(id=id_, export_id=job_id, number=number, sha256=digest, size=len(content)))
    db.session.flush()
    _hold(job_id, lease, state="ready", lease=None, expires_at=protocol_now() + KEPT, done=ExportJob.total)


def give_back(job_id: UUID, lease: UUID, *, failed: bool) -> None:
    """Let another worker begin it: at once where this one was asked to end, some time later where it ``failed``.

    The caller commits. Raises LeaseLost.
    """
    values: dict[str, object] = {"state": "waiting", "lease": None, "due_at": protocol_now()}
    values |= {"due_at": protocol_now() + AGAIN_AFTER} if failed else {"tries": ExportJob.tries - 1}
    _hold(job_id, lease, **values)


# --- Fetching and removing ----------------------------------------------------------------------------------------


def size_of(job: ExportJob) -> int:
    """Bytes of the file."""
    return int(db.session.scalar(select(func.sum(ExportPiece.size)).where(ExportPiece.export_id == job.id)) or 0)


class Piece(NamedTuple):
    """Where a piece of a file is kept, and the SHA-256 of its content."""

    id: UUID
    sha256: bytes


def pieces_of(job: ExportJob) -> list[Piece]:
    """The pieces of a file, in order."""
    query = select(ExportPiece.id, ExportPiece.sha256).where(ExportPiece.export_id == job.id)
    return [Piece(*row) for row in db.session.execute(query.order_by(ExportPiece.number))]


def content_of(piece: Piece) -> bytes:
    """What a piece holds. Raises StoreAway, StoreDamaged."""
    return store.get(piece.id, store.key_of(piece.id), "export", piece.sha256)


def note_fetched(job: ExportJob) -> None:
    """Note that it was fetched: from the first time on it is kept for some minutes only. The caller commits."""
    if job.fetched_at is None and job.expires_at is not None:
        job.fetched_at = protocol_now()
        job.expires_at = min(job.expires_at, protocol_now() + KEPT_FETCHED)


def next_expired() -> list[UUID] | None:
    """End one export whose time is over; returns the ids of its pieces, None where no time is over.

    Their files are removed after the caller's commit (remove_files).
    """
    query = select(ExportJob).where(ExportJob.state == "ready", ExportJob.expires_at <= protocol_now())
    job = db.session.scalar(query.limit(1).with_for_update(skip_locked=True))
    if job is None:
        return None
    gone = delete(ExportPiece).where(ExportPiece.export_id == job.id).returning(ExportPiece.id)
    ids = db.session.scalars(gone).all()
    job.state, job.expires_at = "gone", None
    db.session.flush()
    return list(ids)


def remove_files(ids: Collection[UUID]) -> None:
    """Remove pieces that have no row any more; where the store is away, its sweep does it."""
    for id_ in ids:
        store.store().remove(f"{store.key_of(id_)}.export")


def forget_old() -> None:
    """Remove the rows of exports that are over for half a year; the record keeps that they were. The caller commits."""
    over = ExportJob.state.in_(("failed", "gone"))
    db.session.execute(delete(ExportJob).where(over, ExportJob.at < clock.now() - ROWS_KEPT))
