"""The message templates of the residence services: one WeChat template for every turn, one SMS template a turn.

An official account may hold 25 WeChat templates, so that all turns share one. SMS carry no links: they name the
account and where to tap.
"""

from citizen_services.catalogue import Notice, SmsTemplate, WeChatTemplate

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


_SMS_VARIABLES = ("item", "number", "due", "tracking", "office", "until", "count")


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
