"""The benchmarks' harness, on numbers far too small to measure anything: nothing here is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from benchmarks.__main__ import BENCHMARKS, TARGETS
from benchmarks.ground import BenchFailed, Ground, Size, gateway
from benchmarks.report import in_turn, row, table
from tests.house import ROOT

COLUMNS = {
    "name", "unit", "ours", "floor", "floor_is", "ratio", "ours_runs", "floor_runs", "floor_file", "command",
    "processes", "threads", "commit", "ours_ms", "floor_ms",
}  # fmt: skip


def test_every_benchmark_does_what_it_counts_and_leaves_its_row(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--runs", "2"],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    rows = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in rows] == list(BENCHMARKS) == list(TARGETS)
    for one in rows:
        assert set(one) == COLUMNS
        assert one["name"] in done.stdout
        assert len(one["ours_runs"]) == len(one["floor_runs"]) == 2
        assert min(one["ours"], one["floor"], one["ratio"]) > 0
        floor = (ROOT / one["floor_file"]).read_text(encoding="utf-8")
        assert len(floor.splitlines()) < 60, "a floor is one short file"
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"], "servers' folders are taken away"


def test_an_answer_that_was_not_expected_is_no_figure(tmp_path: Path) -> None:
    taken = "GET /taken HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with gateway() as port:
        ground = Ground(Size(), tmp_path, {}, port, Flask("bare"))
        assert ground.load(port, [taken] * 20, 200).answered == 20
        with pytest.raises(BenchFailed, match="not all 303"):
            ground.load(port, [taken] * 20, 303)
        with pytest.raises(BenchFailed, match="load generator failed"):
            ground.load(port, ["nonsense\r\n\r\n"], 200)


def test_both_sides_take_turns_and_the_ratio_is_that_of_neighbours() -> None:
    order: list[str] = []

    def side(name: str, *rates: float) -> Callable[[int], float]:
        def run(number: int) -> float:
            order.append(f"{name} {number}")
            return rates[number]

        return run

    runs = in_turn(3, side("ours", 10.0, 40.0, 30.0), side("floor", 20.0, 50.0, 30.0))
    assert order == ["ours 0", "floor 0", "floor 1", "ours 1", "ours 2", "floor 2"]
    made = row("submit", "a/s", runs, floor_is="", floor_file="", command="", processes=1, threads=8)
    assert (made.ours, made.floor, made.ratio) == (30.0, 30.0, 0.8)
    assert "MISSED" not in table([made], {"submit": 0.8})
    assert "MISSED" in table([made], {"submit": 0.9})
