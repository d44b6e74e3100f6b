"""A partner that misbehaves on the wire: a socket server that does to each request what the test says."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrived:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Act = Callable[[socket.socket, Arrived], None]


def reply(status: int = 200, body: bytes | str | dict[str, Any] = b"{}", **headers: str) -> Act:
    """Answer properly; names of headers with underscores for dashes."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines) + "\r\n\r\n"

    def act(connection: socket.socket, _: Arrived) -> None:
        connection.sendall(head.encode() + content)

    return act


def raw(content: bytes) -> Act:
    """Send these bytes and close."""

    def act(connection: socket.socket, _: Arrived) -> None:
        connection.sendall(content)
        connection.close()

    return act


class WirePartner:
    """Listens on loopback; every request is kept, then the next act is done to it (the last one again and again)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.arrived: list[Arrived] = []
        self.acts: list[Act] = [reply()]
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}/partner"
        self._connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections += 1
            threading.Thread(target=self._talk, args=(connection, self._connections), daemon=True).start()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def _talk(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), self._secured(connection) as connection:
            reader = connection.makefile("rb")
            while line := reader.readline():
                headers: dict[str, str] = {}
                while (header := reader.readline().strip()) != b"":
                    name, _, value = header.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers.get("content-length", "0")))
                arrived = Arrived(line.decode("latin-1").strip(), headers, body, number)
                self.arrived.append(arrived)
                act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                act(connection, arrived)

    def stop(self) -> None:
        """Stop listening, and let go of whoever waits."""
        self.ended.set()
        self._listener.close()


@contextlib.contextmanager
def wire_partner(tls: ssl.SSLContext | None = None) -> Iterator[WirePartner]:
    """A partner for one test."""
    partner = WirePartner(tls)
    try:
        yield partner
    finally:
        partner.stop()
