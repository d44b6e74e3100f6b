"""What a file's header says, before anything is decoded."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from citizen_services.materials.errors import (
    MaterialError,
    NothingSent,
    TooLarge,
    TooSmall,
    Unreadable,
    WrongKind,
)
from citizen_services.materials.judge import MOST_BYTES, Judged, judge
from tests.materials import pictures as make

JPEG, PNG, HEIC = make.jpeg(), make.encoded(make.paper(), "PNG"), make.heic()


def test_photos_are_told_by_their_first_bytes_with_their_pixels() -> None:
    assert judge(JPEG) == Judged("jpeg", 640, 480)
    assert judge(make.jpeg(progressive=True, exif=make.exif(6))) == Judged("jpeg", 640, 480)
    assert judge(make.mpo()) == Judged("jpeg", 640, 480)
    assert judge(PNG) == Judged("png", 640, 480)
    assert judge(HEIC) == Judged("heic", 640, 480)
    assert judge(make.heic(1230, 1024)).width >= 1230


_OTHERS: dict[str, tuple[bytes, type[MaterialError], str]] = {
    "nothing": (b"", NothingSent, "没有收到照片"),
    "too many bytes": (JPEG + bytes(MOST_BYTES), TooLarge, "10MB"),
    "a PDF": (b"%PDF-1.7\n" + bytes(200), WrongKind, "PDF"),
    "a PDF behind a line": (b"\n\n%PDF-1.4\n", WrongKind, "PDF"),
    "a PDF that says it is an archive": (b"PK\x03\x04" + bytes(90) + b"%PDF-1.4", WrongKind, "PDF"),
    "a GIF": (make.encoded(make.paper(), "GIF"), WrongKind, "GIF"),
    "a WebP": (make.encoded(make.paper(), "WEBP"), WrongKind, "JPG"),
    "a BMP": (make.encoded(make.paper(), "BMP"), WrongKind, "JPG"),
    "an archive": (make.zip_file(), WrongKind, "JPG"),
    "an archive before a photo": (make.zip_file() + JPEG, WrongKind, "JPG"),
    "a page": (b"<svg onload=alert(1)>", WrongKind, "JPG"),
    "a film": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", WrongKind, "JPG"),
    "an AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", WrongKind, "JPG"),
    "a burst": (b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc", WrongKind, "动图"),
    "an animated PNG": (make.animated_png(), WrongKind, "动图"),
    "a strip": (make.png_of_zeros(640, 20), TooSmall, "太小"),
    "one pixel": (make.jpeg(1, 1), TooSmall, "太小"),
    "no pixels": (JPEG[: JPEG.index(b"\xff\xc0") + 5] + b"\0\0\0\0" + JPEG[JPEG.index(b"\xff\xc0") + 9 :],
                  Unreadable, "打不开"),
    "a PNG of a gigapixel": (make.png_of_zeros(32_000, 32_000, 1, 0), TooLarge, "PNG"),
    "a PNG just too large": (make.png_of_zeros(5001, 5000, 1, 0), TooLarge, "PNG"),
    "a JPEG of 4 gigapixels": (JPEG[: JPEG.index(b"\xff\xc0") + 5] + b"\xff\xff\xff\xff"
                               + JPEG[JPEG.index(b"\xff\xc0") + 9 :], TooLarge, "尺寸"),
    "a HEIC that says to be large": (HEIC.replace(struct.pack(">II", 640, 480), struct.pack(">II", 9000, 9000)),
                                     TooLarge, "尺寸"),
    "a long thin JPEG": (make.jpeg(31_000, 101), TooLarge, "尺寸"),
    "a JPEG without a picture": (JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :], Unreadable, "打不开"),
    "a JPEG of a thousand empty segments": (JPEG[:2] + b"\xff\xe1\0\2" * 100_000 + JPEG[2:], Unreadable, "打不开"),
    "a segment of no length": (JPEG[:2] + b"\xff\xe1\0\0" + JPEG[2:], Unreadable, "打不开"),
    "a HEIC whose boxes have no end": (HEIC[:24] + b"\0\0\0\x08free" * 100_000, Unreadable, "打不开"),
    "a HEIC without pictures": (HEIC[:40], Unreadable, "打不开"),
    "a PNG without a header": (b"\x89PNG\r\n\x1a\n" + make.chunk(b"IDAT", zlib.compress(b"0")), Unreadable, "打不开"),
    "a PNG of empty chunks": (make.png_with(make.chunk(b"tEXt", b"") * 100_000), Unreadable, "打不开"),
}  # fmt: skip


@pytest.mark.parametrize("what", _OTHERS)
def test_anything_else_is_refused_at_once_with_what_to_do(what: str) -> None:
    file, error, words = _OTHERS[what]
    begun = time.process_time()
    with pytest.raises(error) as refused:
        judge(file)
    assert words in refused.value.sentence
    assert refused.value.sentence.endswith("。")
    assert time.process_time() - begun < 0.5


def _judged(file: bytes) -> Judged | None:
    """Only a verdict or a refusal comes out, whatever goes in."""
    try:
        return judge(file)
    except MaterialError:
        return None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([JPEG, PNG, HEIC, make.mpo()]), st.data())
def test_no_altered_or_shortened_file_makes_judging_fail_otherwise(file: bytes, data: st.DataObject) -> None:
    altered = bytearray(file[: data.draw(st.integers(0, len(file)))])
    for _ in range(data.draw(st.integers(0, 8))):
        if altered:
            # Where headers stand.
            altered[data.draw(st.integers(0, min(len(altered), 600) - 1))] = data.draw(st.integers(0, 255))
    judged = _judged(bytes(altered))
    assert judged is None or judged.width * judged.height <= 60_000_000


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"]), st.binary()
)
def test_no_bytes_at_all_make_judging_fail_otherwise(first: bytes, rest: bytes) -> None:
    judged = _judged(first + rest)
    assert judged is None or min(judged.width, judged.height) >= 100
