"""A photo of a face on its way to the register: judged by its content, turned upright, made small; never kept."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from citizen_services.people.errors import FaceNotUsable

MOST_BYTES = 10 * 1024 * 1024
#: A JPEG is decoded at a fraction of its size; a PNG only as a whole.
_MOST_PIXELS = {"JPEG": 120_000_000, "PNG": 25_000_000}
_LEAST_SIDE = 200
_LARGEST_SIDE = 1280
#: What the register takes (docs/partners/population.md).
_REGISTER_BYTES = 1024 * 1024


def prepare(file: bytes) -> bytes:
    """The photo as the register takes it: JPEG, upright, at most 1280 pixels and 1 MiB, without metadata.

    Raises FaceNotUsable with what to do.
    """
    if not file:
        raise FaceNotUsable("请先拍一张或选一张正面照片。")
    if len(file) > MOST_BYTES:
        raise FaceNotUsable("照片超过 10 MB，请换一张小一些的照片。")
    try:
        with Image.open(io.BytesIO(file), formats=("JPEG", "PNG")) as opened:
            width, height = opened.size
            if width * height > _MOST_PIXELS[str(opened.format)]:
                raise FaceNotUsable("照片的尺寸太大，请用手机的普通拍照模式重新拍一张。")
            if min(width, height) < _LEAST_SIDE:
                raise FaceNotUsable("照片太小，看不清面部，请重新拍一张。")
            opened.draft("RGB", (_LARGEST_SIDE, _LARGEST_SIDE))
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
            plain = upright.convert("RGB")
    # What broken and hostile files make the decoders raise; none of it says more than "not an image".
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as fault:
        raise FaceNotUsable from fault
    for quality in (88, 75, 60):
        written = io.BytesIO()
        plain.save(written, "JPEG", quality=quality)
        if written.tell() <= _REGISTER_BYTES:
            return written.getvalue()
    raise FaceNotUsable("照片的尺寸太大，请用手机的普通拍照模式重新拍一张。")
