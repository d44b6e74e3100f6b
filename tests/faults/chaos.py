"""``make chaos``: people go through the whole journey while everything around them breaks, by a seed.

An installation of its own; a schedule of kills, freezes, restarts and partners' faults that follows from the seed
alone; people and officers who press again as people do. At the end every fault is taken away, all comes to rest, and
what must hold is checked. Exit code 1 names what broke.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults import checks
from tests.faults.installation import Gone, Installation, running
from tests.faults.lives import Life, Record
from tests.faults.people import Desk
from tests.faults.trouble import Troublemaker, schedule

SECONDS, PEOPLE = 120, 4
#: How long after the last fault a person may still need to get through, and everything to come to rest.
PATIENCE_S = 240.0


def come_to_rest(installation: Installation) -> list[str]:
    """Let time pass until nothing is open, staff sending once more what partners refused; what stays open."""
    end = time.monotonic() + PATIENCE_S
    while True:
        installation.time_passes()
        open_ = checks.open_tries(installation)
        unsettled = installation.sql("SELECT count(*) FROM receipt WHERE settled_at IS NULL")[0][0]
        if not open_ and not unsettled:
            return []
        if time.monotonic() > end:
            return [f"{row[1]} {row[2]}: {row[3]}" for row in open_] + [f"{unsettled} receipts unsettled"]
        time.sleep(1)


def invariants(installation: Installation, record: Record, lives: Sequence[Life]) -> dict[str, list[str]]:
    """What must hold at the end, by its name: what breaks it."""
    events = Counter((str(id_), action) for id_, action in installation.sql("SELECT case_id, action FROM case_event"))
    cases = installation.sql('SELECT id, item, state, ended_at, citizen_id, number FROM "case"')
    per_person = Counter((citizen, item) for _, item, _, _, citizen, _ in cases)
    forgotten = installation.sql(
        "SELECT n.kind, n.state FROM notice n WHERE n.state IN ('pending', 'sending')"
        " OR (n.state = 'uncertain' AND EXISTS (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.must_be_known"
        " AND d.channel = 'wechat') AND NOT EXISTS"
        " (SELECT 1 FROM delivery d WHERE d.notice_id = n.id AND d.channel = 'sms'))"
    )
    return {
        "everybody got to the end": list(record.stuck),
        "no page crashed": record.crashes + (installation.tracebacks("web") if record.crashes else []),
        "the record is whole (audit verify)": checks.broken_chains(installation),
        "what was acknowledged is there, once": [
            f"{action} of {case}: {events[case, action]} times"
            for case, action in record.acknowledged
            if events[case, action] != 1
        ],
        "one case a person and service": [f"{item}: {n}" for (_, item), n in per_person.items() if n > 1]
        + ([] if len(per_person) == 2 * len(lives) else [f"{len(per_person)} cases of {len(lives)} people"]),
        "no case is half made": checks.half_made(installation),
        "every case came to its end": [f"{number} is {state}" for *_, state, ended, _, number in cases if not ended],
        "every act is told once": checks.untold(installation),
        "partners took nothing twice": checks.taken_twice(installation.ledger()),
        "nothing is forgotten": [f"{kind} is {state}" for kind, state in forgotten],
    }


def told(installation: Installation) -> str:
    """What became of the notices, in words."""
    rows = installation.sql("SELECT state, count(*) FROM notice GROUP BY state ORDER BY state")
    return ", ".join(f"{count} {state}" for state, count in rows)


def run(seed: int, seconds: float, people: int, folder: Path) -> int:
    """The whole run; the exit code."""
    troubles = schedule(seed, seconds)
    print(
        f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:.0f}: {people} people at a time, {len(troubles)} troubles",
        flush=True,
    )
    with running(folder) as installation:
        installation.until_ready()
        record = Record()
        trouble = Troublemaker(installation, troubles)
        trouble.start()
        lives: list[Life] = []
        while trouble.is_alive():
            # Whoever is through makes room for the next, so that all of the schedule meets people on their way.
            if sum(life.is_alive() for life in lives) < people:
                lives.append(Life(installation, record, seed + len(lives)))
                lives[-1].start()
            time.sleep(0.2)
        for done in trouble.done:
            print(done, flush=True)
        installation.thaw()
        installation.heal()
        recovered = installation.until_ready()
        print(f"all faults are over; everything was ready after {recovered:.1f} s", flush=True)
        over = time.monotonic() + PATIENCE_S
        for life in lives:
            life.deadline = over
        while any(life.is_alive() for life in lives):
            installation.time_passes()
            time.sleep(1)
        for station in sorted({life.journey.worker.station for life in lives}):
            desk = Desk.of(installation.web, installation.staff(), station, "clerk")
            desk.tries_again()
            desk.writes_again()
        open_ = come_to_rest(installation)
        found = invariants(installation, record, lives) | {"everything came to rest": open_}
        _print(found, record, trouble, f"{len(lives)}", told(installation))
    return 1 if any(found.values()) else 0


def _print(found: dict[str, list[str]], record: Record, trouble: Troublemaker, people: str, notices: str) -> None:
    kinds = Counter(f"{one.what} {one.whom}" for one in trouble.done)
    print("\nwhat happened      ", ", ".join(f"{kind} ×{count}" for kind, count in sorted(kinds.items())))
    print("people             ", people)
    print("answers            ", ", ".join(f"{status}: {count}" for status, count in sorted(record.statuses.items())))
    print("tried again at     ", ", ".join(f"{what} ×{count}" for what, count in record.again.items()) or "nothing")
    for what, why in record.why.items():
        print(f"    {what}, the last time: {why[:150]}")
    print("acknowledged acts  ", len(record.acknowledged))
    print("notices            ", notices, "\n")
    width = max(len(name) for name in found)
    for name, broken in found.items():
        print(f"{name:<{width}}  {'BROKEN' if broken else 'ok'}")
        for line in broken[:10]:
            print(f"    {line}")


def main() -> int:
    """Read CHAOS_SEED, CHAOS_SECONDS and CHAOS_PEOPLE, and run."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
    seconds = float(os.environ.get("CHAOS_SECONDS") or SECONDS)
    people = int(os.environ.get("CHAOS_PEOPLE") or PEOPLE)
    # What runs below ends with us: an exception unwinds, a signal's default would not.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
            return run(seed, seconds, people, Path(folder))
    except Gone as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
