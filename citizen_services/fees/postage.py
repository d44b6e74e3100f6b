"""Who pays the courier, in the words that people read: the bureau's contract, or the recipient (到付).

Declarations speak of the bureau's contract. Where the bureau has chosen otherwise their words would be untrue, so that
every page that shows them asks here.
"""

from __future__ import annotations

from collections.abc import Mapping

from citizen_services.parts import parts

_TO_PAY: Mapping[str, str] = {
    "由 EMS 免费寄送": "由 EMS 寄送，邮费到付",
    "邮寄费由公安机关承担": "邮寄费由收件人到付",
}


def said(text: str) -> str:
    """A declaration's sentence, with the postage as it is here."""
    if parts().settings.postage == "recipient":
        for ours, theirs in _TO_PAY.items():
            text = text.replace(ours, theirs)
    return text


def words() -> str:
    """What is said before anything is sent."""
    if parts().settings.postage == "recipient":
        return "EMS 寄送，邮费到付：签收时由您付给投递员，具体金额以邮政为准。"
    return "EMS 寄送，邮费由公安机关承担，您不用付。"
