"""What every test of the suite is under really fails a run: shown on small runs of their own, with planted faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

_QUIET = """
def test_good():
    assert True
"""
_SWALLOWED = """
import contextlib, socket

def test_that_hears_nothing():
    with contextlib.suppress(Exception), socket.socket() as one:
        one.connect(("192.0.2.1", 80))
"""
_LOGGED = """
from pathlib import Path
from tests import house
from tests.guards import privacy

def test_whose_web_server_talks(tmp_path):
    (tmp_path / "web.log").write_text({line!r})
    (tmp_path / "command.log").write_text("13800138000")
    house.LOGS |= {{tmp_path / "web.log", tmp_path / "command.log", tmp_path / "gone.log"}}
    privacy.KNOWN.append({{"name": "韦小花"}})
"""


def run(folder: Path, source: str) -> tuple[int, str]:
    """Run one test file under the suite's own guards; returns pytest's status and words."""
    (folder / "test_planted.py").write_text(source, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    plugins = ["-p", "tests.guards.loopback", "-p", "tests.guards.privacy", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "-c", str(folder / "pytest.ini"), str(folder)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_quiet_run_passes(tmp_path: Path) -> None:
    status, words = run(tmp_path, _QUIET)
    assert status == 0, words


def test_a_planted_try_that_nobody_hears_fails_its_test(tmp_path: Path) -> None:
    status, words = run(tmp_path, _SWALLOWED)
    assert status == 1
    assert "tried to reach ['192.0.2.1']" in words


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sent to 13900139000", "web.log:1: a phone"),
        ("who is 11010519491231002X", "web.log:1: an identity number"),
        ("bound 韦小花", "web.log: name in clear"),
    ],
)
def test_a_planted_line_in_the_log_of_a_process_fails_the_run(tmp_path: Path, line: str, found: str) -> None:
    status, words = run(tmp_path, _LOGGED.format(line=line))
    assert status == 1
    assert found in words
    assert "command.log:1" not in words


def test_a_process_that_logs_soberly_passes(tmp_path: Path) -> None:
    status, words = run(tmp_path, _LOGGED.format(line="POST /h5/bind 303 in 12 ms"))
    assert status == 0, words
