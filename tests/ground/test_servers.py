"""The embedded servers, with real processes: on any path, as root and as a plain user, after any death."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy import footing, postgres, serving
from deploy.embedded import ServerFailed, start_postgres, start_valkey

ROOT = Path(__file__).parents[2]
AS_ROOT = os.geteuid() == 0


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may enter, with a name that breaks careless launchers."""
    folder = tmp_path / "a b 中文 100%"
    folder.mkdir(mode=0o700)
    assert folder.stat().st_mode & 0o077 == 0
    return folder


def wait_until_gone(pid: int) -> None:
    """Return when no process has this number, or only its remains."""
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_postgres_starts_under_a_closed_folder_and_never_runs_as_root(closed: Path) -> None:
    server = start_postgres(closed / "postgres", durable=False)
    try:
        assert psutil.Process(server.pid).uids().effective != 0
        with psycopg.connect(server.url) as connection:
            version, encoding, provider, fsync = connection.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), datlocprovider,"
                " current_setting('fsync') FROM pg_database WHERE datname = current_database()"
            ).fetchone() or (0, "", "", "")
            assert version >= 180000
            assert (encoding, provider, fsync) == ("UTF8", "b", "off")
            connection.execute("CREATE EXTENSION btree_gist")
            connection.execute("CREATE EXTENSION pg_trgm")
            listening = connection.execute("SELECT current_setting('listen_addresses')").fetchone()
            assert listening == ("127.0.0.1",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace(server.plan.password, "guessed"))
    finally:
        server.stop()
    wait_until_gone(server.pid)


def test_postgres_is_durable_unless_told_otherwise(tmp_path: Path) -> None:
    server = start_postgres(tmp_path / "postgres")
    try:
        with psycopg.connect(server.url) as connection:
            said = connection.execute(
                "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
            ).fetchone()
        assert said == ("on", "on")
    finally:
        server.stop()


def test_postgres_comes_back_after_a_kill_that_left_a_pid_file_with_a_strangers_number(closed: Path) -> None:
    server = start_postgres(closed / "postgres")
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    psutil.Process(server.pid).kill()
    server.process.wait()
    pid_file = server.plan.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert lines[0] == str(server.pid)
    # After a restart of the machine the number may belong to anybody; here it is this very test's.
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    again = start_postgres(closed / "postgres")
    try:
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        again.stop()


def test_a_living_server_of_the_same_folder_is_left_alone_and_said(tmp_path: Path) -> None:
    server = start_postgres(tmp_path / "postgres", durable=False)
    try:
        with pytest.raises(ServerFailed, match=f"process {server.pid}"):
            start_postgres(tmp_path / "postgres", durable=False)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert serving.running(tmp_path / "postgres") is not None
    finally:
        server.stop()
    assert serving.running(tmp_path / "postgres") is None


def test_a_folder_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.1.abcdef"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = start_postgres(tmp_path / "postgres", durable=False)
    server.stop()
    assert (server.plan.data / "PG_VERSION").read_text().strip() == "18"


def test_servers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal; from deploy.embedded import start_postgres, start_valkey; "
        "p = start_postgres(sys.argv[1] + '/p', durable=False); v = start_valkey(sys.argv[1] + '/v'); "
        "print(p.pid, v.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        wait_until_gone(pid)


@pytest.fixture
def unreachable(closed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A closed folder on a machine where no capability may be handed on."""
    monkeypatch.setattr(footing, "_may_pass_modes", lambda uid, gid: False)
    yield closed / "postgres"
    shutil.rmtree(footing.moved(closed / "postgres").parent, ignore_errors=True)


def test_without_setpriv_the_data_stand_where_the_servers_account_reaches_them(unreachable: Path) -> None:
    plan = postgres.prepare_postgres(unreachable, durable=False)
    assert (plan.footing.moved_from is not None) == AS_ROOT
    assert plan.data.exists()
    for folder in plan.data.parents if AS_ROOT else ():
        assert folder.stat().st_mode & 0o001, f"{folder} is closed"
    # Found again, not made a second time.
    assert postgres.prepare_postgres(unreachable, durable=False).password == plan.password
    server = start_postgres(unreachable, durable=False)
    server.stop()


def test_both_serve_a_plain_user_in_the_foreground_until_ctrl_c(closed: Path) -> None:
    command = [sys.executable, "-m", "deploy.embedded", str(closed / "servers"), "--not-durable"]
    if AS_ROOT:
        # A plain account that may pass the test folders' modes, since these are ours.
        binaries = closed / "unused"
        uid, gid = footing._account()
        os.chown(closed, uid, gid)
        command = footing.Footing(closed, binaries, uid, gid, passes_modes=True).command(command)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(2)]
        addresses = dict(line.split("=", 1) for line in lines)
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(addresses["REDIS_URL"]) as client:
            assert client.ping()
        assert psutil.Process(process.pid).uids().effective != 0
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_valkey_asks_for_its_password_and_keeps_nothing(closed: Path) -> None:
    server = start_valkey(closed / "valkey")
    try:
        assert server.plan.password not in " ".join(psutil.Process(server.pid).cmdline())
        once = Retry(NoBackoff(), 0)
        stranger = redis.Redis(host="127.0.0.1", port=server.port, retry=once)
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis.from_url(server.url_of(3)) as client:
            client.set("a", 1)
            assert client.config_get("save") == {"save": ""}
    finally:
        server.stop()
    wait_until_gone(server.pid)
    assert not list((closed / "valkey").glob("*.rdb"))
