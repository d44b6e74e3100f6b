"""`make run` with real processes: what dies comes back, what is stopped is gone, what was left behind is found."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request

import psutil

from deploy import processes, serving
from tests.ground.conftest import Launched


def everything_gone(launched: Launched) -> bool:
    """Whether no process of the installation runs, by its mark and by its servers' notes."""
    servers = [serving.running(launched.var_dir / name) for name in ("postgres", "valkey")]
    return not processes.marked(launched.var_dir) and servers == [None, None]


def test_what_dies_is_started_again_and_run_json_follows(launched: Launched) -> None:
    launched.start(WORKERS="2")
    launched.until_running()
    file = launched.var_dir / "run.json"
    assert file.stat().st_mode & 0o777 == 0o600
    first = launched.run_file()
    assert first["web_url"] == f"http://127.0.0.1:{launched.port}"
    assert first["sandbox_url"] == f"http://127.0.0.1:{launched.sandbox_port}"
    assert [person["login"] for person in first["staff"]] == ["clerk"]
    assert len(first["pids"]["workers"]) == 2
    with urllib.request.urlopen(f"{first['web_url']}/readyz", timeout=5) as answer:
        assert json.load(answer) == {"migrated": 1, "told": True}
    assert "clerk" in launched.told()
    assert first["database_url"] not in launched.told()

    # What the web server can't read it logs itself, and then without the query.
    with socket.create_connection(("127.0.0.1", launched.port)) as rude:
        rude.sendall(b"GET/wechat?signature=0123456789\r\n\r\n")
        assert b"400" in rude.recv(1000)
    log = launched.var_dir / "log" / "web-0.log"
    launched.until("the refusal is logged", lambda: "/wechat" in log.read_text())
    assert "0123456789" not in log.read_text()

    # The server's master is first; its own worker follows as soon as it has one.
    launched.until("the web worker is told", lambda: len(launched.run_file()["pids"]["web"]) == 2)
    master, child = launched.run_file()["pids"]["web"]
    assert psutil.Process(child).ppid() == master

    for name in ("workers", "scheduler", "sandbox", "redis", "postgres", "web"):
        before = launched.run_file()["pids"][name]
        victim = before if isinstance(before, int) else before[0]
        os.kill(victim, signal.SIGKILL)

        def back(name: str = name, victim: int = victim) -> bool:
            now = launched.run_file()["pids"][name]
            pids = [now] if isinstance(now, int) else now
            return victim not in pids and bool(pids) and all(pid and psutil.pid_exists(pid) for pid in pids)

        launched.until(f"{name} is back", back)
        launched.until(f"all is well after {name}", launched.ready)

    # A terminal's Ctrl-C reaches the launcher alone: nothing else stands in its session.
    session = os.getsid(launched.process.pid if launched.process else 0)
    assert all(os.getsid(process.pid) != session for process in processes.marked(launched.var_dir))
    assert launched.interrupt() == 0
    assert everything_gone(launched)
    assert not file.exists()
    assert "Traceback" not in launched.told()


def test_a_killed_supervisor_and_a_killed_launcher_leave_nothing_astray(launched: Launched) -> None:
    launched.start(WORKERS="1")
    launched.until_running()
    first = launched.run_file()["pids"]
    supervisor = processes.noted(launched.var_dir / "supervisor.pid")
    orphans = [processes.Process.of(first["postgres"]), processes.Process.of(first["workers"][0])]
    assert supervisor is not None
    assert None not in orphans
    supervisor.send(signal.SIGKILL)
    launched.until(
        "everything is new after the supervisor's death",
        lambda: (
            launched.run_file().get("pids", {}).get("postgres") not in (None, first["postgres"]) and launched.ready()
        ),
    )
    assert not any(orphan.alive() for orphan in orphans if orphan)

    assert launched.process is not None
    launched.process.kill()
    launched.process.wait()
    left = processes.Process.of(launched.run_file()["pids"]["postgres"])
    assert left is not None
    launched.start(WORKERS="1")
    launched.until_running(times=2)
    assert "left behind" in launched.told()
    assert not left.alive()
    # The data are the same: the table remembers both migrations before this one.
    with urllib.request.urlopen(f"http://127.0.0.1:{launched.port}/readyz", timeout=5) as answer:
        assert json.load(answer)["migrated"] == 3

    # A second start in the same folder is told how to stand beside it.
    other = Launched(launched.root)
    other.output = launched.root / "other"
    process = other.start()
    assert process.wait(120) == 1
    assert "running already" in other.told()
    assert "VAR_DIR=var2 PORT=" in other.told()
    assert launched.ready()

    assert launched.interrupt(signal.SIGTERM) == 0
    assert everything_gone(launched)


def test_when_make_is_killed_all_stops_and_the_next_start_waits_for_that(launched: Launched) -> None:
    launched.start(by_make=True, WORKERS="1")
    launched.until_running()
    before = processes.Process.of(launched.run_file()["pids"]["postgres"])
    assert before is not None
    assert launched.process is not None
    launched.process.kill()
    launched.process.wait()
    launched.start(by_make=True, WORKERS="1")
    launched.until_running(times=2)
    assert processes.Process.of(launched.run_file()["pids"]["postgres"]) != before
    assert not before.alive()
    launched.process.kill()
    launched.until("nothing is left when make is gone", lambda: everything_gone(launched))


def test_a_taken_port_stops_the_start_with_the_command_to_use_instead(launched: Launched) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", launched.port))
        taken.listen()
        process = launched.start(WORKERS="3")
        assert process.wait(120) == 1
    said = launched.told()
    assert f"Port {launched.port} is taken" in said
    command = said.strip().splitlines()[-1].split()
    assert command[0] == "WORKERS=3"
    assert command[-2:] == ["make", "run"]
    ports = {word.split("=")[0]: int(word.split("=")[1]) for word in command[1:3]}
    assert set(ports) == {"PORT", "SANDBOX_PORT"}
    assert launched.port not in ports.values()
    assert everything_gone(launched)


def test_a_program_that_does_not_stay_up_stops_the_start_with_the_end_of_its_log(launched: Launched) -> None:
    app = launched.root / "app.py"
    app.write_text(
        app.read_text().replace("def _wait() -> None:", "def _wait() -> None:\n    raise RuntimeError('no luck')")
    )
    began = time.monotonic()
    process = launched.start()
    assert process.wait(120) == 1
    assert "does not stay up" in launched.told()
    assert "RuntimeError: no luck" in launched.told()
    assert time.monotonic() - began < 90
    assert everything_gone(launched)
