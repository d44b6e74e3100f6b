"""The supervisor of a running installation: supervisord, with a configuration that we write and a socket to ask it."""

from __future__ import annotations

import http.client
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.processes import Process, note

NOTE = "supervisor.pid"


class ProgramFailed(RuntimeError):
    """A program does not stay up; the message carries the end of its log."""


class NoAnswer(RuntimeError):
    """supervisord is not there, or refuses what it was asked."""


@dataclass(frozen=True)
class Program:
    """One kind of process: how many, how it is asked to stop, how long it may take. Stopped in reverse order."""

    name: str
    argv: Sequence[str]
    count: int = 1
    stop: str = "TERM"
    patience_s: int = 30
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Status:
    """What supervisord knows of one process."""

    program: str
    name: str
    pid: int
    state: str


def _quoted(argv: Sequence[str]) -> str:
    # supervisord expands %(name)s, and splits as a shell does.
    return " ".join(shlex.quote(word) for word in argv).replace("%", "%%")


def configuration(programs: Sequence[Program], root: Path, socket: Path) -> str:
    """supervisord's configuration for the programs, in their order of starting."""
    sections = [
        f"[unix_http_server]\nfile={socket}\nchmod=0600",
        "[supervisord]\nnodaemon=true\nsilent=true\nidentifier=citizen_services\numask=077\n"
        # Relative to the var folder, where supervisord stands: names of log files are expanded more than once.
        "logfile=log/supervisord.log\nlogfile_maxbytes=5MB\nlogfile_backups=1\n"
        "pidfile=supervisord.pid\nchildlogdir=log",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for place, program in enumerate(programs):
        variables = ",".join(f'{name}="{value}"'.replace("%", "%%") for name, value in program.environment.items())
        sections.append(
            f"[program:{program.name}]\n"
            f"command={_quoted(program.argv)}\n"
            f"directory={str(root).replace('%', '%%')}\n"
            f"numprocs={program.count}\nprocess_name=%(program_name)s-%(process_num)d\n"
            f"priority={(place + 1) * 10}\n"
            # A program that has run for a second is up; one that ends sooner is tried again, at growing distances,
            # and then by us.
            "autostart=false\nautorestart=true\nstartsecs=1\nstartretries=3\n"
            f"stopsignal={program.stop}\nstopwaitsecs={program.patience_s}\nkillasgroup=true\n"
            "redirect_stderr=true\nstdout_logfile=log/%(program_name)s-%(process_num)d.log\n"
            "stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=2\n"
            f"environment={variables}"
        )
    return "\n\n".join(sections) + "\n"


class Supervisor:
    """A running supervisord. Every question raises NoAnswer when it has died meanwhile."""

    def __init__(self, programs: Sequence[Program], root: Path, var_dir: Path, environment: Mapping[str, str]) -> None:
        self._programs = {program.name: program for program in programs}
        self._var_dir = var_dir
        (var_dir / "log").mkdir(mode=0o700, exist_ok=True)
        # The path of a socket has at most 107 bytes; the var folder's may be longer.
        self._private = Path(tempfile.mkdtemp(prefix="citizen_services-"))
        if len(os.fsencode(self._private)) > 90:
            shutil.rmtree(self._private)
            self._private = Path(tempfile.mkdtemp(prefix="citizen_services-", dir="/tmp"))
        socket = self._private / "s"
        config = var_dir / "supervisord.conf"
        config.write_text(configuration(programs, root, socket), encoding="utf-8")
        config.chmod(0o600)
        with open(var_dir / "log" / "supervisord.out", "a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
                cwd=var_dir,
                env=dict(environment) | {"PYTHONUTF8": "1"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                # A terminal's Ctrl-C reaches us alone; we stop the rest in order.
                start_new_session=True,
            )
        ourselves = Process.of(self.process.pid)
        if ourselves is not None:
            note(var_dir / NOTE, ourselves)
        self._socket = socket
        self._wait_until_it_answers()

    def _ask(self, method: str, *words: object) -> Any:
        """One question to supervisord. Raises NoAnswer."""
        # A transport keeps its connection, also a broken one; questions are rare, so each has its own.
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
                return getattr(server.supervisor, method)(*words)
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as error:
            raise NoAnswer(f"{method}: {error}") from error
        finally:
            transport.close()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self._var_dir / "log" / "supervisord.out").read_text(errors="replace")
                raise ProgramFailed(f"supervisord did not start:\n{text[-2000:]}")
            try:
                self._ask("getState")
                return
            except NoAnswer:
                time.sleep(0.05)

    def alive(self) -> bool:
        """Whether supervisord itself still runs."""
        return self.process.poll() is None

    def start(self, program: str) -> None:
        """Start all processes of a program, without waiting until they are up."""
        self._ask("startProcessGroup", program, False)

    def statuses(self) -> list[Status]:
        """Every process, in the order of starting."""
        known = self._ask("getAllProcessInfo")
        found = [Status(info["group"], info["name"], info["pid"], info["statename"]) for info in known]
        order = list(self._programs)
        return sorted(found, key=lambda status: (order.index(status.program), status.name))

    def start_again(self, status: Status) -> None:
        """Try once more a process that supervisord has given up."""
        self._ask("startProcess", f"{status.program}:{status.name}", False)

    def refuse_given_up(self) -> None:
        """Raise ProgramFailed where a process did not come up at all."""
        for status in self.statuses():
            if status.state == "FATAL":
                raise ProgramFailed(f"{status.name} does not stay up:\n{self.tail(status.name)}")

    def tail(self, name: str, lines: int = 25) -> str:
        """The end of a process's log."""
        log = self._var_dir / "log" / f"{name}.log"
        if not log.exists():
            return f"(no {log})"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Stop every program in reverse order, then supervisord; return when it has ended."""
        if self.alive():
            self.process.terminate()
            patience = sum(program.patience_s for program in self._programs.values()) + 10
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self._private, ignore_errors=True)
