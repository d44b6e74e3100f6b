"""What a running installation tells: run.json for programs, a page of words for people."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.places import Places
from deploy.serving import write_private
from deploy.supervision import Status


def children(pid: int) -> list[int]:
    """Process ids of a server's own workers."""
    try:
        return sorted(child.pid for child in psutil.Process(pid).children())
    except (psutil.Error, ValueError):
        return []


def commit_of(root: Path) -> str | None:
    """The commit that is checked out; None without git or outside a checkout."""
    try:
        # Somebody else's checkout (root in a user's folder) is read all the same: nothing of it is run.
        command = ["git", "-c", f"safe.directory={root}", "rev-parse", "HEAD"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


def staff_of(var_dir: Path) -> list[dict[str, Any]]:
    """Demo staff with their passwords, as the demo data's loader wrote them down."""
    try:
        staff: list[dict[str, Any]] = json.loads((var_dir / "staff.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return staff


def write_run_file(root: Path, places: Places, statuses: Sequence[Status], database_url: str, redis_url: str) -> None:
    """Write run.json (mode 0600) anew, whole or not at all. `web[0]` is the server's master, its workers follow."""

    def pids(program: str) -> list[int]:
        return [status.pid for status in statuses if status.program == program and status.pid]

    masters = pids("web")
    content = {
        "web_url": places.web_url,
        "sandbox_url": places.sandbox_url,
        "database_url": database_url,
        "redis_url": redis_url,
        "pids": {
            "web": [*masters, *(child for master in masters for child in children(master))],
            "workers": pids("worker"),
            "scheduler": pids("scheduler"),
            "sandbox": pids("sandbox"),
            "postgres": next(iter(pids("postgres")), None),
            "redis": next(iter(pids("redis")), None),
        },
        "staff": staff_of(places.var_dir),
        "commit": commit_of(root),
    }
    write_private(places.var_dir / "run.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def announce(places: Places) -> None:
    """Tell the person at the terminal where to look and how to log in."""
    lines = [
        "",
        "Running. Ctrl-C stops everything.",
        "",
        f"  Citizens' pages   {places.web_url}/h5/",
        f"  Staff console     {places.web_url}/console/login",
        f"  Sandbox (phone)   {places.sandbox_url}/",
        f"  Logs              {places.var_dir / 'log'}",
        "",
        "See the whole story: .venv/bin/python app.py journey",
    ]
    staff = staff_of(places.var_dir)
    if staff:
        rows = [
            (person["login"], person["password"], ", ".join(person["roles"]), person["standing"], person["office"])
            for person in staff
        ]
        head = ("login", "password", "roles", "standing", "office")
        widths = [max(len(str(row[column])) for row in (head, *rows)) for column in range(len(head))]
        lines += ["", "Demo staff of the console:"]
        lines += [
            "  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (head, *rows)
        ]
    print("\n".join(lines), flush=True)
