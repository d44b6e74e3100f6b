"""Which processes belong to an installation: recognised by number and start time, or by a mark in their environment.

A process is never ended by its name: another copy may run beside us. Numbers are used again, so a number counts only
together with the moment at which its process began.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

# Every child of an installation carries the path of its var folder under this name.
MARK = "CITIZEN_SERVICES_INSTALLATION"


@dataclass(frozen=True)
class Process:
    """One process for ever: its number and when it began."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this number now; None where there is none or it is a zombie."""
        began = _began(pid)
        return None if began is None else cls(pid, began)

    def alive(self) -> bool:
        """Whether it still runs."""
        return _began(self.pid) == self.began

    def send(self, how: signal.Signals) -> None:
        """Send a signal, unless it has ended meanwhile."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, how)


def _began(pid: int) -> str | None:
    """A word that no other process of this number ever has: the boot and the clock tick of its start."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The command's name stands in brackets and may hold anything; the fields after it are numbers.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return None


def note(path: Path, process: Process) -> None:
    """Write down a process so that a later run knows it."""
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    half.write_text(json.dumps({"pid": process.pid, "began": process.began}))
    half.replace(path)


def noted(path: Path) -> Process | None:
    """The process of a note, if it still runs."""
    try:
        content = json.loads(path.read_text())
        process = Process(int(content["pid"]), str(content["began"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return process if process.alive() else None


def marked(var_dir: Path) -> list[Process]:
    """Every living process that carries this installation's mark, except ourselves."""
    found = []
    for candidate in psutil.process_iter():
        if candidate.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if candidate.environ().get(MARK) == str(var_dir):
                process = Process.of(candidate.pid)
                if process is not None:
                    found.append(process)
    return found


def end(processes: Iterable[Process], how: signal.Signals, patience_s: float) -> None:
    """Ask processes to end, and kill those that don't within the patience. Returns when none runs."""
    asked = list(processes)
    for process in asked:
        process.send(how)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not any(process.alive() for process in asked):
            return
        time.sleep(0.05)
    for process in asked:
        process.send(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(process.alive() for process in asked) and time.monotonic() < deadline:
        time.sleep(0.05)
