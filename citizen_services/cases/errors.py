"""What can go wrong with a case, each with the sentence that the person reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class CaseError(Exception):
    """Base: an act on a case that was not done; nothing was changed."""

    sentence = "这一步没有办成，请刷新页面后再试。"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.sentence = sentence or self.sentence


class NoSuchCase(CaseError):
    """There is no such case, or not for this person: the two are not told apart."""

    sentence = "没有找到这个办件，请核对编号，或从“我的办件”进入。"


class NotPossible(CaseError):
    """The action does not exist in the state that the case is in."""

    sentence = "办件当前的状态不能做这一步，请刷新页面查看最新进度。"


class NotAllowed(CaseError):
    """The actor may not take this step."""

    sentence = "您没有办理这一步的权限。"


class MovedOn(CaseError):
    """Somebody was faster: what the act was decided on has changed.

    ``by`` says who did what, for the second to read; a whole sentence of one's own may be given instead.
    """

    def __init__(self, by: str = "", *, sentence: str = "") -> None:
        told = f"办件刚刚有了变化：{by}。" if by else "办件刚刚有了变化。"
        super().__init__(sentence or f"{told}请查看最新内容后再决定。")


class GuardFailed(CaseError):
    """A condition of the step does not hold; ``guard`` is its name."""

    def __init__(self, guard: str, sentence: str) -> None:
        super().__init__(sentence)
        self.guard = guard


class InvalidInput(CaseError):
    """What was given does not fit: ``errors`` maps a field (``group.field`` for forms) to its sentences."""

    sentence = "有内容需要修改，请按提示改好后再提交。"

    def __init__(self, errors: Mapping[str, Sequence[Any]]) -> None:
        super().__init__()
        self.errors = errors


class NotEligible(CaseError):
    """A condition of applying is not met; ``verdicts`` are the failed ones: (pre-check, verdict)."""

    sentence = "暂时还不能申请。"

    def __init__(self, verdicts: Sequence[Any]) -> None:
        super().__init__(verdicts[0][1].why if verdicts else None)
        self.verdicts = verdicts


class AlreadyOpen(CaseError):
    """The person already has an open case of this item."""

    sentence = "您已有一件同样的申请正在办理，请在“我的办件”里查看进度。"


class NotToBeBrought(CaseError):
    """The document was served meanwhile, or still goes by post."""

    sentence = "这份文书已经送达，或者还在邮寄，不用上门，请刷新后查看。"


class WrongDay(CaseError):
    """A document can't have been served before it was made, nor on a day that is to come."""

    sentence = "送达日期不能早于文书作出的日期，也不能晚于今天。"
