"""A photo of a face on its way to the register: judged, decoded apart like any stranger's file, and never kept."""

from __future__ import annotations

from citizen_services.materials.decode import decode
from citizen_services.materials.errors import MaterialError, NothingSent, TooLarge, TooSmall
from citizen_services.materials.judge import MOST_BYTES, judge
from citizen_services.people.errors import FaceNotUsable

__all__ = ["MOST_BYTES", "prepare"]

_LEAST_SIDE = 200
#: The longest side that is sent, and a shorter one where that has too many bytes.
_SIDES = (1280, 800)
#: What the register takes (docs/partners/population.md).
_REGISTER_BYTES = 1024 * 1024
_TOO_SMALL = "照片太小，看不清面部，请重新拍一张。"
_TOO_LARGE = "照片的尺寸太大，请用手机的普通拍照模式重新拍一张。"


def prepare(file: bytes) -> bytes:
    """The photo as the register takes it: JPEG, upright, at most 1280 pixels and 1 MiB, without metadata.

    Raises FaceNotUsable with what to do.
    """
    try:
        judged = judge(file)
        if min(judged.width, judged.height) < _LEAST_SIDE:
            raise TooSmall
        for side in _SIDES:
            photo = decode(file, judged, longest_side=side).photo
            if len(photo) <= _REGISTER_BYTES:
                return photo
    except NothingSent as fault:
        raise FaceNotUsable("请先拍一张或选一张正面照片。") from fault
    except TooSmall as fault:
        raise FaceNotUsable(_TOO_SMALL) from fault
    except TooLarge as fault:
        too_many_bytes = len(file) > MOST_BYTES
        raise FaceNotUsable("照片超过 10 MB，请换一张小一些的照片。" if too_many_bytes else _TOO_LARGE) from fault
    except MaterialError as fault:
        raise FaceNotUsable(fault.sentence) from fault
    raise FaceNotUsable(_TOO_LARGE)
