"""Decoding apart: a photo is never decoded in a process that serves people.

Another process gets the file and nothing else: no settings, no keys, no database, no network; it has bounded memory
and time, and what it answers is bounded and looked at before it is believed.
"""

from __future__ import annotations

import logging
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from citizen_services.materials.errors import Busy, TooHard, TooLarge, Unreadable
from citizen_services.materials.judge import MOST_PIXELS, Judged

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("decoder.py")
#: The script's exit codes (decoder.py, which is not imported here).
_UNREADABLE, _TOO_MANY_PIXELS, _OUT_OF_MEMORY = 3, 4, 5
_HEAD = struct.Struct(">IIII")
_LONGEST_SIDE, _MOST_ANSWER = 2400, 12 * 1024 * 1024
_JPEG = b"\xff\xd8\xff"

AT_ONCE = 2
#: How long somebody waits for one of the places, in seconds.
PATIENCE_S = 10.0
_places = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Bounds:
    """What decoding one photo may use: bytes of address space, seconds of processor, seconds until it is killed."""

    memory: int = 1024 * 1024 * 1024
    cpu_s: int = 10
    wall_s: float = 20.0


BOUNDS = Bounds()


@dataclass(frozen=True)
class Picture:
    """A photo as it is kept: upright JPEG without metadata, at most 2400 pixels a side, and its thumbnail."""

    photo: bytes
    thumbnail: bytes
    width: int
    height: int


def decode(file: bytes, judged: Judged, bounds: Bounds = BOUNDS, longest_side: int = _LONGEST_SIDE) -> Picture:
    """Re-encode a photo that was judged. Raises Unreadable, TooLarge, TooHard, or Busy after PATIENCE_S."""
    with _place():
        code, answer = _run(file, judged, bounds, longest_side)
    if code == 0:
        return _believed(answer, longest_side)
    if code == _UNREADABLE:
        raise Unreadable
    # What happened to others is for operators: limits that honest photos meet are too tight.
    log.warning("a %s of %d×%d was not decoded: exit %d", judged.kind, judged.width, judged.height, code)
    if code == _TOO_MANY_PIXELS:
        raise TooLarge("这张照片的尺寸太大，请用手机的普通拍照模式重新拍一张。")
    raise TooHard


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(timeout=PATIENCE_S):
        raise Busy
    try:
        yield
    finally:
        _places.release()


def _run(file: bytes, judged: Judged, bounds: Bounds, longest_side: int = _LONGEST_SIDE) -> tuple[int, bytes]:
    """Exit code (negative: the signal that ended it) and what was written, at most _MOST_ANSWER bytes."""
    given = [judged.kind, MOST_PIXELS[judged.kind], bounds.memory, bounds.cpu_s, longest_side]
    with subprocess.Popen(
        # Isolated: neither the environment nor the current folder changes what it loads.
        [sys.executable, "-I", str(_SCRIPT), *map(str, given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        # One arena: reserved but unused memory counts as address space.
        env={"MALLOC_ARENA_MAX": "1", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    ) as process:
        end = threading.Timer(bounds.wall_s, _kill, (process,))
        end.daemon = True
        end.start()
        try:
            # The script reads all before it writes anything, so neither waits for the other for ever.
            _feed(process, file)
            answer = _gather(process)
            if len(answer) > _MOST_ANSWER:
                _kill(process)
            return process.wait(), answer
        finally:
            end.cancel()
            _kill(process)


def _feed(process: subprocess.Popen[bytes], file: bytes) -> None:
    pipe, rest = process.stdin, memoryview(file)
    if pipe is None:
        raise ValueError("the decoder was started without a pipe")
    with pipe:
        try:
            while rest:
                rest = rest[os.write(pipe.fileno(), rest) :]
        except BrokenPipeError:
            log.warning("the decoder ended before it had read the file")


def _gather(process: subprocess.Popen[bytes]) -> bytes:
    if process.stdout is None:
        raise ValueError("the decoder was started without a pipe")
    parts, size = [], 0
    while size <= _MOST_ANSWER and (part := os.read(process.stdout.fileno(), 1 << 20)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)


def _believed(answer: bytes, longest_side: int = _LONGEST_SIDE) -> Picture:
    """The answer's parts, where it is one: the process that gave it had read a stranger's file."""
    if len(answer) < _HEAD.size:
        raise TooHard
    width, height, photo, thumbnail = _HEAD.unpack_from(answer)
    parts = answer[_HEAD.size : _HEAD.size + photo], answer[_HEAD.size + photo :]
    fits = len(parts[0]) == photo and len(parts[1]) == thumbnail
    if not fits or not 0 < max(width, height) <= longest_side or not all(part.startswith(_JPEG) for part in parts):
        log.warning("the decoder's answer of %d bytes is none", len(answer))
        raise TooHard
    return Picture(*parts, width, height)
