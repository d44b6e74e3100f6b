"""What is on the disk, what is read back, and what the sweep removes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Select, select, update

from citizen_services import clock
from citizen_services.cases.models import Draft
from citizen_services.database import Change, commit, db, new_id
from citizen_services.materials import operations, queries, store, sweep
from citizen_services.materials.errors import NoSuchUpload, StoreDamaged
from citizen_services.materials.models import Material, Upload
from tests import factories
from tests.materials import pictures as make


def files(folder: Path) -> list[Path]:
    """Everything in the store's folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def taken(uploads: Path) -> Upload:
    """A photo in the store, in a draft that is not open."""
    person = factories.citizen()
    upload = operations.take(person.id, new_id(), "lease", make.jpeg(exif=make.exif(6)))
    commit()
    return upload


def test_on_the_disk_is_nothing_that_can_be_looked_at_and_nobody_else_may_try(taken: Upload, uploads: Path) -> None:
    assert len(files(uploads)) == 2
    for path in files(uploads):
        content = path.read_bytes()
        assert b"JFIF" not in content
        assert not content.startswith(b"\xff\xd8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(uploads.stat().st_mode) == 0o700
    photo = queries.photo(taken)
    assert hashlib.sha256(photo).digest() == taken.sha256
    assert len(photo) == taken.size
    assert queries.thumbnail(taken).startswith(b"\xff\xd8\xff")


def _swap(photo: Path, thumbnail: Path) -> None:
    content = photo.read_bytes()
    photo.write_bytes(thumbnail.read_bytes())
    thumbnail.write_bytes(content)


def _flip(photo: Path) -> None:
    content = photo.read_bytes()
    photo.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


_DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "altered": lambda photo, _: _flip(photo),
    "cut off": lambda photo, _: photo.write_bytes(photo.read_bytes()[:100]),
    "emptied": lambda photo, _: photo.write_bytes(b""),
    "lost": lambda photo, _: photo.unlink(),
    "swapped": _swap,
    "in clear": lambda photo, _: photo.write_bytes(make.jpeg()),
}


@pytest.mark.parametrize("how", _DAMAGES)
def test_what_was_damaged_or_swapped_is_not_shown(how: str, taken: Upload, uploads: Path) -> None:
    _DAMAGES[how](*files(uploads))
    with pytest.raises(StoreDamaged):
        queries.photo(taken)


def test_a_photo_of_another_upload_does_not_pass_for_this_one(taken: Upload, uploads: Path) -> None:
    other = operations.take(taken.citizen_id, new_id(), "lease", make.jpeg(exif=make.exif(6)))
    commit()
    assert other.sha256 == taken.sha256
    for part in store.PARTS:
        content = (uploads / f"{other.storage_key}.{part}").read_bytes()
        (uploads / f"{taken.storage_key}.{part}").write_bytes(content)
    with pytest.raises(StoreDamaged):
        queries.photo(taken)


@pytest.mark.parametrize(
    "name", ["../settings.env", "ab/../../x.photo", "/etc/passwd", "ab/ab.photo", "", "00/" + "0" * 32]
)
def test_only_names_of_the_stores_own_reach_the_disk(name: str, tmp_path: Path) -> None:
    disk = store.DiskStore(tmp_path / "uploads")
    for act in (disk.read, disk.remove, lambda given: disk.write(given, b"x")):
        with pytest.raises(ValueError, match="no name of the store"):
            act(name)
    assert not list(tmp_path.rglob("*"))


def test_a_write_that_fails_leaves_nothing_under_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = store.DiskStore(tmp_path / "uploads")
    name = f"{store.key_of(new_id())}.photo"

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as planted:
        planted.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            disk.write(name, b"first")
    assert not files(tmp_path)
    disk.write(name, b"second")
    with pytest.raises(FileExistsError):
        disk.write(name, b"third")
    assert disk.read(name) == b"second"
    assert [found for found, _ in disk.names()] == [name]
    disk.remove(name)
    disk.remove(name)
    assert not list(disk.names())


# --- the sweep ------------------------------------------------------------------------------------------------------


def still_open() -> Select[tuple[UUID]]:
    """Drafts that are being filled in."""
    return select(Draft.id).where(Draft.ended_at.is_(None))


def aged(upload_id: UUID, days: int) -> None:
    """Let a photo have been brought, and used, so many days ago; committed."""
    at = clock.now() - timedelta(days=days)
    db.session.execute(update(Upload).where(Upload.id == upload_id).values(at=at))
    db.session.execute(update(Material).where(Material.upload_id == upload_id).values(at=at))
    commit()


def age_files(folder: Path, days: float) -> None:
    """Let every file have been written so many days ago."""
    for path in files(folder):
        then = path.stat().st_mtime - days * 86400
        os.utime(path, (then, then))


def test_the_sweep_removes_what_nobody_uses_and_nothing_else(app: Flask, uploads: Path) -> None:
    person = factories.citizen()
    draft, closed, case_id = factories.permit_draft(person), new_id(), new_id()

    def take(draft_id: UUID, side: int) -> Upload:
        upload = operations.take(person.id, draft_id, "lease", make.jpeg(side, 300))
        commit()
        return upload

    long_open, given_up, fresh, handed_in = (
        take(draft.id, 400),
        take(closed, 401),
        take(closed, 402),
        take(case_id, 403),
    )
    out = take(draft.id, 404)
    change = Change(clock.now())
    operations.attach(change, case_id, case_id)
    change.write()
    commit()
    operations.remove(person.id, draft.id, out.id)
    commit()
    for upload, days in ((long_open, 90), (given_up, 31), (fresh, 29), (handed_in, 400), (out, 2)):
        aged(upload.id, days)
    db.session.execute(update(Upload).where(Upload.id == out.id).values(ended_at=clock.now() - timedelta(hours=25)))
    commit()
    age_files(uploads, 2)
    assert sweep.count(still_open()) == sweep.Leftovers(materials=1, uploads=2, files=0)
    assert sweep.remove_files() == 0
    assert sweep.forget(still_open()) == 2
    commit()
    assert set(db.session.scalars(select(Upload.id))) == {long_open.id, fresh.id, handed_in.id}
    assert sweep.count(still_open()) == sweep.Leftovers(materials=0, uploads=0, files=4)
    assert sweep.remove_files() == 4
    assert sweep.forget(still_open()) == 0
    commit()
    for kept in (long_open, fresh, handed_in):
        assert queries.photo(kept)
    assert len(files(uploads)) == 6
    with pytest.raises(NoSuchUpload):
        queries.own(person.id, out.id)


def test_a_crash_between_file_and_row_leaves_a_file_that_goes_after_a_day(taken: Upload, uploads: Path) -> None:
    lost = operations.take(taken.citizen_id, new_id(), "lease", make.jpeg(500, 400))
    db.session.rollback()
    half = uploads / taken.storage_key[:2] / f"new-{taken.id.hex}.photo"
    half.write_bytes(b"half")
    (uploads / "notes.txt").write_text("not of the store")
    assert len(files(uploads)) == 6
    assert sweep.count(still_open()).files == 0
    assert sweep.remove_files() == 0
    age_files(uploads, 1.1)
    assert sweep.count(still_open()).files == 3
    assert sweep.remove_files() == 3
    assert not half.exists()
    assert not any(lost.id.hex in path.name for path in files(uploads))
    assert queries.photo(taken)
    assert len(files(uploads)) == 3
