"""``python -m benchmarks [NAME …]``: measures, prints a table, writes ``$VAR_DIR/bench.json``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.booking import book, book_hot, free_times
from benchmarks.ground import BenchFailed, Ground, Size, ground
from benchmarks.ladder import ladder
from benchmarks.notices import notices
from benchmarks.pushes import wechat_read, wechat_write
from benchmarks.report import Row, table
from benchmarks.scans import ended_scan, endorsement_scan
from benchmarks.stampede import stampede
from benchmarks.submissions import submit, submit_reported
from benchmarks.supervision import supervision

BENCHMARKS: dict[str, Callable[[Ground], Row]] = {
    "wechat-read": wechat_read,
    "wechat-write": wechat_write,
    "submit": submit,
    "submit-reported": submit_reported,
    "notices": notices,
    "ladder": ladder,
    "endorsement-scan": endorsement_scan,
    "ended-scan": ended_scan,
    "supervision": supervision,
    "book": book,
    "book-hot": book_hot,
    "stampede": stampede,
    "free-times": free_times,
}
#: What each ratio should reach.
TARGETS = {
    "wechat-read": 0.7,
    "wechat-write": 0.7,
    "submit": 0.5,
    "submit-reported": 0.45,
    "notices": 5.0,
    "ladder": 1.0,
    "endorsement-scan": 0.8,
    "ended-scan": 0.8,
    "supervision": 0.8,
    "book": 0.6,
    "book-hot": 0.6,
    "stampede": 0.5,
    "free-times": 0.77,
}


def measure(names: list[str], size: Size, var_dir: Path) -> list[Row]:
    """Run the named benchmarks one after the other and write ``bench.json``. Raises BenchFailed."""
    var_dir.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in names:
        began = time.monotonic()
        # A ground each: what one leaves behind (notices to be sent, rows in tables) would be work of the next.
        with ground(var_dir, size) as started:
            rows.append(BENCHMARKS[name](started))
        print(f"{name}: {rows[-1].ratio:.2f} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    document = json.dumps([row.as_json() for row in rows], ensure_ascii=False, indent=2)
    (var_dir / "bench.json").write_text(document + "\n", encoding="utf-8")
    return rows


def _size(given: argparse.Namespace) -> Size:
    size = Size(
        processes=int(os.environ.get("WEB_PROCESSES") or Size.processes),
        threads=int(os.environ.get("WEB_THREADS") or Size.threads),
        runs=given.runs,
    )
    if given.quick:
        size = replace(size, requests=40, submissions=8, notices=40, crowd=24, places=10, permits=200, few_permits=100)
        size = replace(size, cases=300, few_cases=200, pages=12)
    return size


def _asked_to_end(number: int, frame: object) -> None:
    raise SystemExit(1)


def main() -> int:
    """Measure what the words say; 1 where something did not do what is measured. A low ratio is no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all where none is given")
    parser.add_argument("--runs", type=int, default=Size.runs, help="runs of each side")
    parser.add_argument("--quick", action="store_true", help="very small runs: to try the harness, never to measure")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown or given.runs < 1:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}" if unknown else "--runs must be at least 1")
    # What runs below ends with us: an exception unwinds, a signal's default would not.
    signal.signal(signal.SIGTERM, _asked_to_end)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    var_dir = Path(os.environ.get("VAR_DIR") or "var").absolute()
    load_before = os.getloadavg()[0]
    try:
        rows = measure(given.names or list(BENCHMARKS), _size(given), var_dir)
    except BenchFailed as fault:
        print(fault, file=sys.stderr)
        return 1
    print(table(rows, TARGETS))
    print(
        f"{os.cpu_count()} CPUs, {platform.machine()}, Python {platform.python_version()}; "
        f"load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} at the end; written: {var_dir / 'bench.json'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
