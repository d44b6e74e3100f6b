"""The message templates of the residence services: one WeChat template for every turn, one SMS template a turn.

An official account may hold 25 WeChat templates, so that all turns share one. SMS carry no links: they name the
account and where to tap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from citizen_services.cases.situation import Situation
from citizen_services.catalogue import Bring, Notice, SmsTemplate, WeChatTemplate

PROGRESS = WeChatTemplate(
    "case_progress",
    "业务办理进度通知",
    (
        ("character_string1", "办件编号"),
        ("thing2", "办理事项"),
        ("phrase3", "当前状态"),
        ("time4", "更新时间"),
        ("thing5", "温馨提示"),
    ),
)


_SMS_VARIABLES = ("item", "number", "due", "tracking", "office", "until", "count", "valid_until", "amount", "pay_until")


def turn(code: str, title: str, *, text: str, hint: str, sms: str, must_be_known: bool = False) -> Notice:
    """A notice of a turn of the case: ``text`` for the person's page, ``hint`` (≤ 20 characters) for WeChat.

    ``sms`` by template.
    """
    variables = {name: "{" + name + "}" for name in _SMS_VARIABLES if "{" + name + "}" in sms}
    return Notice(
        code,
        title,
        text,
        PROGRESS,
        {
            "character_string1": "{number}",
            "thing2": "{item}",
            "phrase3": "{state}",
            "time4": "{at}",
            "thing5": hint,
        },
        SmsTemplate(f"case_{code}", sms),
        variables,
        must_be_known=must_be_known,
    )


def what_to_bring(
    code: str,
    what: str,
    where: str,
    usual: tuple[str, ...],
    *,
    needed: Callable[[Situation], bool],
    differs: Callable[[Situation], tuple[str, ...]],
) -> Bring:
    """What an item's person brings, with the item's own SMS templates: ``what`` they come for, ``where``, the list."""
    listed = "、".join(usual)
    notice = turn(
        f"bring_{code}", "到窗口请带",
        text=f"您的{{item}}（{{number}}）：{what}请到{where}。要带{{things}}样东西：{{bring}}。",
        hint="要带{things}样东西，点开看清单",
        sms=f"{what}请到{where}，请带：{listed}。",
        must_be_known=True,
    )  # fmt: skip
    return Bring(
        replace(notice, sms_template=SmsTemplate(f"bring_{code}", notice.sms_template.text)),
        usual,
        SmsTemplate(f"bring_{code}_also", f"{what}请到{where}，请带：{listed}，另外还要带：{{also}}。"),
        SmsTemplate(
            f"bring_{code}_many",
            f"{what}请到{where}，要带{{things}}样东西，清单请在微信公众号“我的办件”中点开这个办件查看。",
        ),
        needed,
        differs,
    )
