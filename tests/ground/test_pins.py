"""Libraries are pinned by hash and come from wherever the machine gets its packages."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from deploy import bootstrap, vendor

ROOT = Path(__file__).parents[2]
LISTS = ("requirements.txt", "requirements-dev.txt", "deploy/requirements-node.txt")


def faults_of_list(text: str) -> list[str]:
    """What is wrong with a list of pins: a package without version or hash, an address."""
    faults = [f"address: {line}" for line in text.splitlines() if "://" in line or line.startswith("-")]
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", text))
    for entry in filter(str.strip, entries):
        if not re.match(r"[A-Za-z0-9._-]+==\S+ ", entry) or "--hash=sha256:" not in entry:
            faults.append(f"not pinned by hash: {entry.splitlines()[0]}")
    return faults


def pinned(text: str) -> set[str]:
    """Names of the packages in a list."""
    return {re.sub(r"[._]", "-", name.lower()) for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", text)}


def faults_of_lock(lock: dict[str, dict[str, dict[str, str]]]) -> list[str]:
    """What is wrong with package-lock.json: an entry without integrity, one that names a host to fetch from."""
    entries = {name: entry for name, entry in lock["packages"].items() if name}
    return [name for name, entry in entries.items() if "integrity" not in entry or "resolved" in entry]


@pytest.mark.parametrize("name", LISTS)
def test_every_python_package_is_pinned_by_hash_and_by_no_address(name: str) -> None:
    assert faults_of_list((ROOT / name).read_text()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "flask==3.1.3\n",
        "flask>=3 \\\n    --hash=sha256:00\n",
        "--index-url https://packages.example/simple\nflask==3.1.3 \\\n    --hash=sha256:00\n",
    ],
)
def test_a_loose_pin_is_caught(planted: str) -> None:
    assert faults_of_list(planted)


def test_the_lists_hold_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(wanted: list[str]) -> set[str]:
        return {re.split(r"[\[~=<>]", one)[0].lower() for one in wanted}

    runtime, dev = (pinned((ROOT / name).read_text()) for name in LISTS[:2])
    assert names(project["dependencies"]) <= runtime <= dev
    assert names(project["optional-dependencies"]["dev"]) <= dev


def test_npm_packages_are_pinned_by_hash_and_by_no_host() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert len(lock["packages"]) > 5
    assert faults_of_lock(lock) == []
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text()
    planted = {
        "packages": {"": {}, "node_modules/weui": {"integrity": "sha512-x", "resolved": "https://npm.example/weui"}}
    }
    assert faults_of_lock(planted) == ["node_modules/weui"]


def test_served_libraries_are_whole_and_an_altered_file_is_noticed(tmp_path: Path) -> None:
    made_from = bootstrap._fingerprint(ROOT / "package-lock.json", Path(vendor.__file__))
    assert vendor.complete(ROOT, made_from)
    served = tmp_path / "citizen_services" / "static" / "vendor"
    shutil.copytree(ROOT / "citizen_services" / "static" / "vendor", served)
    assert not vendor.complete(tmp_path, made_from)
    printed = tmp_path / "citizen_services" / "printing" / "vendor"
    shutil.copytree(ROOT / "citizen_services" / "printing" / "vendor", printed)
    assert vendor.complete(tmp_path, made_from)
    assert not vendor.complete(tmp_path, "another recipe")
    (font,) = printed.glob("noto-sans-sc-*")
    assert "SIL Open Font License" in (font / "LICENSE").read_text(encoding="utf-8")
    for library in vendor.LIBRARIES:
        (folder,) = served.glob(f"{library.name}-*")
        assert (folder / "LICENSE").stat().st_size > 500
    planted = next(served.glob("htmx-*/htmx.min.js"))
    planted.write_text(planted.read_text() + ";alert(1)")
    assert not vendor.complete(tmp_path, made_from)


def test_the_js_sdk_keeps_its_module_to_itself() -> None:
    wrapped = vendor.wrap("module.exports = {config: 1};")
    assert wrapped.startswith("(function(){var module=")
    assert "window.wx=window.jWeixin=module.exports" in wrapped
