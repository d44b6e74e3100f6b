"""What can go wrong here, each with the sentence that the person reads."""

from __future__ import annotations


class AlreadyNumbered(Exception):
    """The parcel has another tracking number."""

    sentence = "这件邮件已经有运单号，请核对面单和办件编号。"
