"""A copy of the launcher around a very small application, in a folder whose name breaks careless programs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import free_port

ROOT = Path(__file__).parents[2]


class Launched:
    """`deploy.run` of a small application: started, asked, killed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port, self.sandbox_port = free_port(), free_port()
        self.var_dir = (root / "var").resolve()
        self.output = root / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        """What a person's shell would hold."""
        dropped = ("APP_ENV", "DATABASE_URL", "REDIS_URL", "VAR_DIR", "PYTHONPATH")
        ours = {name: value for name, value in os.environ.items() if name not in dropped}
        chosen = {"PORT": str(self.port), "SANDBOX_PORT": str(self.sandbox_port), "WEB_PROCESSES": "1"}
        return ours | chosen | more

    def start(self, *, by_make: bool = False, **more: str) -> subprocess.Popen[bytes]:
        """Start the launcher without waiting; `by_make` puts a process above it, as make stands there."""
        command = [sys.executable, "-m", "deploy.run"]
        if by_make:
            command = ["sh", "-c", '"$0" -m deploy.run --ends-with-parent; exit $?', sys.executable]
        with open(self.output, "ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self.process

    def told(self) -> str:
        """What it has said so far."""
        return self.output.read_text(errors="replace")

    def until(self, what: str, met: Callable[[], bool], patience_s: float = 120) -> None:
        """Wait for a condition; fail with the launcher's words."""
        deadline = time.monotonic() + patience_s
        while not met():
            assert time.monotonic() < deadline, f"not within {patience_s} s: {what}\n{self.told()}"
            time.sleep(0.05)

    def until_running(self, times: int = 1) -> None:
        """Wait until the launcher has announced itself that often."""
        self.until("announced", lambda: self.told().count("Running. Ctrl-C") >= times or self._ended())
        assert not self._ended(), self.told()

    def _ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def run_file(self) -> dict[str, Any]:
        """run.json; an empty document while there is none."""
        try:
            content: dict[str, Any] = json.loads((self.var_dir / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return content

    def ready(self) -> bool:
        """Whether the application answers 200 at /readyz."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(90)


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launched]:
    """A checkout of the launcher with the small application; whatever it started is gone afterwards."""
    root = tmp_path / "一 份 copy 50%"
    shutil.copytree(ROOT / "deploy", root / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "citizen_services").mkdir()
    for name in ("__init__.py", "settings.py"):
        shutil.copyfile(ROOT / "citizen_services" / name, root / "citizen_services" / name)
    shutil.copyfile(ROOT / "Procfile", root / "Procfile")
    shutil.copyfile(ROOT / "tests" / "ground" / "small_app.py", root / "app.py")
    one = Launched(root)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.interrupt(signal.SIGTERM)
    from deploy.run import stop_left_behind

    stop_left_behind(one.var_dir)
