"""`make run`: a whole installation on this machine, kept running until Ctrl-C.

Order: what an earlier run left behind is stopped; PostgreSQL and Valkey start (unless DATABASE_URL and REDIS_URL name
others); migrations; demo data; sandbox, scheduler, workers, web. All stand under one supervisor, which restarts what
dies; should the supervisor die, we start everything again. All is stopped in reverse on Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from deploy import devsettings, footing, postgres, processes, serving, valkey
from deploy.places import Places, Refused, refuse_old_postgres
from deploy.runfile import announce, children, write_run_file
from deploy.supervision import NOTE, NoAnswer, Program, ProgramFailed, Status, Supervisor

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 180.0
WATCH_S = 0.3


class Stop(BaseException):
    """A person or the system asks us to stop."""


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Stop


_STOPPING = "stopping"


@contextlib.contextmanager
def only_one(places: Places) -> Iterator[IO[str]]:
    """Hold the installation's lock, which the system lets go of however we end. A run that stops is waited for."""
    places.var_dir.mkdir(parents=True, exist_ok=True)
    # As root PostgreSQL's account must get through; nobody but us may look around.
    places.var_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    lock: IO[str] = open(places.var_dir / "run.lock", "a+")  # noqa: SIM115 - held as long as we live
    with lock:
        _take(lock, places)
        _say_in(lock, str(os.getpid()))
        yield lock


def _take(lock: IO[str], places: Places) -> None:
    deadline = time.monotonic() + 120
    waiting = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
        if holder != _STOPPING or time.monotonic() > deadline:
            raise Refused(
                f"Another make run (process {holder}) keeps {places.var_dir} running already. Stop it with Ctrl-C in "
                f"its terminal, or start a second installation beside it:\n\n    {places.beside()}"
            )
        if not waiting:
            print("Waiting for an earlier run to stop …", flush=True)
            waiting = True
        time.sleep(0.1)


def _say_in(lock: IO[str], words: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(words)
    lock.flush()


def end_with_parent() -> None:
    """Have the system ask us to stop when make is gone: nobody could reach us by Ctrl-C any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def stop_left_behind(var_dir: Path, saying: str = "") -> None:
    """Stop what an earlier run of this folder left running when it was killed."""
    supervisor = processes.noted(var_dir / NOTE)
    others = processes.marked(var_dir)
    servers = [
        (how, server)
        for how, server in (
            (signal.SIGTERM, serving.running(var_dir / "valkey")),
            (signal.SIGINT, serving.running(var_dir / "postgres")),
        )
        if server is not None
    ]
    if supervisor is None and not others and not servers:
        return
    if saying:
        print(saying, flush=True)
    if supervisor is not None:
        processes.end([supervisor], signal.SIGTERM, 90)
    processes.end(processes.marked(var_dir), signal.SIGTERM, 20)
    for how, server in servers:
        processes.end([server], how, 60)


class Installation:
    """One run: the servers' plans, the settings of this start, the programs under their supervisor."""

    def __init__(self, places: Places, environ: Mapping[str, str]) -> None:
        self.places = places
        self.postgres: postgres.PostgresPlan | None = None
        self.valkey: valkey.ValkeyPlan | None = None
        self.supervisor: Supervisor | None = None
        if not places.database_url:
            port = places.remembered_port("postgres")
            self.postgres = postgres.prepare_postgres(places.var_dir / "postgres", port=port)
            moved_to = self.postgres.footing.moved_from and self.postgres.footing.folder
            if moved_to:
                print(f"PostgreSQL's account can't reach {places.var_dir}; its data stand in {moved_to}.", flush=True)
        else:
            refuse_old_postgres(places.database_url)
        if not places.redis_url:
            self.valkey = valkey.prepare_valkey(places.var_dir / "valkey", port=places.remembered_port("valkey"))
        self.database_url = self.postgres.url if self.postgres else places.database_url
        self.redis_url = self.valkey.url if self.valkey else places.redis_url
        self.environment = self._environment(environ)

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        addresses = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "PUBLIC_BASE_URL": environ.get("PUBLIC_BASE_URL") or self.places.web_url,
        }
        settings = devsettings.write(self.places.var_dir, addresses, self.places.sandbox_url, environ)
        return settings | {
            **addresses,
            processes.MARK: str(self.places.var_dir),
            "APP_ENV": environ.get("APP_ENV") or "development",
            "VAR_DIR": str(self.places.var_dir),
            "PORT": str(self.places.port),
            "SANDBOX_PORT": str(self.places.sandbox_port),
            "PROMETHEUS_MULTIPROC_DIR": str(self._figures()),
            # Our own modules, wherever the checkout stands; output at once, so that a log shows how a process ended.
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
        }

    def _figures(self) -> Path:
        """An empty folder in which this run's processes count together."""
        folder = self.places.var_dir / "metrics"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def programs(self) -> list[Program]:
        """Everything that runs, in the order of starting."""
        found = []
        if self.postgres:
            door = self.postgres.door(dies_with_parent=False)
            found.append(Program("postgres", door, stop="INT", patience_s=60))
        if self.valkey:
            found.append(Program("redis", self.valkey.door(dies_with_parent=False)))
        found.append(Program("sandbox", [sys.executable, "app.py", "sandbox", "--port", str(self.places.sandbox_port)]))
        commands = procfile(ROOT / "Procfile")
        found.append(Program("scheduler", commands["scheduler"]))
        found.append(Program("worker", commands["worker"], count=self.places.workers))
        found.append(Program("web", commands["web"]))
        return found

    def command(self, *words: str) -> None:
        """Run one command of the application to its end. Raises ProgramFailed with what it said."""
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise ProgramFailed(f"{shlex.join(words[1:])} ended with {done.returncode}:\n{done.stdout[-4000:]}")

    def start(self) -> None:
        """Start everything and return when the web server says that it is ready."""
        commands = procfile(ROOT / "Procfile")
        self.supervisor = supervisor = Supervisor(self.programs(), ROOT, self.places.var_dir, self.environment)
        if self.valkey:
            supervisor.start("redis")
        if self.postgres:
            supervisor.start("postgres")
            postgres.wait_for_postgres(self.postgres, failed=supervisor.refuse_given_up)
        if self.valkey:
            valkey.wait_for_valkey(self.valkey, failed=supervisor.refuse_given_up)
        supervisor.start("sandbox")
        print("Bringing the database up to date …", flush=True)
        self.command(*commands["release"])
        self.command(sys.executable, "app.py", "seed")
        for program in ("scheduler", "worker", "web"):
            supervisor.start(program)
        # The file stands before the web server has loaded the application, hence before it can answer.
        self.write_run_file(supervisor.statuses())
        print("Waiting until everything answers …", flush=True)
        self._wait_for(f"{self.places.sandbox_url}/_control/ledger")
        self._wait_for(f"{self.places.web_url}/readyz")
        while any(status.state != "RUNNING" for status in supervisor.statuses()):
            self.check()
            time.sleep(0.1)

    def _wait_for(self, url: str) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        said = ""
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    said = answer.read(5000).decode(errors="replace")
                if not checks_of(said) or set(checks_of(said).values()) == {"ok"}:
                    return
            except urllib.error.HTTPError as error:
                said = f"{error.code} {error.read(2000).decode(errors='replace')}"
            except OSError as error:
                said = str(error)
            self.check()
            time.sleep(0.1)
        raise ProgramFailed(f"{url} does not answer after {READY_TIMEOUT_S:.0f} s: {said}")

    def check(self) -> None:
        """While starting: raise ProgramFailed where a process can't be kept up, or the supervisor has died."""
        if self.supervisor is None or not self.supervisor.alive():
            raise ProgramFailed("The supervisor has died.")
        self.supervisor.refuse_given_up()

    def write_run_file(self, statuses: list[Status]) -> None:
        """Say in run.json where everything is now."""
        write_run_file(ROOT, self.places, statuses, self.database_url, self.redis_url)

    def watch(self) -> None:
        """Follow restarts in run.json and retry what supervisord has given up; return when supervisord has died."""
        seen: object = None
        while self.supervisor is not None and self.supervisor.alive():
            try:
                statuses = self.supervisor.statuses()
                now = (statuses, [children(status.pid) for status in statuses if status.program == "web"])
                # Between a death and the restart the file tells of the last moment when everything ran.
                if now != seen and all(status.pid for status in statuses):
                    self.write_run_file(statuses)
                    seen = now
                for status in statuses:
                    if status.state == "FATAL":
                        self.supervisor.start_again(status)
            except NoAnswer as error:
                # It is just dying, or has started the process again between our question and our request.
                print(f"The supervisor did not answer: {error}", file=sys.stderr, flush=True)
            time.sleep(WATCH_S)

    def stop(self) -> None:
        """Stop everything in reverse order; nothing of ours runs afterwards."""
        if self.supervisor is not None:
            self.supervisor.stop()
        stop_left_behind(self.places.var_dir)
        (self.places.var_dir / "run.json").unlink(missing_ok=True)


