"""Tests that must stay together do: shown on a small run of their own, by two test processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import grouping
from tests.house import ROOT

_CONFTEST = """
import pytest
from tests import grouping

grouping.INSTALLATIONS = frozenset({"tests/test_a.py", "tests/test_b.py"})

def pytest_xdist_make_scheduler(config, log):
    return grouping.Scheduling(config, log)
"""
_TESTS = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_one(number, worker_id):
    with open("who", "a") as who:
        who.write(__name__.rpartition(".")[2] + " " + worker_id + chr(10))
"""


def test_every_file_that_is_named_is_there() -> None:
    named = grouping.INSTALLATIONS | grouping.TOGETHER
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_tests_of_one_unit_are_run_by_one_process(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    for name in "ab":
        (tmp_path / "tests" / f"test_{name}.py").write_text(_TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "who").read_text().split("\n")[:-1]
    assert len(lines) == 8
    assert {line.split()[0] for line in lines} == {"test_a", "test_b"}
    assert len({line.split()[1] for line in lines}) == 1, lines
