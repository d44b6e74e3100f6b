"""Portraits for cards and permits (GA 461-2004): the size and where the face stands in it."""

WIDTH_PX = 358
HEIGHT_PX = 441
DPI = 350
#: Width of the face and how far it may differ, in pixels.
FACE_WIDTH_PX, FACE_WIDTH_TOLERANCE_PX = 207, 14
#: Distance of the top of the hair from the upper edge, in pixels.
HAIR_TOP_PX = (7, 21)
#: The eyes stand at least this far above the lower edge; this has priority over the hair.
EYES_ABOVE_BOTTOM_PX = 207


def size_faults(width: int, height: int) -> list[str]:
    """What is wrong with a picture of that size in pixels, each as a sentence; empty when it can be used.

    A larger picture of the right shape can be scaled down, a smaller one can't be scaled up.
    """
    faults = []
    if width < WIDTH_PX or height < HEIGHT_PX:
        faults.append(f"照片太小（{width}×{height}像素），至少需要{WIDTH_PX}×{HEIGHT_PX}像素，请重新拍摄或选择原图。")
    # Half a pixel each way is what scaling to the exact size rounds off; one percent is never seen.
    if abs(width * HEIGHT_PX - height * WIDTH_PX) > 0.01 * height * WIDTH_PX:
        faults.append(f"照片宽高比例不符，应为{WIDTH_PX}:{HEIGHT_PX}（竖版证件照），请裁剪后重新上传。")
    return faults
