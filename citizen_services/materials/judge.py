"""Judging a file by its size and header, before anything is decoded.

Only what stands at fixed places or in short chains is read here, with every step bounded; the decoder checks again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from citizen_services.materials.errors import NothingSent, TooLarge, TooSmall, Unreadable, WrongKind

MOST_BYTES = 10 * 1024 * 1024
Kind = Literal["jpeg", "png", "heic"]
#: A PNG is decoded as a whole, a JPEG at a fraction of its size; phones' cameras make JPEG and HEIC.
MOST_PIXELS: dict[Kind, int] = {"jpeg": 60_000_000, "png": 25_000_000, "heic": 60_000_000}
#: A strip of 60 million pixels by one is no photo; the sides that JPEG can name are no larger either.
LONGEST_SIDE = 30_000
SHORTEST_SIDE = 100
#: A 48-megapixel HEIC has some 400 tiles; libheif's own limit is the same.
_MOST_ITEMS = 1000
#: Segments, chunks and boxes that are read before giving up.
_MOST_STEPS = 4096

_JPEG, _PNG, _PDF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-"
#: Still pictures coded as HEVC (ISO/IEC 23008-12, annex B); ``hevc`` and ``msf1`` alone are sequences.
_STILL = {b"heic", b"heix", b"heim", b"heis"}
_SEQUENCES = {b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"}
#: Start of frame: every coding but DHT (C4), JPG (C8) and DAC (CC), which share the range (ITU-T T.81, table B.1).
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_PDF_SENTENCE = "暂时不能上传 PDF 文件，请把每一页拍成照片，一张一张上传。"
_MOVING_SENTENCE = "这是动图，请上传一张静止的照片。"
_PIXELS_SENTENCE = "这张照片的尺寸太大，请用手机的普通拍照模式重新拍一张。"
_SCREENSHOT_SENTENCE = "这张 PNG 图片的尺寸太大，请用手机拍照，或另存为 JPG 格式后上传。"


@dataclass(frozen=True)
class Judged:
    """What a file's header says: its kind, and its pixels as stored (before it is turned upright)."""

    kind: Kind
    width: int
    height: int


def judge(file: bytes) -> Judged:
    """The kind and size of a photo that may be decoded; raises a MaterialError with what to do otherwise."""
    if not file:
        raise NothingSent
    if len(file) > MOST_BYTES:
        raise TooLarge
    # Readers find a PDF's mark anywhere in the first kilobyte, so this is a PDF to whoever opens it.
    if _PDF in file[:1024] and not file.startswith((_JPEG, _PNG)):
        raise WrongKind(_PDF_SENTENCE)
    try:
        judged = _header(file)
    except (struct.error, IndexError) as fault:
        raise Unreadable from fault
    if min(judged.width, judged.height) < 1:
        raise Unreadable
    too_many = judged.width * judged.height > MOST_PIXELS[judged.kind]
    if too_many or max(judged.width, judged.height) > LONGEST_SIDE:
        raise TooLarge(_SCREENSHOT_SENTENCE if judged.kind == "png" else _PIXELS_SENTENCE)
    if min(judged.width, judged.height) < SHORTEST_SIDE:
        raise TooSmall
    return judged


def _header(file: bytes) -> Judged:
    if file.startswith(_JPEG):
        return _jpeg(file)
    if file.startswith(_PNG):
        return _png(file)
    if file[4:8] == b"ftyp":
        return _heic(file)
    if file[:6] in (b"GIF87a", b"GIF89a"):
        raise WrongKind("不能上传 GIF 图片，请用手机拍照后上传。")
    raise WrongKind


def _jpeg(file: bytes) -> Judged:
    at = 2
    for _ in range(_MOST_STEPS):
        if file[at] != 0xFF:
            raise Unreadable
        while file[at] == 0xFF:
            at += 1
        marker = file[at]
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        # The picture's data, or its end, before its size was told.
        if marker in (0xD8, 0xD9, 0xDA, 0x00):
            raise Unreadable
        (length,) = struct.unpack_from(">H", file, at)
        if length < 2:
            raise Unreadable
        if marker in _START_OF_FRAME:
            bits, height, width, components = struct.unpack_from(">BHHB", file, at + 2)
            if bits != 8 or components not in (1, 3, 4):
                raise Unreadable
            return Judged("jpeg", width, height)
        at += length
    raise Unreadable


def _png(file: bytes) -> Judged:
    length, kind, width, height = struct.unpack_from(">I4sII", file, 8)
    if kind != b"IHDR" or length != 13:
        raise Unreadable
    at = 8
    for _ in range(_MOST_STEPS):
        length, kind = struct.unpack_from(">I4s", file, at)
        if kind == b"acTL":
            raise WrongKind(_MOVING_SENTENCE)
        # An animation announces itself before the picture's data.
        if kind == b"IDAT":
            return Judged("png", width, height)
        at += 12 + length
    raise Unreadable


def _heic(file: bytes) -> Judged:
    boxes = list(_boxes(file, 0, len(file)))
    start, end = next((start, end) for kind, start, end in boxes if kind == b"ftyp")
    brands = {file[start : start + 4]} | {file[at : at + 4] for at in range(start + 8, min(end, start + 264), 4)}
    if not brands & _STILL:
        raise WrongKind(_MOVING_SENTENCE if brands & _SEQUENCES else None)
    # A full box has four bytes of version and flags before its content.
    meta = [part for kind, a, b in boxes if kind == b"meta" for part in _boxes(file, a + 4, b)]
    for kind, a, _ in meta:
        if kind == b"iinf":
            (items,) = struct.unpack_from(">H" if file[a] == 0 else ">I", file, a + 4)
            if items > _MOST_ITEMS:
                raise TooLarge(_PIXELS_SENTENCE)
    properties = [part for kind, a, b in meta if kind == b"iprp" for part in _boxes(file, a, b)]
    sizes = [
        struct.unpack_from(">II", file, at + 4)
        for kind, a, b in properties
        if kind == b"ipco"
        for inner, at, _ in _boxes(file, a, b)
        if inner == b"ispe"
    ]
    if not sizes:
        raise Unreadable
    # The largest of its pictures (whole, tiles, thumbnails): none may be larger than what we decode.
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Judged("heic", width, height)


def _boxes(file: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two places of an ISO base media file: (kind, start and end of the content)."""
    for _ in range(_MOST_STEPS):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", file, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", file, start)
            start += 8
        after = end if size == 0 else at + size
        if after < start or after > end:
            raise Unreadable
        yield kind, start, after
        at = after
    raise Unreadable
