"""What both embedded servers share: their failure, ports, files that only we read, notes of running servers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy import footing
from deploy.processes import Process, note, noted

# A busy machine starts a server slowly; one that is broken ends by itself and is not waited for.
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class ServerFailed(RuntimeError):
    """An embedded server did not start or did not stop; the message carries the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def package_folder(name: str) -> Path:
    """Where an installed package stands, without importing it. Raises ServerFailed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"The package {name} is not installed in {sys.prefix}.")
    return Path(spec.origin).parent


def door(server: str, data_dir: Path, port: int) -> list[str]:
    """The beginning of the argument list that becomes a server (see embedded.main)."""
    return [sys.executable, "-m", "deploy.embedded", f"--become-{server}", str(data_dir), "--port", str(port)]


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return "(no log)"


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def note_ourselves(folder: Path) -> None:
    """Servers overwrite the environment that others see of them, so a mark there would be lost."""
    ourselves = Process.of(os.getpid())
    if ourselves is not None:
        note(folder / "server.pid", ourselves)


def running(data_dir: Path) -> Process | None:
    """The server that an earlier process left running on this folder."""
    for folder in (footing.moved(data_dir), data_dir):
        process = noted(folder / "server.pid")
        if process is not None:
            return process
    return None


def raise_when_ended(process: subprocess.Popen[bytes]) -> Callable[[], None]:
    """A check that raises ServerFailed once the process has ended: waiting for it is of no use then."""

    def check() -> None:
        if process.poll() is not None:
            raise ServerFailed(f"The server ended with {process.returncode}.")

    return check


def stop(process: subprocess.Popen[bytes], how: signal.Signals, name: str) -> None:
    """Ask a server to stop and wait for it. Raises ServerFailed where it had to be killed."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailed(f"{name} (process {process.pid}) did not stop within {STOP_TIMEOUT_S:.0f} s.") from None


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def launch(argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: a terminal's Ctrl-C must not reach it before us."""
    out = _open_log(log)
    root = Path(__file__).resolve().parent.parent
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=root, env=env
        )
    finally:
        os.close(out)
