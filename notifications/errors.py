"""What can go wrong here, each with the sentence that the person reads."""

from __future__ import annotations


class AlreadyNumbered(Exception):
    """The parcel has another tracking number."""

    sentence = "这件邮件已经有运单号，请核对面单和办件编号。"


class NotRequeueable(Exception):
    """The try did not end in vain, was requeued already, or telling has no use any more."""

    sentence = "这条记录不需要或不能再次发送，请刷新后查看最新状态。"


class NotCurrent(NotRequeueable):
    """What was to be written back has been overtaken by a later fact."""

    sentence = "这条登记已有新的变化，不能再按旧内容回写。"


class NotInDoubt(Exception):
    """It is known by now what became of the message, or is being asked."""

    sentence = "这条消息的结果已经知道，请刷新后查看。"


class NotOnList(Exception):
    """The person was told meanwhile, or somebody else noted what came of it."""

    sentence = "这一条已经有了结果，不用再告知，请刷新后查看。"


class NotThisLabel(Exception):
    """The scanned number is not the one that EMS gave this letter."""

    sentence = "扫描的邮件号与这封信的面单不一致，或者 EMS 还没有返回邮件号，请核对面单。"
