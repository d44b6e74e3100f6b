"""Photos as phones make them, and files that mean harm; all made here."""

from __future__ import annotations

import functools
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pillow_heif
from PIL import Image, ImageCms, ImageDraw

pillow_heif.register_heif_opener()

#: Where a picture of ``paper`` is red, and only there: the upper left.
RED, WHITE = (200, 30, 30), (245, 245, 245)
PLACE = "宁波市奉化区岳林街道"


def paper(width: int = 640, height: int = 480) -> Image.Image:
    """A white paper with lines and a red mark in its upper left corner."""
    picture = Image.new("RGB", (width, height), WHITE)
    draw = ImageDraw.Draw(picture)
    for y in range(height // 2, height, max(8, height // 20)):
        draw.line((width // 4, y, width - width // 4, y), fill=(20, 20, 20), width=2)
    draw.rectangle((0, 0, width // 4, height // 4), fill=RED)
    return picture


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file."""
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def jpeg(width: int = 640, height: int = 480, **options: Any) -> bytes:
    """A paper as JPEG."""
    return encoded(paper(width, height), "JPEG", **options)


def heic(width: int = 640, height: int = 480) -> bytes:
    """A paper as an iPhone keeps it."""
    return encoded(paper(width, height), "HEIF", quality=60, enc_params={"preset": "ultrafast"})


@functools.cache
def noisy(kind: str) -> bytes:
    """A photo of nothing, which doesn't compress."""
    picture = Image.effect_noise((800, 600), 80).convert("RGB")
    if kind == "heic":
        return encoded(picture, "HEIF", enc_params={"preset": "ultrafast"})
    return encoded(picture, kind.upper())


def exif(orientation: Any = 1) -> bytes:
    """What cameras say beside the pixels: how they were held, where, who."""
    said = Image.Exif()
    said[0x0112] = orientation
    said[0x010F] = "PhoneMaker"
    said[0x013B] = PLACE
    said.get_ifd(0x8825).update({1: "N", 2: (29.0, 39.0, 20.0), 3: "E", 4: (121.0, 24.0, 6.0)})
    return said.tobytes()


def held(turn: int) -> bytes:
    """A paper whose pixels lie as a camera that was held so stores them; upright it is 640×480."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = paper().transpose(back[turn]) if turn in back else paper()
    return encoded(stored, "JPEG", exif=exif(turn), quality=95)


def with_segment(file: bytes, marker: int, content: bytes) -> bytes:
    """A JPEG with a segment more, right at its beginning."""
    return file[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + file[2:]


def with_profile(profile: bytes) -> bytes:
    """A JPEG whose colour profile is that, in as many segments as it takes."""
    return jpeg(icc_profile=profile)


def srgb_profile() -> bytes:
    """A small, honest colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def zip_file(name: str = "payload.html", content: bytes = b"<script>alert(1)</script>") -> bytes:
    """An archive, as it may stand behind a photo."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, content)
    return written.getvalue()


def mpo() -> bytes:
    """Two pictures in one JPEG, as cameras with depth write them; the second one is blue."""
    return encoded(paper(), "MPO", save_all=True, append_images=[Image.new("RGB", (640, 480), "blue")])


def two_heic() -> bytes:
    """Two pictures in one HEIC; the second one is blue."""
    return encoded(paper(), "HEIF", save_all=True, append_images=[Image.new("RGB", (640, 480), "blue")])


def animated_png() -> bytes:
    """A PNG that moves."""
    return encoded(paper(), "PNG", save_all=True, append_images=[Image.new("RGB", (640, 480), "blue")])


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, bits: int = 8, colours: int = 2) -> bytes:
    """A PNG's first chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))


def compressed_zeros(number: int) -> bytes:
    """So many zero bytes, compressed, without ever holding them all."""
    step = 1 << 20
    return b"".join(_deflate(b"\0" * min(step, number - done) for done in range(0, number, step)))


def _deflate(parts: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()


def png_of_zeros(width: int, height: int, bits: int = 8, colours: int = 2) -> bytes:
    """A black PNG of any size: a bomb, since zeros compress a thousandfold."""
    channels = {0: 1, 2: 3, 6: 4}[colours]
    rows = height * (1 + (width * channels * bits + 7) // 8)
    body = chunk(b"IDAT", compressed_zeros(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header(width, height, bits, colours) + body


def png_with(*chunks: bytes) -> bytes:
    """An honest PNG with chunks more behind its header."""
    file = encoded(paper(), "PNG")
    return file[:33] + b"".join(chunks) + file[33:]


def scan_bomb(side: int = 7000, times: int = 4000) -> bytes:
    """A progressive JPEG that draws its empty picture again and again, a million blocks in some bytes."""
    file = encoded(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last = file[file.rindex(b"\xff\xda") : -2]
    return file[:-2] + last * times + b"\xff\xd9"


def noise(number: int, seed: int = 7) -> bytes:
    """Bytes that mean nothing and don't compress."""
    return random.Random(seed).randbytes(number)
