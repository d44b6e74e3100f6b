"""Where an installation stands: its ports, its folder, the servers that it is given. Read from the environment once."""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.serving import free_port

ROOT = Path(__file__).resolve().parent.parent
OLDEST_POSTGRES = 18
DEFAULT_PORT, DEFAULT_SANDBOX_PORT = 8000, 8001


class Refused(Exception):
    """The installation can't start here; the message says why and what to do instead."""


def port_is_free(port: int) -> bool:
    """Whether we could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As the servers do: a connection that was closed a moment ago does not keep its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def two_free_ports(above: int) -> tuple[int, int]:
    """Two ports one beside the other, both free, at or above the one given."""
    for port in range(above, 65534):
        if port_is_free(port) and port_is_free(port + 1):
            return port, port + 1
    raise Refused("There are no two free ports side by side on this machine.")


def _number(environ: Mapping[str, str], name: str, default: int, at_most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= at_most:
        raise Refused(f"{name} must be a number from 1 to {at_most}, not {text!r}.")
    return int(text)


@dataclass(frozen=True)
class Places:
    """The choices of one start; `given` are those that came from the environment, to be repeated in advice."""

    port: int
    sandbox_port: int
    var_dir: Path
    database_url: str
    redis_url: str
    workers: int
    given: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Places:
        """Read PORT, SANDBOX_PORT, VAR_DIR, DATABASE_URL, REDIS_URL, WORKERS. Raises Refused."""
        if environ.get("APP_ENV") == "production":
            raise Refused("make run is for development and trials; in production run the Procfile's commands.")
        _number(environ, "WEB_PROCESSES", 2, 256)
        _number(environ, "WEB_THREADS", 8, 1024)
        port = _number(environ, "PORT", DEFAULT_PORT, 65535)
        sandbox_port = _number(environ, "SANDBOX_PORT", DEFAULT_SANDBOX_PORT, 65535)
        if port == sandbox_port:
            raise Refused("PORT and SANDBOX_PORT must differ.")
        return cls(
            port=port,
            sandbox_port=sandbox_port,
            var_dir=(ROOT / (environ.get("VAR_DIR") or "var")).resolve(),
            database_url=environ.get("DATABASE_URL") or "",
            redis_url=environ.get("REDIS_URL") or "",
            workers=_number(environ, "WORKERS", 2, 256),
            given={name: environ[name] for name in ("VAR_DIR", "WORKERS") if environ.get(name)},
        )

    @property
    def web_url(self) -> str:
        """Where citizens' pages, console and API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Where the stand-ins of the outside are."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    def _command(self, **choices: object) -> str:
        words = {**self.given, **{name: str(value) for name, value in choices.items()}}
        return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in words.items()), "make run"])

    def beside(self) -> str:
        """The command that starts a second installation of this checkout."""
        port, sandbox_port = two_free_ports(self.port + 2)
        number = 2
        while self.var_dir.with_name(f"{self.var_dir.name}{number}").exists():
            number += 1
        folder = self.var_dir.with_name(f"{self.var_dir.name}{number}")
        shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
        return self._command(VAR_DIR=shown, PORT=port, SANDBOX_PORT=sandbox_port)

    def refuse_taken_ports(self) -> None:
        """Raise Refused with the command to use instead, where somebody else listens on one of our ports."""
        taken = [port for port in (self.port, self.sandbox_port) if not port_is_free(port)]
        if not taken:
            return
        port, sandbox_port = two_free_ports(self.port + 2)
        words = f"Port {taken[0]} is" if len(taken) == 1 else f"Ports {taken[0]} and {taken[1]} are"
        raise Refused(
            f"{words} taken by another program. Run instead:\n\n"
            f"    {self._command(PORT=port, SANDBOX_PORT=sandbox_port)}"
        )

    def remembered_port(self, server: str) -> int:
        """The port that an embedded server had last time, or a new one where that is taken."""
        file = self.var_dir / "ports.json"
        try:
            ports = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            ports = {}
        if server not in ports or not port_is_free(ports[server]):
            ports[server] = free_port()
            file.write_text(json.dumps(ports))
        return int(ports[server])


def refuse_old_postgres(url: str) -> None:
    """Raise Refused where DATABASE_URL leads to no server, or to one older than we need."""
    import psycopg

    try:
        with psycopg.connect(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url), connect_timeout=10) as server:
            version = server.info.server_version
    except psycopg.OperationalError as error:
        raise Refused(f"DATABASE_URL does not lead to a PostgreSQL server that lets us in: {error}") from error
    refuse_old_version(version)


def refuse_old_version(version: int) -> None:
    """Raise Refused for a PostgreSQL (its number as it says itself: 170004 is 17.4) older than we need."""
    if version < OLDEST_POSTGRES * 10000:
        raise Refused(
            f"DATABASE_URL names PostgreSQL {version // 10000}.{version % 10000}; "
            f"{OLDEST_POSTGRES} or newer is needed. Without DATABASE_URL an embedded one is started."
        )
