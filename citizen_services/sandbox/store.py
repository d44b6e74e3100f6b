"""What the sandbox keeps: the ledger of everything that arrived, and the state of the world that it plays.

Both are append-only files of JSON lines, read again at the start. A line that a kill left unfinished was never
acknowledged to anybody: it is closed with a newline and passed over.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file of JSON lines. `durable` journals return from `append` only after an fsync.

    Appends of several threads share one fsync: whoever holds the file writes what all others have put down by then.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._durable = durable
        self._path = path
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[bytes] = []
        self._put_down = 0
        self._written = 0
        torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        if torn:
            self._file.write(b"\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield every whole record from the beginning."""
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record

    def put_down(self, record: dict[str, Any]) -> int:
        """Queue a record in the order of the calls and return its ticket; `wait(ticket)` sees it on disk."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._waiting.append(line)
            self._put_down += 1
            return self._put_down

    def wait(self, ticket: int) -> None:
        """Return once the record of that ticket is written (and synced, if durable)."""
        with self._writing:
            if self._written >= ticket:
                return
            with self._lock:
                lines, self._waiting = self._waiting, []
                upto = self._put_down
            self._file.write(b"".join(lines))
            if self._durable:
                os.fsync(self._file.fileno())
            self._written = upto

    def append(self, record: dict[str, Any]) -> None:
        """Put a record down and wait for it."""
        self.wait(self.put_down(record))

    def close(self) -> None:
        """Close the file; nothing may be appended afterwards."""
        self._file.close()


class Ledger:
    """Everything that arrived at any stand-in, as it arrived, before any de-duplication.

    An entry is `{seq, at, partner, operation, our_ref, to, text, outcome, request_ref, detail}`; `seq` grows by one and
    goes on after a restart.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path, durable=True)
        self._lock = threading.Lock()
        self._entries = list(self._journal.read())
        self._next = max((entry["seq"] for entry in self._entries), default=0) + 1

    def append(
        self,
        *,
        partner: str,
        operation: str,
        our_ref: str,
        to: str,
        text: str,
        outcome: str,
        request_ref: str,
        detail: dict[str, Any],
    ) -> dict[str, Any]:
        """Write one arrival and return it; it is on disk when this returns."""
        with self._lock:
            entry = {
                "seq": self._next,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "partner": partner,
                "operation": operation,
                "our_ref": our_ref,
                "to": to,
                "text": text,
                "outcome": outcome,
                "request_ref": request_ref,
                "detail": detail,
            }
            self._next += 1
            ticket = self._journal.put_down(entry)
            self._entries.append(entry)
        self._journal.wait(ticket)
        return entry

    def entries(self, partner: str = "", after: int = 0) -> list[dict[str, Any]]:
        """Return the entries after a sequence number, of one partner or of all, oldest first."""
        with self._lock:
            # Sequence numbers have no gaps, so the place in the list follows from the number.
            first = self._entries[0]["seq"] if self._entries else 1
            found = self._entries[max(0, after - first + 1) :]
        return [entry for entry in found if not partner or entry["partner"] == partner]

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


class State:
    """The world that the stand-ins play: named tables of JSON values by key, surviving a restart.

    Values are replaced, never changed in place: what `get` returns must not be altered by the caller.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._tables: dict[str, dict[str, Any]] = {}
        if path.exists():
            journal = Journal(path, durable=False)
            for record in journal.read():
                self._apply(record)
            journal.close()
            self._compact(path)
        self._journal = Journal(path, durable=False)

    def _compact(self, path: Path) -> None:
        """Rewrite the file with the present values only, so that it doesn't grow with every start."""
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as out:
            for table, rows in self._tables.items():
                for key, value in rows.items():
                    out.write(json.dumps({"table": table, "key": key, "value": value}, ensure_ascii=False) + "\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.chmod(0o600)
        fresh.replace(path)

    def _apply(self, record: dict[str, Any]) -> None:
        rows = self._tables.setdefault(record["table"], {})
        if "value" in record:
            rows[record["key"]] = record["value"]
        else:
            rows.pop(record["key"], None)

    @property
    def lock(self) -> threading.RLock:
        """Held by whoever reads, decides and writes."""
        return self._lock

    def put(self, table: str, key: str, value: Any) -> None:
        """Set one value."""
        with self._lock:
            record = {"table": table, "key": key, "value": value}
            self._apply(record)
            self._journal.append(record)

    def delete(self, table: str, key: str) -> bool:
        """Remove one value; tell whether there was one."""
        with self._lock:
            if key not in self._tables.get(table, {}):
                return False
            record = {"table": table, "key": key}
            self._apply(record)
            self._journal.append(record)
            return True

    def get(self, table: str, key: str) -> Any:
        """Return a value or None."""
        with self._lock:
            return self._tables.get(table, {}).get(key)

    def rows(self, table: str) -> dict[str, Any]:
        """Return a copy of a table, in the order of first writing."""
        with self._lock:
            return dict(self._tables.get(table, {}))

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        with self._lock:
            return len(self._tables.get(table, {}))

    def next_number(self, name: str) -> int:
        """Return 1, 2, 3 … under that name, never the same twice, also after a restart."""
        with self._lock:
            number = int(self._tables.get("numbers", {}).get(name, 0)) + 1
            self.put("numbers", name, number)
            return number

    def close(self) -> None:
        """Close the file."""
        self._journal.close()
