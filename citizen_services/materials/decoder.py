"""The process that decodes one photo and ends: run as a script, with nothing of the house in reach.

Reads the file on stdin and writes on stdout ``>IIII`` (width, height, bytes of the photo, bytes of the thumbnail)
and both as JPEG. Before it looks at the file it gives up memory, time, and the means to open anything: no file, no
socket. Exit codes: 0 done, else one of those below.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys

# What Pillow loads on demand (EXIF is read as TIFF) must be there before nothing can be opened any more.
from PIL import Image, ImageCms, JpegImagePlugin, MpoImagePlugin, PngImagePlugin
from PIL import TiffImagePlugin as _  # noqa: F401

THUMBNAIL_SIDE = 320
QUALITY = 85
UNREADABLE, TOO_MANY_PIXELS, OUT_OF_MEMORY = 3, 4, 5
#: Colour profiles of cameras have a few kilobytes; a larger one is left out, and the colours are taken as sRGB.
_LARGEST_PROFILE = 64 * 1024
_FORMATS = {
    "jpeg": (JpegImagePlugin.JpegImageFile.format, MpoImagePlugin.MpoImageFile.format),
    "png": (PngImagePlugin.PngImageFile.format,),
    "heic": ("HEIF",),
}
#: EXIF's tag and its values, by what turns the picture upright.
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class TooManyPixels(Exception):
    """The decoder found more pixels than the header was judged by."""


def confine(memory: int, cpu_s: int) -> None:
    """Give up what decoding doesn't need: ``memory`` is bytes of address space, ``cpu_s`` seconds of processor."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    # No core with somebody's paper in it; no file, socket or pipe beside the three that are open.
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        resource.setrlimit(limit, (0, 0))


def main(kind: str, most_pixels: int, memory: int, cpu_s: int, longest_side: int) -> int:
    """Decode what stands on stdin; returns the exit code."""
    os.nice(5)
    Image.preinit()
    if kind == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    Image.MAX_IMAGE_PIXELS = most_pixels
    file = sys.stdin.buffer.read()
    confine(memory, cpu_s)
    try:
        photo, thumbnail, size = convert(file, kind, most_pixels, longest_side)
    except MemoryError:
        return OUT_OF_MEMORY
    except (TooManyPixels, Image.DecompressionBombError):
        return TOO_MANY_PIXELS
    # What broken and hostile files make the decoders raise has no common base; all of it says "not a photo".
    except Exception:
        return UNREADABLE
    sys.stdout.buffer.write(struct.pack(">IIII", *size, len(photo), len(thumbnail)) + photo + thumbnail)
    sys.stdout.buffer.flush()
    return 0


def convert(file: bytes, kind: str, most_pixels: int, longest_side: int) -> tuple[bytes, bytes, tuple[int, int]]:
    """The first picture of a file as an upright JPEG in sRGB without metadata, its thumbnail, and its size."""
    with Image.open(io.BytesIO(file), formats=_FORMATS[kind]) as opened:
        if opened.width * opened.height > most_pixels:
            raise TooManyPixels
        profile = opened.info.get("icc_profile") or b""
        turn = _UPRIGHT.get(_orientation(opened))
        opened.draft("RGB", (longest_side, longest_side))
        opened.load()
        small = _eight_bits(opened)
        small.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    alpha = small.getchannel("A") if small.mode == "RGBA" else None
    # A new picture, so that nothing that stood beside the pixels comes along.
    clean = Image.new("RGB", small.size, "white")
    clean.paste(_in_srgb(small, profile), mask=alpha)
    if turn is not None:
        clean = clean.transpose(turn)
    thumbnail = clean.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return _jpeg(clean), _jpeg(thumbnail), clean.size


def _orientation(opened: Image.Image) -> int:
    """How the camera was held, 1 to 8; upright where that can't be read."""
    try:
        turn = opened.getexif().get(_ORIENTATION, 1)
    except (ArithmeticError, AttributeError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error):
        # A broken remark about the picture is no reason to refuse the picture.
        return 1
    return turn if isinstance(turn, int) else 1


def _eight_bits(opened: Image.Image) -> Image.Image:
    """A picture of any mode as L, RGB, RGBA or CMYK."""
    if opened.mode.startswith("I"):
        # Sixteen bits of grey: converting alone would make everything that is brighter than 255 white.
        return opened.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    if opened.mode in ("L", "RGB", "RGBA", "CMYK") and "transparency" not in opened.info:
        return opened
    transparent = opened.mode in ("LA", "PA", "La", "RGBa") or "transparency" in opened.info
    return opened.convert("RGBA" if transparent else "RGB")


def _in_srgb(small: Image.Image, profile: bytes) -> Image.Image:
    """The picture in RGB, its colours as a screen shows them that knows no profiles."""
    plain = small.convert("RGB") if small.mode in ("RGBA", "L") else small
    if profile and len(profile) <= _LARGEST_PROFILE and small.mode != "L":
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            seen = ImageCms.profileToProfile(plain, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A profile that is broken, or of other colours than the picture's, is as none.
            return plain.convert("RGB")
        if seen is not None:
            return seen
    return plain.convert("RGB")


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:6])))
