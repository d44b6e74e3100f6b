"""Taking an older key of DATA_KEYS out of use: rows and files are encrypted under the newest one, then counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from citizen_services.database import rekeying
from citizen_services.materials import store
from citizen_services.materials.errors import StoreAway, StoreDamaged
from citizen_services.security import keyring


@dataclass
class Rotated:
    """What a rotation came to; ``left`` and ``broken`` name tables, and ``files`` for those of the store."""

    rows: int = 0
    files: int = 0
    left: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing lies under an older key any more, so that it can be taken out."""
        return not self.left and not self.broken


def rotate(tell: Callable[[str, int], None], batch: int = rekeying.BATCH) -> Rotated:
    """Encrypt everything anew; rows that somebody was changing are tried again. Commits. Raises StoreAway."""
    found = Rotated()
    for _ in range(rekeying.PASSES):
        progress = rekeying.encrypt_anew(tell, batch)
        found.rows += progress.done.total()
        found.left, found.broken = dict(+progress.locked), dict(+progress.broken)
        if not found.left:
            break
    _files(found)
    tell("files", found.files)
    return found


def _files(found: Rotated) -> None:
    for name, _ in store.store().names():
        if store.half_written(name):
            continue
        try:
            found.files += store.encrypt_anew(name)
        except StoreDamaged:
            found.broken["files"] = found.broken.get("files", 0) + 1


def remaining() -> dict[str, int]:
    """What still lies under an older key, by table, and ``files``; reads everything and changes nothing."""
    left = dict(+rekeying.old_rows())
    newest = keyring().newest
    files = sum(1 for name, _ in store.store().names() if not store.half_written(name) and _is_old(name, newest))
    return left | ({"files": files} if files else {})


def _is_old(name: str, newest: bytes) -> bool:
    try:
        return not store.store().read(name).startswith(newest)
    except StoreDamaged:
        return False


__all__ = ["Rotated", "StoreAway", "remaining", "rotate"]
