"""What can go wrong here, each with the sentence that the person reads."""

from __future__ import annotations

from citizen_services.cases.errors import CaseError


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


class NoLetterWanted(CaseError):
    """The document is served by now, is brought by somebody, or its letter is still under way."""

    sentence = "这份文书已经送达、正在邮寄，或者改为上门送达，现在不用再寄，请刷新后查看。"


class NoMoreLetters(CaseError):
    """As many letters were sent as are tried."""

    sentence = "已经寄过规定的次数，不再邮寄，请改为上门送达。"


class NotDue(CaseError):
    """The document came, or somebody else said what became of it, or a courier is on the way with it."""

    sentence = "这份证件已经有了结果，或者快递员正在送来，请刷新后查看。"
