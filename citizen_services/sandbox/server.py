"""The sandbox as a process: one process with threads, on loopback only, without access logs."""

from __future__ import annotations

import ipaddress
import os
import signal
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, make_server

from citizen_services.sandbox.config import SandboxConfig


class QuietHandler(WSGIRequestHandler):
    """Keeps connections open, and logs nothing: Aliyun's and WeChat's query strings carry phones, names and tokens."""

    protocol_version = "HTTP/1.1"
    timeout = 75

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing; the ledger is the record of what arrived."""


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def main(
    host: str,
    port: int,
    ledger_path: Path,
    environ: Mapping[str, str] | None = None,
    templates: Iterable[tuple[str, str, Mapping[str, str]]] = (),
) -> None:
    """Serve the sandbox until SIGTERM or SIGINT. Raises ValueError for a host beyond loopback.

    The control has no password, so it must not be reachable from another machine. ``templates`` are those that partners
    have approved beforehand: (partner, its code, what `PUT templates/…` takes).
    """
    from citizen_services.sandbox import create_sandbox, world_of

    if not is_loopback(host):
        raise ValueError(f"the sandbox listens on loopback only, not on {host}")
    base_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    app = create_sandbox(
        SandboxConfig.from_environ(os.environ if environ is None else environ, Path(ledger_path), base_url)
    )
    server = make_server(host, port, app, threaded=True, request_handler=QuietHandler)
    # A call whose answer is held back must not keep the process from ending.
    if isinstance(server, ThreadedWSGIServer):
        server.daemon_threads = True

    def end(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    world = world_of(app)
    for partner, code, row in templates:
        world.state.put(f"templates:{partner}", code, dict(row))
    world.outgoing.start()
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        server.server_close()
        world.close()
