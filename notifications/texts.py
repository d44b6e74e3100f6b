"""Texts that no service item declares: codes to phones, and the warning that an account was taken elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from citizen_services.catalogue import Catalogue, Notice, SmsTemplate, WeChatTemplate
from citizen_services.rules.templates import aliyun_template

LOGIN_CODE = SmsTemplate(
    "login_code", "您的登录验证码为{code}，5分钟内有效。工作人员不会向您索要验证码，请勿告诉他人。"
)
BIND_CODE = SmsTemplate("bind_code", "您正在绑定公安办事账号，验证码为{code}，5分钟内有效。非本人操作请勿告诉他人。")
CODES = {"login": LOGIN_CODE, "bind": BIND_CODE}

BINDING_MOVED = Notice(
    code="binding_moved",
    title="账号绑定已变更",
    text="您的办事账号于{at}在另一部手机或另一个微信上完成了本人核验并重新绑定，原来的登录已经退出。"
    "如果不是您本人办理，请立即拨打 {phone} 或到派出所说明。",
    wechat_template=WeChatTemplate(
        "account_change", "账号变更提醒", (("phrase1", "变更类型"), ("time2", "变更时间"), ("thing3", "温馨提示"))
    ),
    wechat={"phrase1": "绑定变更", "time2": "{at}", "thing3": "非本人办理请立即联系派出所"},
    sms_template=SmsTemplate(
        "binding_moved", "您的公安办事账号于{at}重新绑定，原登录已退出。如非本人办理，请立即联系派出所或服务窗口。"
    ),
    sms={"at": "{at}"},
    must_be_known=True,
)


@dataclass(frozen=True)
class Registered:
    """A template as it is to be registered with its partner; ``kind`` is ``code`` or ``notice``."""

    partner: str
    key: str
    title: str
    content: str
    kind: str


def templates_of(catalogue: Catalogue) -> Iterator[Registered]:
    """Every template that we send by, each once, in the partner's own notation: for the operator who registers them."""
    seen: set[tuple[str, str]] = set()
    notices = [step.tell for item in catalogue.items() for step in item.steps if step.tell is not None]
    found = [Registered("sms_aliyun", t.key, "验证码", aliyun_template(t.text), "code") for t in CODES.values()]
    for notice in (*notices, BINDING_MOVED):
        wechat, sms = notice.wechat_template, notice.sms_template
        lines = "\n".join(f"{label}：{{{{{key}.DATA}}}}" for key, label in wechat.fields)
        found.append(Registered("wechat_api", wechat.key, wechat.title, lines, "notice"))
        found.append(Registered("sms_aliyun", sms.key, notice.title, aliyun_template(sms.text), "notice"))
    for template in found:
        if (template.partner, template.key) not in seen:
            seen.add((template.partner, template.key))
            yield template
