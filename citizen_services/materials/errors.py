"""Why a photo was not taken, each with the sentence that says what to do."""

from __future__ import annotations


class MaterialError(Exception):
    """Base: a photo that was not taken, or is not there."""

    sentence = "这张照片没有上传成功，请重新上传。"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.sentence = sentence or self.sentence


class NothingSent(MaterialError):
    """The form came without a file: phones do so when the camera was left, or memory was short."""

    sentence = "没有收到照片，请重新拍一张或选一张。"


class TooLarge(MaterialError):
    """More bytes, pixels or pictures in one file than a phone's camera makes."""

    sentence = "这张照片超过10MB，请用手机的普通拍照模式重新拍一张。"


class TooSmall(MaterialError):
    """Too few pixels for anybody to read a paper on it."""

    sentence = "这张照片太小，看不清上面的文字，请重新拍一张或选择原图。"


class WrongKind(MaterialError):
    """Not a photo; decided by the first bytes, whatever the browser calls it."""

    sentence = "只能上传照片（JPG、PNG 或苹果手机的 HEIC 格式），请用手机拍照后上传。"


class Unreadable(MaterialError):
    """It says to be a photo, but is broken or cut off."""

    sentence = "这张照片打不开，可能没有传完整，请重新拍一张再上传。"


class TooHard(MaterialError):
    """Decoding it took more memory or time than any honest photo takes."""

    sentence = "这张照片处理不了，请用手机的普通拍照模式重新拍一张再上传。"


class Busy(MaterialError):
    """As many photos as this process decodes at once are being decoded."""

    sentence = "现在上传的人较多，这张照片还没有收下，请稍等几秒再上传一次。"


class TooManyPieces(MaterialError):
    """One material has as many photos as it may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"这份材料最多上传{most}张照片，请先删除不需要的再上传。")


class NoSuchUpload(MaterialError):
    """There is no such photo, or not for this person: the two are not told apart."""

    sentence = "没有找到这张照片，可能已经删除，请刷新页面。"


class StoreAway(MaterialError):
    """The object store takes or gives nothing now; ``why`` is for operators."""

    sentence = "照片暂时存不了，还没有收下，请过几分钟再上传一次。"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class StoreDamaged(Exception):
    """What the store gave back is missing or is not what was put in: for operators, not for citizens."""
