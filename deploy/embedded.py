"""Embedded PostgreSQL 18 and Valkey 9, for development and for the test suite.

For tests, one server for a whole run, gone when the run is over, however it ends::

    from deploy.embedded import start_postgres, start_valkey

    postgres = start_postgres(tmp / "postgres", durable=False)   # .url .pid .port .stop()
    valkey = start_valkey(tmp / "valkey")                        # .url .pid .port .stop()

`postgres.url` (`postgresql://…`, password inside, role `postgres`, a superuser) opens the database `citizen_services`,
which exists and is empty; `postgres.url_of("other")` is another database of the same server. Both servers listen on
127.0.0.1 only, on a free port, and stop when the process that started them ends. Durability (fsync, synchronous_commit)
is on unless `durable=False`. As root PostgreSQL stands on an unprivileged account (see footing.py).

For a shell, in the foreground until Ctrl-C::

    .venv/bin/python -m deploy.embedded /tmp/devdb       # prints DATABASE_URL=… and REDIS_URL=…
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from deploy.footing import NoFooting
from deploy.postgres import PostgresPlan, become_postgres, prepare_postgres, wait_for_postgres
from deploy.serving import ServerFailed, free_port, launch, raise_when_ended, stop, tail
from deploy.valkey import ValkeyPlan, become_valkey, prepare_valkey, wait_for_valkey

__all__ = ["Postgres", "ServerFailed", "Valkey", "free_port", "start_postgres", "start_valkey"]


@dataclass
class Postgres:
    """A running server. `stop()` ends it (open sessions are cut) and may be called again."""

    plan: PostgresPlan
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """URL of the database `citizen_services`."""
        return self.plan.url

    def url_of(self, database: str) -> str:
        """URL of another database of this server."""
        return self.plan.url_of(database)

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1."""
        return self.plan.port

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self.process.pid

    def stop(self) -> None:
        """PostgreSQL's fast shutdown; the data are whole afterwards. Raises ServerFailed where it does not end."""
        stop(self.process, signal.SIGINT, "PostgreSQL")


def start_postgres(data_dir: Path | str, *, durable: bool = True, port: int | None = None) -> Postgres:
    """Start a server on `data_dir` (made where missing) and return when it takes connections.

    It stops with the process that called. Raises ServerFailed with the end of its log.
    """
    plan = prepare_postgres(Path(data_dir), durable=durable, port=port)
    log = plan.data_dir / "server.log"
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    process = launch(plan.door(dies_with_parent=True), log)
    try:
        wait_for_postgres(plan, raise_when_ended(process))
    except ServerFailed as error:
        stop(process, signal.SIGINT, "PostgreSQL")
        raise ServerFailed(f"{error}\n{tail(log)}") from None
    return Postgres(plan, process)


@dataclass
class Valkey:
    """A running Valkey. `stop()` ends it and may be called again."""

    plan: ValkeyPlan
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        """URL of its database 0."""
        return self.plan.url

    def url_of(self, number: int) -> str:
        """URL of one of its 64 numbered databases."""
        return self.plan.url_of(number)

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1."""
        return self.plan.port

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self.process.pid

    def stop(self) -> None:
        """End it. Raises ServerFailed where it does not end."""
        stop(self.process, signal.SIGTERM, "Valkey")


def start_valkey(data_dir: Path | str, *, port: int | None = None) -> Valkey:
    """Start a Valkey on `data_dir` and return when it answers. It stops with the process that called."""
    plan = prepare_valkey(Path(data_dir), port=port)
    log = plan.data_dir / "server.log"
    process = launch(plan.door(dies_with_parent=True), log)
    try:
        wait_for_valkey(plan, raise_when_ended(process))
    except ServerFailed as error:
        stop(process, signal.SIGTERM, "Valkey")
        raise ServerFailed(f"{error}\n{tail(log)}") from None
    return Valkey(plan, process)


# ---------------------------------------------------------------------------------------- command line


def _serve_both(folder: Path, *, durable: bool) -> None:
    """Both servers in the foreground until SIGINT or SIGTERM."""
    postgres = start_postgres(folder / "postgres", durable=durable)
    try:
        valkey = start_valkey(folder / "valkey")
    except ServerFailed:
        postgres.stop()
        raise
    print(f"DATABASE_URL={postgres.url}\nREDIS_URL={valkey.url}", flush=True)
    # A shell that starts us with `&` has SIGINT ignored, and we would inherit that.
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        while postgres.process.poll() is None and valkey.process.poll() is None:
            time.sleep(0.2)
    valkey.stop()
    postgres.stop()


def main(words: list[str] | None = None) -> int:
    """Serve both in the foreground; the `--become-…` forms are what a supervisor runs."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--not-durable", action="store_true", help="no fsync: faster, and lost with the machine")
    parser.add_argument("--dies-with-parent", action="store_true", help=argparse.SUPPRESS)
    become = parser.add_mutually_exclusive_group()
    become.add_argument("--become-postgres", action="store_true", help=argparse.SUPPRESS)
    become.add_argument("--become-valkey", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args(words)
    try:
        if said.become_postgres:
            postgres = prepare_postgres(said.folder, durable=not said.not_durable, port=said.port)
            become_postgres(postgres, dies_with_parent=said.dies_with_parent)
        elif said.become_valkey:
            become_valkey(prepare_valkey(said.folder, port=said.port), dies_with_parent=said.dies_with_parent)
        else:
            _serve_both(said.folder, durable=not said.not_durable)
    except (ServerFailed, NoFooting) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
