"""What the benchmarks stand on: durable servers in a folder of their own, ours and the floors served by one command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from flask import Flask

from benchmarks.load import Load
from deploy import devsettings
from deploy.embedded import free_port, start_postgres, start_valkey

ROOT = Path(__file__).resolve().parents[1]
#: What serves ours and the floors alike; only the application's name differs.
SERVE = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py")
SERVE_SHOWN = "gunicorn --config deploy/gunicorn.conf.py (gthread)"


class BenchFailed(Exception):
    """A benchmark did not do what it claims to measure: an answer was wrong, or a server ended."""


@dataclass(frozen=True)
class Size:
    """How much is done: runs of each side, units a run, seconds that a run may take, and the server's size."""

    runs: int = 5
    requests: int = 1500
    submissions: int = 500
    notices: int = 1000
    crowd: int = 2000
    places: int = 50
    permits: int = 1_000_000
    few_permits: int = 10_000
    cases: int = 1_000_000
    few_cases: int = 10_000
    pages: int = 600
    seconds: int = 60
    processes: int = 1
    threads: int = 8


@dataclass
class Ground:
    """A started installation without web server: settings, databases, the gateway, and a folder for logs."""

    size: Size
    folder: Path
    environ: Mapping[str, str]
    gateway_port: int
    app: Flask = field(repr=False)

    @contextlib.contextmanager
    def process(self, name: str, arguments: Sequence[str], **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run one of our Python programs, and end it with everything that it started."""
        env = os.environ | dict(self.environ) | more | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            _end(process)

    @contextlib.contextmanager
    def served(self, name: str, application: str, **environ: str) -> Iterator[int]:
        """Serve a WSGI application, with some settings of its own; gives its port."""
        port = free_port()
        size = self.size
        more = environ | {"PORT": str(port), "WEB_PROCESSES": str(size.processes), "WEB_THREADS": str(size.threads)}
        if application.startswith("app:"):
            more["PUBLIC_BASE_URL"] = f"http://127.0.0.1:{port}"
        with self.process(name, [*SERVE, application], **more) as process:
            self._await_port(port, process, name)
            yield port

    def _await_port(self, port: int, process: subprocess.Popen[bytes], name: str) -> None:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if process.poll() is not None:
                raise BenchFailed(f"{name} ended:\n{self.log(name)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.1)
        raise BenchFailed(f"{name} does not listen:\n{self.log(name)}")

    def log(self, name: str) -> str:
        """The end of a process's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def load(self, port: int, requests: Sequence[str], *statuses: int) -> Load:
        """Have the load generator send these; BenchFailed where an answer is another than one of ``statuses``."""
        size = self.size
        connections = min(size.processes * size.threads, len(requests))
        words = ["-m", "benchmarks.load", str(port), str(connections), str(size.seconds), ",".join(map(str, statuses))]
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            input=json.dumps(requests).encode(),
            capture_output=True,
            timeout=size.seconds + 60,
            check=False,
        )
        if done.returncode:
            raise BenchFailed(f"the load generator failed:\n{done.stderr.decode(errors='replace')[-3000:]}")
        load = Load(**json.loads(done.stdout))
        if not set(load.statuses) <= set(map(str, statuses)) or load.answered != sum(load.statuses.values()):
            expected = " or ".join(map(str, statuses))
            raise BenchFailed(
                f"answers were {load.statuses}, not all {expected}; the first other one:\n{load.unexpected}"
            )
        return load


@contextlib.contextmanager
def ground(var_dir: Path, size: Size) -> Iterator[Ground]:
    """Start durable servers and the gateway below ``var_dir`` (a real disk, where fsync costs what it costs)."""
    from citizen_services import demo
    from citizen_services.database import migrate
    from citizen_services.settings import Settings

    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=var_dir, ignore_cleanup_errors=True))
        )
        postgres = start_postgres(folder / "postgres", durable=True)
        stack.callback(postgres.stop)
        valkey = start_valkey(folder / "valkey")
        stack.callback(valkey.stop)
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE floors")
        gateway_port = stack.enter_context(gateway())
        addresses = {
            "VAR_DIR": str(folder),
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{free_port()}",
        }
        environ = devsettings.write(folder, addresses, f"http://127.0.0.1:{gateway_port}", {})
        floors = postgres.url_of("floors").replace("postgresql://", "postgresql+psycopg://")
        environ |= {"APP_ENV": "development", "FLOOR_DATABASE_URL": floors, "FLOOR_REDIS_URL": valkey.url_of(1)}
        settings = Settings.load(environ)
        migrate.upgrade(settings.database_url)
        from app import create_app

        app = create_app(settings, process="command")
        with app.app_context():
            demo.seed()
            yield Ground(size, folder, environ, gateway_port, app)


@contextlib.contextmanager
def gateway() -> Iterator[int]:
    """Run the SMS gateway that both sides call; gives its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gateway"], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield int(process.stdout.readline())
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process's session, which is ours alone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            return
