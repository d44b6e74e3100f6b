"""A very small application with the commands that the launcher calls, so that starting and dying take no time."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VAR = Path(os.environ.get("VAR_DIR", "var"))


def web() -> Callable[..., Iterable[bytes]]:
    """A WSGI application that is ready when the database and Valkey answer."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        import psycopg
        import redis

        try:
            with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2) as connection:
                rows = connection.execute("SELECT count(*) FROM migrated").fetchone()
            redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2).ping()
        except (psycopg.Error, redis.RedisError):
            start_response("503 Service Unavailable", [])
            return [b""]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"migrated": rows and rows[0], "told": (VAR / "run.json").exists()}).encode()]

    return application


def _migrate() -> None:
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS migrated (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO migrated DEFAULT VALUES")


def _seed() -> None:
    person = {"login": "clerk", "password": "demo", "roles": ["clerk"], "standing": "civilian", "office": "330213"}
    (VAR / "staff.json").write_text(json.dumps([person]))


def _wait() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ended.wait()


class _Ledger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"entries": []}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _sandbox() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["SANDBOX_PORT"])), _Ledger)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


if __name__ == "__main__":
    {"migrate": _migrate, "seed": _seed, "worker": _wait, "scheduler": _wait, "sandbox": _sandbox}[sys.argv[1]]()
