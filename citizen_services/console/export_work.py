"""What a worker does for a long export: four sheets, a few hundred rows at a time, in the same memory however long."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from citizen_services.cases import exports, figures
from citizen_services.cases.export_models import ExportJob
from citizen_services.console import supervision_sheets as sheets
from citizen_services.database import commit
from citizen_services.database.base import rollback

log = logging.getLogger(__name__)


class _AskedToEnd(Exception):
    """The worker was asked to end: another one begins anew."""


def make_next(stopping: Callable[[], bool]) -> bool:
    """Make the export that waits longest; False where none waits. Commits. ``stopping``: whether to give it back."""
    job = exports.claim()
    commit()
    if job is None or job.lease is None:
        return False
    job_id, lease = job.id, job.lease
    try:
        try:
            _make(job, lease, stopping)
        except _AskedToEnd:
            rollback()
            exports.give_back(job_id, lease, failed=False)
            commit()
        except exports.LeaseLost:
            raise
        except Exception as fault:
            rollback()
            log.error("export %s was not finished: %s", job_id, type(fault).__name__)
            exports.give_back(job_id, lease, failed=True)
            commit()
    except exports.LeaseLost:
        rollback()
        log.warning("export %s has another worker by now", job_id)
    return True


def _make(job: ExportJob, lease: UUID, stopping: Callable[[], bool]) -> None:
    done = 0

    def written(rows: int, people: set[UUID]) -> None:
        nonlocal done
        if stopping():
            raise _AskedToEnd
        done += rows
        exports.go_on(job, lease, people, done)
        commit()

    def cases() -> Iterator[Sequence[str | int]]:
        for batch in figures.ended_in(job.offices, job.month):
            rows, people = [sheets.case_row(case) for case in batch], {case.citizen_id for case in batch}
            written(len(rows), people)
            yield from rows

    def ratings() -> Iterator[Sequence[str]]:
        for batch in figures.rated(job.offices, job.month):
            rows, people = [sheets.rating_row(*one) for one in batch], {case.citizen_id for _, case, _ in batch}
            written(len(rows), people)
            yield from rows

    job_id, figures_of, month = job.id, job.figures_of, job.month
    with tempfile.TemporaryDirectory(prefix="export-") as scratch:
        file = Path(scratch) / "export.xlsx"
        with file.open("wb") as target, sheets.Workbook(target, Path(scratch)) as book:
            sheets.fill(book, figures_of, month, cases(), ratings())
        exports.keep(job_id, lease, file)
    commit()


def remove_expired() -> None:
    """Remove the files whose time is over. Commits."""
    while (ids := exports.next_expired()) is not None:
        commit()
        exports.remove_files(ids)
    exports.forget_old()
    commit()
