"""What can go wrong with a fee, each with the sentence that the person reads."""

from __future__ import annotations


class FeeError(Exception):
    """Base: nothing was changed."""

    sentence = "这一步没有办成，请刷新页面后再试。"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.sentence = sentence or self.sentence


class NoSuchOrder(FeeError):
    """There is no such order, or not for this person: the two are not told apart."""

    sentence = "没有找到这笔缴费，请从“我的办件”进入。"


class NotPayable(FeeError):
    """The order is paid, over or cancelled."""

    sentence = "这笔费用已经不用缴了，请刷新页面查看。"


class OtherWayOpen(FeeError):
    """Another try to pay has only just begun, or its partner does not answer: paying twice is what must not be."""

    sentence = "正在与支付机构确认上一次缴费，请稍等几秒再试，不会重复扣款。"


class Faster(FeeError):
    """Somebody else did it at the same moment."""

    sentence = "这一笔刚刚有了变化，请查看最新内容。"


class WrongAmount(FeeError):
    """What was taken at the counter is not what is owed."""

    sentence = "金额与应缴金额不一致，请核对。"


class SlipUsed(FeeError):
    """A card's payment of that number is recorded already: terminals begin anew at each batch."""

    sentence = "这个凭条号已经登记过。请核对；终端换批后号码重复的，请在号码前加上批次号或日期。"
