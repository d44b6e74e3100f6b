"""A whole installation for tests: settings, servers, and our processes, each run on ports of its own.

The suite's business clock starts at a fixed instant, whatever today is, and runs on from there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import requests
from sqlalchemy import Connection, text

from citizen_services.settings import OPTIONAL_PARTNERS, PARTNERS, SMS_GATEWAYS, TRAFFIC_PARTNERS, Settings
from deploy.devsettings import payment_keys
from deploy.embedded import free_port

ROOT = Path(__file__).parents[1]
#: A Monday morning with no holiday near.
START = datetime(2026, 11, 9, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
SM4_KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
#: Every file that a process of an installation under test wrote its log to, in this run.
LOGS: set[Path] = set()


def environ(var_dir: Path, database_url: str, redis_url: str, web_port: int, sandbox_port: int) -> dict[str, str]:
    """The environment of an installation under test; every partner is the sandbox."""
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    given = {
        "APP_ENV": "test",
        "VAR_DIR": str(var_dir),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(40),
        "DATA_KEYS": secrets.token_urlsafe(40),
        "LOOKUP_KEYS": secrets.token_urlsafe(40),
        "AUDIT_KEY": secrets.token_urlsafe(40),
        "METRICS_TOKEN": secrets.token_urlsafe(40),
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{web_port}",
        "CLOCK_OFFSET_S": str(int(START.timestamp() - time.time())),
        "WECHAT_APP_ID": "wx0123456789abcdef",
        "WECHAT_APP_SECRET": secrets.token_hex(16),
        "WECHAT_TOKEN": secrets.token_hex(12),
        "WECHAT_MODE": "safe",
        "WECHAT_ENCODING_AES_KEY": (secrets.token_hex(22))[:42] + "A",
        "SMS_ALIYUN_SIGN_NAME": "奉化公安",
        "SMS_TENCENT_SIGN_NAME": "奉化公安",
        "SMS_TENCENT_VARIABLE": "35",
        "EMS_SENDER_NO": "1100000000001",
        "EMS_SIGN_KEY": SM4_KEY,
        "PORT": str(web_port),
        "SANDBOX_PORT": str(sandbox_port),
    }
    given |= _payment_keys() | {"WECHAT_PAY_BASE_URL": f"{sandbox}/wechat_pay"}
    for prefix, credentials in {**PARTNERS, "SMS_ALIYUN": SMS_GATEWAYS["SMS_ALIYUN"]}.items():
        given[f"{prefix}_BASE_URL"] = f"{sandbox}/{prefix.lower()}"
        for key in credentials:
            given.setdefault(f"{prefix}_{key}", secrets.token_hex(16))
    given |= {f"{prefix}_BASE_URL": f"{sandbox}/{prefix.lower()}" for prefix in TRAFFIC_PARTNERS}
    # Nothing is reported to what has no address; a test that wants it names the address itself.
    for prefix, credentials in OPTIONAL_PARTNERS.items():
        given = {f"{prefix}_{key}": secrets.token_hex(16) for key in credentials} | given
    return given


#: Drawn once a run: two pairs of RSA keys take a second.
_payment_keys = cache(payment_keys)


@dataclass
class Process:
    """One of our processes, in a session of its own, its output kept in a file."""

    name: str
    arguments: list[str]
    env: Mapping[str, str]
    log: Path
    popen: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        LOGS.add(self.log)
        with self.log.open("ab") as out:
            self.popen = subprocess.Popen(
                self.arguments, cwd=ROOT, env=dict(self.env), stdout=out, stderr=out, start_new_session=True
            )

    def kill(self) -> None:
        """Kill -9 the process and its children, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(timeout=10)

    def stop(self) -> None:
        """End it as an operator would; SIGKILL where it doesn't."""
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGTERM)
            try:
                self.popen.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class House:
    """An installation under test, with its environment and the addresses of its web server and sandbox."""

    environ: dict[str, str]
    folder: Path

    @property
    def settings(self) -> Settings:
        """Its settings, as a process of it reads them."""
        return Settings.load(self.environ)

    @property
    def web_url(self) -> str:
        """Where its pages are."""
        return self.environ["PUBLIC_BASE_URL"]

    @property
    def sandbox_url(self) -> str:
        """Where the outside is."""
        return f"http://127.0.0.1:{self.environ['SANDBOX_PORT']}"

    def run(self, name: str, *arguments: str, **more: str) -> Process:
        """Start ``app.py <arguments>`` with this installation's environment."""
        return self.start(name, [sys.executable, str(ROOT / "app.py"), *arguments], **more)

    def start(self, name: str, arguments: list[str], **more: str) -> Process:
        """Start any program with this installation's environment."""
        env = os.environ | self.environ | more | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return Process(name, arguments, env, self.folder / f"{name}.log")

    def web(self) -> Process:
        """Start its web server."""
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "deploy" / "gunicorn.conf.py"), "app:web()"]
        return self.start("web", gunicorn, WEB_PROCESSES="1", WEB_THREADS="8")

    def control(self, method: str, path: str, body: object | None = None) -> requests.Response:
        """Ask the sandbox's control; fails loudly where it refuses."""
        answer = requests.request(method, f"{self.sandbox_url}/_control/{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer

    def ledger(self, partner: str = "", after: int = 0) -> list[dict[str, object]]:
        """What arrived at a partner."""
        entries: list[dict[str, object]] = self.control("GET", f"ledger?partner={partner}&after={after}").json()[
            "entries"
        ]
        return entries


def empty(connection: Connection, tables: Iterable[str]) -> None:
    """Empty tables by DELETE, whatever refers to what, in the caller's transaction."""
    # A test writes into few of the many tables: asking all of them at once costs less than emptying each.
    any_rows = " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT FROM \"{one}\")" for one in sorted(tables))
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in connection.execute(text(any_rows)).scalars().all():
        connection.execute(text(f'DELETE FROM "{table}"'))


def wait_for_url(url: str, process: Process | None = None, seconds: float = 60) -> None:
    """Wait until an address answers at all; fails with the process's output where it ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process is not None and process.popen.poll() is not None:
            raise AssertionError(f"{process.name} ended:\n{process.log.read_text()[-4000:]}")
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            requests.get(url, timeout=2)
            return
        time.sleep(0.05)
    tail = process.log.read_text()[-4000:] if process else ""
    raise AssertionError(f"{url} doesn't answer:\n{tail}")


@contextlib.contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Stop these in reverse at the end."""
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()


def new_house(folder: Path, database_url: str, redis_url: str) -> House:
    """An installation in a folder of its own, on free ports."""
    folder.mkdir(parents=True, exist_ok=True)
    return House(environ(folder, database_url, redis_url, free_port(), free_port()), folder)
