"""What the browser tests need beyond Python packages: Chromium, and a font with Chinese characters.

`python -m deploy.testing_tools` brings what is missing: by apt-get as root, else by apt-get's download and unpacking
into .browsers/ without root; where there is no apt-get it says in one sentence what to install. It prints the browser's
path, which the tests get as CHROMIUM.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNPACKED = ROOT / ".browsers"
UNPACKED_CHROMIUM = UNPACKED / "chromium"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Missing(RuntimeError):
    """Something that the tests need is not on this machine; the message says how to bring it."""


@dataclass(frozen=True)
class Need:
    """One thing the tests need: the package that brings it, what people call it."""

    package: str
    title: str

    def here(self) -> bool:
        """Whether this machine has it, or .browsers/ does."""
        if self.package == "chromium":
            return _found_chromium() is not None
        return _has_chinese_font()


NEEDS = (
    Need("chromium", "Chromium"),
    Need("fonts-noto-cjk", "a font with Chinese characters (Noto Sans CJK)"),
)


def _found_chromium() -> Path | None:
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named)
    if UNPACKED_CHROMIUM.exists():
        return UNPACKED_CHROMIUM
    for name in _BROWSERS:
        found = shutil.which(name)
        # Ubuntu's package is a door to snap, which tests can't use.
        if found and "snap" not in Path(found).resolve().parts and not _is_snap_door(Path(found)):
            return Path(found)
    return None


def _is_snap_door(path: Path) -> bool:
    with open(path, "rb") as file:
        return b"snap" in file.read(2000) and path.stat().st_size < 10_000


def _has_chinese_font() -> bool:
    if (UNPACKED / "usr" / "share" / "fonts").exists():
        return True
    fc_list = shutil.which("fc-list")
    if fc_list is None:
        return any(Path("/usr/share/fonts").rglob("*CJK*"))
    said = subprocess.run([fc_list, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False)
    return bool(said.stdout.strip())


def chromium() -> Path:
    """The browser's path. Raises Missing."""
    found = _found_chromium()
    if found is None:
        raise Missing("Chromium is not on this machine: run make setup-dev, or name it in CHROMIUM.")
    return found


def _run(argv: list[str], cwd: Path | None = None) -> str:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=env,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode != 0:
        raise Missing(f"{' '.join(argv[:4])} … ended with {done.returncode}:\n{done.stdout[-1500:]}")
    return done.stdout


def _install_as_root(packages: list[str]) -> None:
    _run(["apt-get", "update"])
    _run(["apt-get", "install", "--yes", "--no-install-recommends", *packages])


def _unpack_without_root(packages: list[str]) -> None:
    """Download the packages and what they need beyond the installed ones, and unpack them into .browsers/."""
    state = UNPACKED / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    own = [f"-oDir::State::lists={state / 'lists'}", f"-oDir::Cache={state / 'cache'}", "-oDebug::NoLocking=1"]
    _run(["apt-get", *own, "update"])
    plan = _run(["apt-get", *own, "--simulate", "--no-install-recommends", "install", *packages])
    wanted = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    archives = state / "debs"
    archives.mkdir(exist_ok=True)
    _run(["apt-get", *own, "download", *wanted], cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(archive), str(UNPACKED)])
    triplet = f"{platform.machine()}-linux-gnu"
    folders = [UNPACKED / "usr" / "lib" / triplet, UNPACKED / "lib" / triplet]
    binary = UNPACKED / "usr" / "lib" / "chromium" / "chromium"
    if binary.exists():
        UNPACKED_CHROMIUM.write_text(
            "#!/bin/sh\n"
            f"export LD_LIBRARY_PATH={shlex.quote(os.pathsep.join(map(str, folders)))}\n"
            f"export FONTCONFIG_FILE={shlex.quote(str(UNPACKED / 'fonts.conf'))}\n"
            f'exec {shlex.quote(str(binary))} "$@"\n'
        )
        UNPACKED_CHROMIUM.chmod(0o755)
    (UNPACKED / "fonts.conf").write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        f"  <dir>{UNPACKED / 'usr' / 'share' / 'fonts'}</dir>\n  <dir>/usr/share/fonts</dir>\n"
        f"  <cachedir>{UNPACKED / 'fontcache'}</cachedir>\n"
        '  <include ignore_missing="yes">/etc/fonts/conf.d</include>\n</fontconfig>\n'
    )
    shutil.rmtree(state)


def bring() -> None:
    """Bring what is missing. Raises Missing with one sentence of what to install by hand."""
    lacking = [need for need in NEEDS if not need.here()]
    if not lacking:
        return
    packages = [need.package for need in lacking]
    titles = ", ".join(need.title for need in lacking)
    by_hand = f"The browser tests need {titles}; install it (on Debian: apt-get install {' '.join(packages)})."
    if shutil.which("apt-get") is None:
        raise Missing(by_hand)
    print(f"Installing for the browser tests: {titles} …", file=sys.stderr, flush=True)
    try:
        if os.geteuid() == 0:
            _install_as_root(packages)
        else:
            _unpack_without_root(packages)
    except Missing as error:
        raise Missing(f"{error}\n{by_hand}") from None
    still = [need.title for need in lacking if not need.here()]
    if still:
        raise Missing(by_hand)


if __name__ == "__main__":
    try:
        bring()
        print(chromium())
    except Missing as error:
        print(error, file=sys.stderr)
        sys.exit(1)