def checks_of(answer: str) -> dict[str, str]:
    """The single checks of an answer of /readyz; none in anybody else's answer."""
    try:
        checks = json.loads(answer)["checks"]
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(checks)


def procfile(path: Path) -> dict[str, list[str]]:
    """Commands of a Procfile by name, with `python` as the one that runs us."""
    commands = {}
    for line in path.read_text().splitlines():
        name, colon, command = line.partition(":")
        if colon:
            words = shlex.split(command)
            commands[name.strip()] = [sys.executable if word == "python" else word for word in words]
    return commands


def keep_running(places: Places, environ: Mapping[str, str], lock: IO[str]) -> None:
    """Run until Stop is raised; start again, at a growing distance, when the supervisor itself dies."""
    pause_s = 1.0
    announced = False
    while True:
        stop_left_behind(places.var_dir, "Stopping what an earlier run left behind …")
        places.refuse_taken_ports()
        installation = Installation(places, environ)
        try:
            installation.start()
            if not announced:
                announce(places)
                announced = True
            installation.watch()
        finally:
            # A second Ctrl-C must not leave half of it running.
            for asked in (signal.SIGINT, signal.SIGTERM):
                signal.signal(asked, signal.SIG_IGN)
            _say_in(lock, _STOPPING)
            installation.stop()
            _say_in(lock, str(os.getpid()))
            for asked in (signal.SIGINT, signal.SIGTERM):
                signal.signal(asked, _stop)
        print("The supervisor died; starting everything again …", file=sys.stderr, flush=True)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 30)


def main(words: list[str]) -> int:
    """Start, tell, keep running, stop. Exit codes: 0 after Ctrl-C or SIGTERM, 1 with the reason on stderr."""
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _stop)
    os.umask(0o077)
    if "--ends-with-parent" in words:
        end_with_parent()
    try:
        places = Places.of(os.environ)
        with only_one(places) as lock:
            keep_running(places, os.environ, lock)
    except Stop:
        print("\nStopped.", flush=True)
    except (Refused, ProgramFailed, NoAnswer, serving.ServerFailed, footing.NoFooting) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
