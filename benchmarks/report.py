"""Rows of the report: runs of ours and of the floor in turn, their medians, and the median of the pairs' ratios."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Row:
    """One benchmark's line in bench.json; rates are units a second."""

    name: str
    unit: str
    ours: float
    floor: float
    floor_is: str
    #: The median of ours/floor of the runs that stood next to one another.
    ratio: float
    ours_runs: list[float]
    floor_runs: list[float]
    floor_file: str
    command: str
    processes: int
    threads: int
    commit: str
    #: Milliseconds until an answer, median and slowest twentieth (medians of the runs); empty where nobody waits.
    ours_ms: list[float]
    floor_ms: list[float]

    def as_json(self) -> dict[str, Any]:
        """The row as it is written."""
        return asdict(self)


def in_turn(runs: int, ours: Callable[[int], float], floor: Callable[[int], float]) -> tuple[list[float], list[float]]:
    """Run both ``runs`` times, neighbours in time, taking turns at going first; each gets the number of its run."""
    mine: list[float] = []
    bare: list[float] = []
    for number in range(runs):
        if number % 2:
            bare.append(floor(number))
            mine.append(ours(number))
        else:
            mine.append(ours(number))
            bare.append(floor(number))
    return mine, bare


def row(
    name: str,
    unit: str,
    runs: tuple[list[float], list[float]],
    *,
    floor_is: str,
    floor_file: str,
    command: str,
    processes: int,
    threads: int,
    waited: tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]] = ((), ()),
) -> Row:
    """The row of these runs; ``waited``: (p50, p95) in milliseconds of each run of ours and of the floor."""
    ours_ms, floor_ms = ([round(median(times), 1) for times in zip(*side, strict=True)] for side in waited)
    mine, bare = ([round(rate, 1) for rate in side] for side in runs)
    pairs = [ours / floor for ours, floor in zip(*runs, strict=True)]
    return Row(
        name=name,
        unit=unit,
        ours=median(mine),
        floor=median(bare),
        floor_is=floor_is,
        ratio=round(median(pairs), 3),
        ours_runs=mine,
        floor_runs=bare,
        floor_file=floor_file,
        command=command,
        processes=processes,
        threads=threads,
        commit=commit(),
        ours_ms=ours_ms,
        floor_ms=floor_ms,
    )


def commit() -> str:
    """The checkout's commit, with ``+`` where files differ from it; empty outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("rev-parse", "--short=12", "HEAD")
    return head + "+" if head and git("status", "--porcelain", "--untracked-files=no") else head


def table(rows: Sequence[Row], targets: dict[str, float]) -> str:
    """The rows for people: medians, ratio, the span of the pairs' ratios, and what the ratio should reach."""
    lines = [f"{'':14} {'ours':>9} {'floor':>9} {'ratio':>7}  {'of pairs':13} {'wanted':>7}  unit"]
    for one in rows:
        pairs = sorted(ours / floor for ours, floor in zip(one.ours_runs, one.floor_runs, strict=True))
        wanted = targets[one.name]
        lines.append(
            f"{one.name:14} {one.ours:9.1f} {one.floor:9.1f} {one.ratio:7.2f}  "
            f"{pairs[0]:5.2f} … {pairs[-1]:4.2f}  {'≥':>2} {wanted:4.2f}  {one.unit}"
            f"{'' if one.ratio >= wanted else '   MISSED'}"
        )
        if one.ours_ms:
            mine, bare = (" and ".join(f"{ms:.1f}" for ms in side) for side in (one.ours_ms, one.floor_ms))
            lines.append(f"{'':14} answered after {mine} ms (median, slowest twentieth); floor: {bare}")
    return "\n".join(lines)
