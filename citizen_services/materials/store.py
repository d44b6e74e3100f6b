"""Where photos are kept: a store of encrypted files, on the disk here or on any S3 service (s3_store.py).

A file is written whole or not at all. Its name is its upload's, so that a file without a row can be told and removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from citizen_services.materials.errors import StoreAway, StoreDamaged
from citizen_services.materials.s3_store import s3_store
from citizen_services.parts import parts
from citizen_services.security import CannotDecrypt, keyring

log = logging.getLogger(__name__)

#: ``export`` is a piece of a long export: no upload's, so that the sweep takes it after a day whatever became of it.
Part = Literal["photo", "thumbnail", "export"]
PARTS: tuple[Part, ...] = ("photo", "thumbnail")
_NEW = "new-"
#: A folder of two digits, and a name of which the folder is the end; half-written files say so in front.
_NAME = re.compile(rf"([0-9a-f]{{2}})/(?:{_NEW})?([0-9a-f]{{30}}\1)\.(?:photo|thumbnail|export)")


class Store(Protocol):
    """Bytes by name. Names are ``key_of`` and a part: ``3f/0199…3f.photo``."""

    def write(self, name: str, content: bytes) -> None:
        """Keep what didn't exist before; when this returns it survives a power cut."""

    def replace(self, name: str, content: bytes) -> None:
        """Keep something else under a name: whoever reads gets the one or the other, whole."""

    def read(self, name: str) -> bytes:
        """What was written; StoreDamaged where it is missing."""

    def remove(self, name: str) -> None:
        """Remove it; nothing happens where it is gone already."""

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Everything that is kept, half-written leftovers too, each with when it was written (machine time)."""


class DiskStore:
    """A folder that only our user reads: ``<root>/3f/0199…3f.photo``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, content: bytes) -> None:
        """As Store: a temporary file in the same folder, flushed to the disk, then renamed, then the folder flushed."""
        if self._path(name).exists():
            raise FileExistsError(f"{name} is in the store already")
        self._put(name, content)

    def replace(self, name: str, content: bytes) -> None:
        """As Store; by the same steps."""
        # What a crash left of an earlier try.
        target = self._path(name)
        target.with_name(_NEW + target.name).unlink(missing_ok=True)
        self._put(name, content)

    def _put(self, name: str, content: bytes) -> None:
        target = self._path(name)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        new = target.with_name(_NEW + target.name)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.rename(target)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        for folder in (target.parent, self._root):
            _flush_folder(folder)

    def read(self, name: str) -> bytes:
        """As Store."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError as fault:
            raise StoreDamaged(f"{name} is not in the store") from fault

    def remove(self, name: str) -> None:
        """As Store."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """As Store; what has no name of ours is left alone."""
        if not self._root.is_dir():
            return
        for folder in sorted(self._root.iterdir()):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                name = f"{folder.name}/{path.name}"
                # Another process may have removed or renamed it since the folder was listed.
                with contextlib.suppress(FileNotFoundError):
                    if is_name(name):
                        yield name, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("no name of the store")
        return self._root / name


def is_name(name: str) -> bool:
    """Whether a file of that name is the store's; others are left alone."""
    return _NAME.fullmatch(name) is not None


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store() -> Store:
    """This installation's store."""
    settings = parts().settings
    if settings.object_store is not None:
        return s3_store(settings.object_store)
    return DiskStore(settings.var_dir / "uploads")


def key_of(upload_id: UUID) -> str:
    """What an upload is kept under; the folder is of the id's random end, so that folders fill evenly."""
    return f"{upload_id.hex[-2:]}/{upload_id.hex}"


def upload_of(name: str) -> UUID:
    """The upload that a file of the store belongs to."""
    return UUID(hex=name.partition("/")[2].removeprefix(_NEW).partition(".")[0])


def half_written(name: str) -> bool:
    """Whether a file of the store is what a crash left of one."""
    return name.partition("/")[2].startswith(_NEW)


def put(upload_id: UUID, part: Part, content: bytes) -> bytes:
    """Encrypt and keep a part of an upload; returns the SHA-256 of its content."""
    store().write(f"{key_of(upload_id)}.{part}", keyring().encrypt(content, _bound_to(upload_id, part)))
    return hashlib.sha256(content).digest()


def discard(upload_id: UUID) -> None:
    """Remove what was put for an upload that came to nothing; where the store is away the sweep does it."""
    for part in PARTS:
        try:
            store().remove(f"{key_of(upload_id)}.{part}")
        except (StoreAway, OSError) as fault:
            log.warning("a file without a row waits for the sweep: %s", type(fault).__name__)


def get(upload_id: UUID, key: str, part: Part, sha256: bytes) -> bytes:
    """A part of an upload as it was put. Raises StoreDamaged where it is missing or another."""
    name = f"{key}.{part}"
    try:
        content = keyring().decrypt(store().read(name), _bound_to(upload_id, part))
    except (CannotDecrypt, IndexError) as fault:
        raise StoreDamaged(f"{name} does not open") from fault
    if not hmac.compare_digest(hashlib.sha256(content).digest(), sha256):
        raise StoreDamaged(f"{name} is not what was put in")
    return content


def encrypt_anew(name: str) -> bool:
    """Have a file of the store encrypted under the newest key; False where it is, or was removed meanwhile.

    Raises StoreDamaged, StoreAway.
    """
    try:
        stored = store().read(name)
    except StoreDamaged:
        return False
    if stored.startswith(keyring().newest):
        return False
    part = name.rpartition(".")[2]
    try:
        anew = keyring().encrypt_anew(stored, f"upload.{upload_of(name)}.{part}")
    except (CannotDecrypt, IndexError) as fault:
        raise StoreDamaged(f"{name} does not open") from fault
    store().replace(name, anew)
    return True


def _bound_to(upload_id: UUID, part: Part) -> str:
    return f"upload.{upload_id}.{part}"
