"""Who may import whom is held by contracts; each of them catches what it is there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("citizen_services", "workflows", "notifications", "deploy")
# A contract by the beginning of its name, a file, and an import that must not stand in it.
PLANTED = [
    ("The rooms of the platform", "citizen_services/people/planted.py", "import citizen_services.cases.operations"),
    ("The rooms of the platform", "citizen_services/portal/planted.py", "import citizen_services.console"),
    ("The rooms of the platform", "citizen_services/printing/planted.py", "import citizen_services.people.models"),
    ("The rooms of the platform", "citizen_services/a_new_room/__init__.py", ""),
    ("The stand-ins know nothing", "citizen_services/sandbox/planted.py", "import citizen_services.people.models"),
    ("Nobody knows that the outside", "citizen_services/exchange/planted.py", "import citizen_services.sandbox"),
    ("The platform knows no service", "citizen_services/cases/planted.py", "import workflows"),
    ("Services and channels", "workflows/planted.py", "import notifications.outbox"),
    ("Only the composition root", "notifications/planted.py", "import app"),
    ("Rules are pure", "citizen_services/rules/planted.py", "import flask"),
    ("The client that walks", "citizen_services/journey.py", "import citizen_services.settings"),
]


def broken_contracts(root: Path) -> set[str]:
    """Names of the contracts that a checkout breaks."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = {line.rpartition(" BROKEN")[0].strip() for line in done.stdout.splitlines() if " BROKEN" in line}
    assert (done.returncode == 0) == (not broken), done.stdout + done.stderr
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return broken


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code, to plant faults in."""
    root = tmp_path_factory.mktemp("rooms")
    for package in PACKAGES:
        only_code = shutil.ignore_patterns("__pycache__", "static", "templates", "vendor")
        shutil.copytree(ROOT / package, root / package, ignore=only_code)
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    return root


def test_the_house_keeps_its_contracts_and_each_has_a_planted_fault(house: Path) -> None:
    assert broken_contracts(house) == set()
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        assert any(contract["name"].startswith(name) for name, _, _ in PLANTED), contract["name"]


@pytest.mark.parametrize(("name", "file", "line"), PLANTED)
def test_an_import_that_must_not_be_is_caught(house: Path, name: str, file: str, line: str) -> None:
    path = house / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{line}\n{before or ''}")
    try:
        assert any(broken.startswith(name) for broken in broken_contracts(house))
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
        if path.name == "__init__.py":
            path.parent.rmdir()
