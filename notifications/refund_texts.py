"""Notices of money that goes back: asked for, done, or held up. One template in WeChat, since an account holds few."""

from __future__ import annotations

from citizen_services.catalogue import Notice, SmsTemplate, WeChatTemplate

_REFUND = WeChatTemplate(
    "refund",
    "退款提醒",
    (
        ("thing1", "办理事项"),
        ("character_string2", "缴费单号"),
        ("amount3", "退款金额"),
        ("thing4", "温馨提示"),
    ),
)
#: How it goes back, as the person reads it, by whether the payment partner does it.
WAYS = {True: "按原路退回微信支付，到账要几天", False: "由收费窗口打电话联系您退还"}
#: And that it came back.
CAME = {True: "已按原路退回微信支付", False: "已由收费窗口退还"}


def _notice(code: str, title: str, text: str, hint: str, sms: str, *, way: bool = True, must: bool = False) -> Notice:
    values = {"item": "{item}", "amount": "{amount}", "order_number": "{order_number}"}
    return Notice(
        code=code,
        title=title,
        text=text,
        wechat_template=_REFUND,
        wechat={"thing1": "{item}", "character_string2": "{order_number}", "amount3": "{amount}", "thing4": hint},
        sms_template=SmsTemplate(code, sms),
        sms=values | ({"refund_way": "{refund_way}"} if way else {}),
        must_be_known=must,
    )


ASKED = _notice(
    "refund_asked",
    "费用正在退还",
    "您为“{item}”缴的{amount}（缴费单号{order_number}）正在退还：{refund_way}。不用再申请，不用到场。原因：{refund_reason}。",
    "正在退还，不用申请，不用到场",
    "您为{item}缴的{amount}正在退还，{refund_way}，单号{order_number}，不用再申请，不用到场。",
)
DONE = _notice(
    "refund_done",
    "费用已经退还",
    "您为“{item}”缴的{amount}（缴费单号{order_number}）{refund_way}。没有收到的，请拨打 {phone}，不用到场。",
    "已经退还，没收到请打电话",
    "您为{item}缴的{amount}，{refund_way}，单号{order_number}。没有收到的，请致电区行政服务中心公安窗口。",
)
FAILED = _notice(
    "refund_failed",
    "退款没有成功，我们正在处理",
    "您为“{item}”缴的{amount}（缴费单号{order_number}）没有退成，钱没有丢。收费人员正在处理，需要的话会打电话联系您；"
    "不用再申请，不用到场。我们不会让您转账，也不会向您要验证码和密码。想问的，请拨打 {phone}。",
    "没有退成，我们正在处理，不用申请",
    "您为{item}缴的{amount}没有退成，单号{order_number}，我们正在处理，不用到场。我们不会让您转账，也不会要验证码。",
    way=False,
    must=True,
)
ALL = (ASKED, DONE, FAILED)
