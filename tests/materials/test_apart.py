"""The process that decodes: bounded in memory and time, without anything to open, and not believed."""

from __future__ import annotations

import ast
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from citizen_services.materials import decode as decoding
from citizen_services.materials.decode import Bounds, Picture, decode
from citizen_services.materials.errors import Busy, TooHard
from citizen_services.materials.judge import Judged, judge
from tests.house import ROOT
from tests.materials import pictures as make


def taken(file: bytes) -> Picture:
    """What is kept of a file."""
    return decode(file, judge(file))


def decoders() -> list[psutil.Process]:
    """The decoding processes of this one that live; the sandbox and other servers of the tests are not among them."""
    return [one for one in psutil.Process().children() if _decodes(one)]


def _decodes(one: psutil.Process) -> bool:
    try:
        return Path(decoding._SCRIPT).name in {Path(word).name for word in one.cmdline()}
    except psutil.NoSuchProcess:
        # Ended while it was looked at.
        return False


def test_an_honest_looking_bomb_is_killed_by_memory_or_time() -> None:
    # 25 million pixels with four channels of 16 bits: allowed by its header, and more than the bound given here.
    bomb = make.png_of_zeros(5000, 5000, 16, 6)
    assert len(bomb) < 1_000_000
    with pytest.raises(TooHard):
        decode(bomb, judge(bomb), Bounds(memory=150 * 1024 * 1024))
    scans = make.scan_bomb()
    begun = time.monotonic()
    with pytest.raises(TooHard):
        decode(scans, judge(scans), Bounds(cpu_s=1))
    assert time.monotonic() - begun < 8
    begun = time.monotonic()
    with pytest.raises(TooHard) as refused:
        decode(scans, judge(scans), Bounds(wall_s=0.5))
    assert time.monotonic() - begun < 8
    assert "普通拍照模式" in refused.value.sentence
    assert not decoders()


_GROWTH = """
import sys
sys.path.insert(0, {root!r})
from citizen_services.materials.decode import Bounds, decode
from citizen_services.materials.errors import MaterialError
from citizen_services.materials.judge import judge, Judged
def most():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
files = [open(name, "rb").read() for name in sys.argv[2:]]
if sys.argv[1] == "planted":
    import io
    from PIL import Image
    Image.MAX_IMAGE_PIXELS = None
before = most()
for file in files:
    if sys.argv[1] == "planted":
        Image.open(io.BytesIO(file)).load()
        continue
    for judged in (judge(file), Judged("png", 640, 480)):
        try:
            decode(file, judged, Bounds(wall_s=10))
        except MaterialError as refused:
            print(type(refused).__name__, file=sys.stderr)
print(most() - before)
"""


def test_a_bomb_takes_no_memory_of_the_process_that_serves_people(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(make.png_of_zeros(5000, 5000, 8, 6))

    def growth(how: str) -> int:
        script = _GROWTH.format(root=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", script, how, str(bomb)], capture_output=True, text=True, check=True, timeout=60
        )
        return int(done.stdout)

    assert growth("apart") < 20 * 1024
    # Planted: decoding it here is what this test would see.
    assert growth("planted") > 90 * 1024


def test_no_more_than_two_are_decoded_at_once_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    file = make.encoded(make.paper(4000, 3000).convert("RGBA"), "PNG")
    done: list[Picture] = []
    threads = [threading.Thread(target=lambda: done.append(taken(file))) for _ in range(5)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(decoders()))
        time.sleep(0.005)
    assert len(done) == 5
    assert most == 2
    monkeypatch.setattr(decoding, "PATIENCE_S", 0.1)
    monkeypatch.setattr(decoding, "_places", threading.BoundedSemaphore(1))
    with decoding._place(), pytest.raises(Busy) as refused:
        taken(file)
    assert "请稍等几秒" in refused.value.sentence
    assert taken(file).width == 2400


_CONFINED = """
import resource, socket, sys
sys.path.insert(0, {root!r})
from citizen_services.materials.decoder import confine
confine(300 * 1024 * 1024, 5)
for what in (lambda: socket.socket(), lambda: open("/etc/hostname"), lambda: open("/tmp/x", "w"),
             lambda: __import__("os").pipe(), lambda: bytearray(400 * 1024 * 1024)):
    try:
        what()
        print("did it")
    except (OSError, MemoryError) as fault:
        print(type(fault).__name__)
print(resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_the_decoding_process_can_open_nothing_and_knows_nothing_of_the_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = _CONFINED.format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines() == ["OSError"] * 4 + ["MemoryError", "(0, 0)"]
    monkeypatch.setenv("SECRET_KEY", "known-to-the-parent")
    code, said = _planted(
        monkeypatch, tmp_path, "import os, sys\nsys.stdout.write(repr(dict(os.environ)) + os.getcwd())"
    )
    assert code == 0
    assert b"known-to-the-parent" not in said
    assert said.endswith(b"/")
    assert set(ast.literal_eval(said[:-1].decode())) <= {"MALLOC_ARENA_MAX", "LC_ALL", "LC_CTYPE"}


def _planted(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> tuple[int, bytes]:
    """Run another script in the decoder's place: what a decoder does that was taken over by a file."""
    path = folder / "planted.py"
    path.write_text(script)
    monkeypatch.setattr(decoding, "_SCRIPT", path)
    return decoding._run(bytes(5_000_000), Judged("jpeg", 640, 480), Bounds(wall_s=5))


_TAKEN_OVER: dict[str, tuple[str, Callable[[int, bytes], bool]]] = {
    "answers without end": (
        "import sys\nsys.stdin.buffer.read()\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))",
        lambda code, said: code == -9 and len(said) <= 14 * 1024 * 1024,
    ),
    "reads nothing": ("import sys\nsys.exit(3)", lambda code, said: code == 3 and not said),
    "closes its ears and waits": (
        "import os, time\nos.close(0)\nos.close(1)\ntime.sleep(60)",
        lambda code, said: code == -9 and not said,
    ),
}


@pytest.mark.parametrize("what", _TAKEN_OVER)
def test_a_decoder_that_was_taken_over_is_ended(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, expected = _TAKEN_OVER[what]
    begun = time.monotonic()
    code, said = _planted(monkeypatch, tmp_path, script)
    assert expected(code, said), (code, len(said))
    assert time.monotonic() - begun < 10
    assert not decoders()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"GIF89a",
        b"\0\0\2\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" + b"<svg",
        b"\0\0\2\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 3,
        b"\0\1\0\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 2,
        b"\0\0\0\0" * 2 + b"\0\0\0\x04" * 2 + b"\xff\xd8\xff\xe0" * 2,
    ],
)
def test_an_answer_that_is_none_is_not_believed(answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "planted.py"
    path.write_text(f"import sys\nsys.stdin.buffer.read()\nsys.stdout.buffer.write({answer!r})")
    monkeypatch.setattr(decoding, "_SCRIPT", path)
    with pytest.raises(TooHard):
        decode(b"anything", Judged("jpeg", 640, 480))
