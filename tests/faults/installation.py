"""A whole installation of its own, as ``make run`` starts it: durable servers, a supervisor that restarts what dies.

Nothing here knows pytest: ``make chaos`` uses it too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import redis
import requests

from deploy.embedded import free_port
from deploy.run import stop_left_behind
from deploy.runfile import children
from tests.house import ROOT, START

#: What the environment of whoever starts us must not bring along.
_DROPPED = ("APP_ENV", "DATABASE_URL", "REDIS_URL", "VAR_DIR", "PYTHONPATH")
#: The call of each partner that must be taken once only: a message, an order.
ONCE = {"wechat_api": "message/template/send", "sms_aliyun": "SendSms", "ems": "020003"}


class Gone(Exception):
    """The installation ended, or something did not come about in time; the message says what."""


class Installation:
    """One installation: started, asked, killed in parts, stopped."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.var_dir = self.folder / "var"
        self.port, self.sandbox_port = free_port(), free_port()
        self.web, self.sandbox = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.sandbox_port}"
        chosen = {
            "VAR_DIR": str(self.var_dir),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "CLOCK_OFFSET_S": str(int(START.timestamp() - time.time())),
            "WEB_PROCESSES": "2",
            "WORKERS": "2",
        }
        ours = {name: value for name, value in os.environ.items() if name not in _DROPPED}
        self.environ = ours | chosen | settings | {"PYTHONUNBUFFERED": "1"}
        self.output = self.folder / "output"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = requests.Session()
        self._http.trust_env = False

    # -- its life

    def start(self) -> None:
        """Start it and return when all of it answers."""
        with self.output.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.run", "--ends-with-parent"],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.until("the installation runs", lambda: "Running. Ctrl-C" in self.said(), 180)

    def stop(self) -> None:
        """Stop all of it, however it stands."""
        if self._process is not None and self._process.poll() is None:
            # A frozen server takes no request to stop.
            self.thaw()
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        stop_left_behind(self.var_dir)
        self._http.close()

    def said(self) -> str:
        """What the launcher said."""
        return self.output.read_text(errors="replace")

    def logs(self) -> list[Path]:
        """The logs of all processes."""
        return sorted((self.var_dir / "log").glob("*.log*"))

    def tracebacks(self, program: str) -> list[str]:
        """Of each crash that a program logged: our line at which it happened, and what it was; never its words."""
        found = []
        for log in self.logs():
            if not log.name.startswith(program):
                continue
            for crash in log.read_text(errors="replace").split("Traceback (most recent call last):")[1:]:
                ours = re.findall(r'File "[^"]*/((?:citizen_services|notifications|workflows)/[^"]+", line \d+)', crash)
                what = re.search(r"^([A-Za-z_][\w.]*(?:Error|Exception|Fault|Interrupt))\b", crash, re.MULTILINE)
                found.append(f"{ours[-1] if ours else 'elsewhere'}: {what.group() if what else 'unknown'}")
        return sorted(set(found))

    def until(self, what: str, probe: Callable[[], Any], seconds: float = 180, every: float = 0.1) -> Any:
        """Wait for something that the processes bring about; what the probe gave. Raises Gone."""
        end = time.monotonic() + seconds
        while True:
            if self._process is not None and self._process.poll() is not None:
                raise Gone(f"the installation ended:\n{self.said()[-3000:]}")
            with contextlib.suppress(psycopg.OperationalError, requests.ConnectionError, requests.Timeout):
                found = probe()
                if found:
                    return found
            if time.monotonic() > end:
                raise Gone(f"within {seconds:.0f} s it did not happen that {what}")
            time.sleep(every)

    # -- its processes

    def pids(self, name: str) -> list[int]:
        """Process ids by the names of run.json: ``web`` (its master first), ``workers``, ``postgres`` …"""
        found = json.loads((self.var_dir / "run.json").read_text(encoding="utf-8"))["pids"][name]
        return [pid for pid in (found if isinstance(found, list) else [found]) if pid]

    def send(self, pids: Sequence[int], how: signal.Signals) -> None:
        """Send a signal to processes of this installation; who has ended meanwhile is passed over."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)

    def web_children(self) -> list[int]:
        """The processes of the web server that serve."""
        return [child for master in self.pids("web")[:1] for child in children(master)]

    def with_children(self, name: str) -> list[int]:
        """A server's first process with those that it started."""
        return [pid for first in self.pids(name)[:1] for pid in (first, *children(first))]

    def kill_web(self) -> None:
        """Kill -9 of the web server with all of its processes at once, as the machine's end would."""
        self.send(self.with_children("web"), signal.SIGKILL)

    def thaw(self) -> None:
        """Let frozen servers go on."""
        for name in ("redis", "postgres"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                self.send(self.with_children(name), signal.SIGCONT)

    def ready(self) -> bool:
        """Whether the web server says that all is there: database, Redis, workers, scheduler."""
        answer = self._http.get(f"{self.web}/readyz", timeout=5)
        return answer.status_code == 200 and set(answer.json()["checks"].values()) == {"ok"}

    def until_ready(self, seconds: float = 180) -> float:
        """Wait until all is there again; after how many seconds."""
        began = time.monotonic()
        self.until("everything is ready again", self.ready, seconds)
        return time.monotonic() - began

    # -- its data

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query, or of a statement that is committed at once."""
        with psycopg.connect(self._run_file()["database_url"], connect_timeout=5, autocommit=True) as connection:
            done = connection.execute(query.encode(), values)
            return done.fetchall() if done.description else []

    def redis(self) -> redis.Redis:
        """A client of its Redis."""
        return redis.Redis.from_url(self._run_file()["redis_url"], socket_timeout=5)

    def _run_file(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.var_dir / "run.json").read_text(encoding="utf-8"))
        return content

    def staff(self) -> list[dict[str, Any]]:
        """The demo staff with their passwords."""
        staff: list[dict[str, Any]] = self._run_file()["staff"]
        return staff

    def command(self, *words: str) -> Any:
        """Run ``app.py`` with ``--json``; the document that it prints. Raises Gone where it ends with a failure."""
        done = subprocess.run(
            [sys.executable, "app.py", *words, "--json"],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Gone(f"app.py {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr[-3000:]}")
        return json.loads(done.stdout)

    def invite(self, count: int) -> list[dict[str, Any]]:
        """Invented people who may apply at once."""
        people: list[dict[str, Any]] = self.command("demo", "--citizens", str(count))
        return people

    # -- the outside

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox's control."""
        answer = self._http.request(method, f"{self.sandbox}/_control/{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def plant(self, partner: str, mode: str, **more: Any) -> None:
        """Plant a fault at a partner."""
        self.control("PUT", f"faults/{partner}", {"mode": mode, **more})

    def heal(self) -> None:
        """Take every planted fault away."""
        for partner in self.control("GET", "faults"):
            self.plant(partner, "none")

    def ledger(self, partner: str = "", after: int = 0) -> list[dict[str, Any]]:
        """What arrived at a partner, oldest first."""
        entries: list[dict[str, Any]] = self.control("GET", f"ledger?partner={partner}&after={after}")["entries"]
        return entries

    def seen(self) -> int:
        """The number of the ledger's newest entry."""
        entries = self.ledger()
        return int(entries[-1]["seq"]) if entries else 0

    def time_passes(self) -> None:
        """Let the waits of what was not told run out: minutes of business time, and ours for partners.

        Never before a stand-in has surely decided: a message can be found after five seconds, what a register was
        written is there after ten or never.
        """
        self.sql(
            "UPDATE delivery SET due_at = now() WHERE due_at > now() AND state IN ('pending', 'uncertain')"
            " AND (sent_at IS NULL OR sent_at < now() - interval '12 s' OR state = 'pending')"
        )
        self.sql(
            "UPDATE delivery SET pass_on_at = at.now FROM (SELECT now() - interval '1 year' AS now) at"
            " WHERE pass_on_at IS NOT NULL AND sent_at < now() - interval '5 s'"
        )
        # A parcel that is silent is asked after.
        self.sql(
            "UPDATE parcel SET asked_at = now() - interval '7 hours' WHERE tracking IS NOT NULL AND closed_at IS NULL"
            " AND (asked_at IS NULL OR asked_at BETWEEN now() - interval '1 hour' AND now() - interval '10 s')"
        )
        self.sql("UPDATE channel_hold SET until = now() - interval '1 s'")


@contextlib.contextmanager
def running(folder: Path, **settings: str) -> Iterator[Installation]:
    """An installation that runs as long as the block lasts."""
    one = Installation(folder, **settings)
    try:
        one.start()
        yield one
    finally:
        one.stop()
