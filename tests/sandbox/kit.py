"""The sandbox as the process that it is, and our side of it: a small server that takes what partners push."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
START = "import sys; from citizen_services.sandbox import main; main('127.0.0.1', int(sys.argv[1]), sys.argv[2])"
CREDENTIALS = {
    "WECHAT_APP_ID": "wx0123456789abcdef",
    "WECHAT_APP_SECRET": "wechat-secret-of-the-tests",
    "WECHAT_TOKEN": "TokenOfTheTests",
    "WECHAT_ENCODING_AES_KEY": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ",
    "WECHAT_MODE": "safe",
    "SMS_ALIYUN_ACCESS_KEY_ID": "ak-of-the-tests",
    "SMS_ALIYUN_ACCESS_KEY_SECRET": "sk-of-the-tests",
    "SMS_ALIYUN_SIGN_NAME": "奉化公安",
    "SMS_ALIYUN_RECEIPT_TOKEN": "sms-path-token",
    "EMS_SENDER_NO": "1100012345678",
    "EMS_AUTHORIZATION": "ems-authorization",
    "EMS_SIGN_KEY": "MDEyMzQ1Njc4OWFiY2RlZg==",
    "EMS_RECEIPT_TOKEN": "ems-path-token",
    "SANDBOX_SPEED": "600",
    "SANDBOX_RECEIPT_DELAY_S": "0.05",
    "SANDBOX_QUERY_DELAY_S": "1",
} | {
    f"{name}_{part}": f"{name.lower()}-{part.lower()}"
    for name in ("POPULATION", "MIGRANTS", "ADDRESSES", "SOCIAL_INSURANCE", "MARKET", "SCHOOLS")
    for part in ("APP_ID", "APP_KEY")
}


def until(found: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Return the first true answer; fail when none comes in time."""
    end = time.monotonic() + within_s
    while True:
        answer = found()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail("what was waited for did not come")
        time.sleep(0.02)


@dataclass
class Arrived:
    """One request that the sandbox made to us."""

    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class OurSide:
    """Our application's place: keeps what arrives and answers as `answer` says (status, body)."""

    port: int
    arrived: list[Arrived] = field(default_factory=list)
    answer: Callable[[Arrived], tuple[int, str]] = lambda arrived: (200, "success")

    def at(self, path: str) -> list[Arrived]:
        """What arrived at a path."""
        return [one for one in self.arrived if one.path == path]


def our_server() -> tuple[http.server.ThreadingHTTPServer, OurSide]:
    """Start our side on a free loopback port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            one = Arrived(path, query, dict(self.headers.items()), body)
            side.arrived.append(one)
            status, text = side.answer(one)
            data = text.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                # The partner gave up waiting, which some tests let it do.
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    side = OurSide(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server, side


class Sandbox:
    """A running sandbox process and its control."""

    def __init__(self, folder: Path, our_port: int, **environ: str) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self.ledger_path = folder / "ledger.jsonl"
        self._environ = os.environ | CREDENTIALS | {"PUBLIC_BASE_URL": f"http://{HOST}:{our_port}"} | environ
        self.http = requests.Session()
        self.http.trust_env = False
        self.start()

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.log = open(self.ledger_path.with_suffix(".log"), "ab")  # noqa: SIM115  # closed by stop
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(self.port), str(self.ledger_path)],
            cwd=ROOT,
            env=self._environ,
            stdout=self.log,
            stderr=self.log,
        )

        def answers() -> bool:
            assert self.process.poll() is None, self.ledger_path.with_suffix(".log").read_text()
            try:
                return self.http.get(f"{self.url}/_control/faults", timeout=2).status_code == 200
            except requests.ConnectionError:
                return False

        until(answers, 30)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.log.close()
        self.http.close()
        return code

    def put(self, path: str, body: Any) -> Any:
        """`PUT /_control/<path>`."""
        answer = self.http.put(f"{self.url}/_control/{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """`POST /_control/<path>`."""
        answer = self.http.post(f"{self.url}/_control/{path}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self, partner: str = "", after: int = 0) -> list[dict[str, Any]]:
        """The ledger's entries."""
        answer = self.http.get(f"{self.url}/_control/ledger", params={"partner": partner, "after": after}, timeout=10)
        entries: list[dict[str, Any]] = json.loads(answer.content)["entries"]
        return entries
