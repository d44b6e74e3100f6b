"""Matters that people ask about and that are no service of ours online: their words, and what is said.

Once a service declares such words itself (``Guide.words``) it goes before the matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from citizen_services.fees import tariff
from citizen_services.parts import parts
from citizen_services.wechat.texts import constant, hotlines, how_long, human, item_links, lines, link


@dataclass(frozen=True)
class Matter:
    """What people call it (as finding.py reads words), its name where we ask back, and what is said."""

    name: str
    words: tuple[str, ...]
    say: Callable[[], str]


def hours() -> str:
    """When counters are open: their own notices say, and a phone call."""
    return lines("手机上随时可以办，不分上下班。窗口的开放时间以窗口公布的为准，节假日会有调整。", human())


@constant
def school() -> str:
    """Schooling is another authority's matter; what of ours is asked for there."""
    return lines(
        "孩子入学由教育部门办理，要求以当地招生通知为准。",
        "公安机关办的是居住登记和居住证，需要的可以提前办好：",
        *item_links(),
        *hotlines(),
    )


def fees() -> str:
    """What each service costs today: a bureau may set it."""
    told = [f"{item.name}：{tariff.words(item)}" for item in parts().catalogue.items()]
    return lines("费用：", *told, *hotlines())


@constant
def periods() -> str:
    """How long each service takes."""
    told = [f"{item.name}：{how_long(item)}" for item in parts().catalogue.items()]
    return lines("办理时限：", *told, "已经申请的，发送“进度”看办到哪一步。", *hotlines())


@constant
def posting() -> str:
    """How a card comes to its person."""
    return lines(
        "办好的证件由 EMS 寄到您申请时填写的地址，不用跑。寄出后，办件里可以看到快递单号。",
        "已经申请的，发送“进度”查看。",
        *hotlines(),
    )


@constant
def phone_changed() -> str:
    """Another phone: bound anew."""
    return lines(
        f"换了手机号的，请打开{link('身份绑定', '/h5/bind')}重新核验本人，之后的通知发到新号码。",
        "请不要把手机号发在聊天里。",
        *hotlines(),
    )


@constant
def elsewhere() -> str:
    """What this account can't do."""
    return lines("这件事这里暂时办不了，请打电话或到窗口问。这里可以在线办理：", *item_links(), *hotlines())


@constant
def proving() -> str:
    """Whether a paper is ours, and unaltered: the code on it, typed or scanned."""
    return lines(
        f"文书上有防伪校验码，打开{link('核对文书', '/h5/verify')}输入或者扫码，就能看到是不是我们出具的。", *hotlines()
    )


MATTERS: dict[str, Matter] = {
    "proving": Matter(
        "核对文书",
        ("核对|核验|验证|查验|真假|真伪|假的|校验码|防伪 文书|证明|回执|决定书|通知书|材料", "防伪码|校验码|辨真伪"),
        proving,
    ),
    "human": Matter(
        "人工服务",
        (
            "人工|客服|真人|热线|12345|投诉|举报|求助",
            "转 人工",
            "电话|号码 多少|几号|是什么|打哪|有没有",
            "电话|联系",
            "派出所|窗口|服务中心|办事大厅 在哪|哪里|哪儿|地址|怎么走|位置",
            "去哪|到哪|在哪 办",
        ),
        human,
    ),
    "hours": Matter(
        "上班时间",
        (
            "几点|什么时候|啥时候|何时|多久 上班|下班|开门|关门|开始办",
            "上班|营业|工作|办公|开放|办理 时间",
            "周末|周六|周日|星期六|星期天|星期日|礼拜六|礼拜天|节假日|中午|晚上|明天|后天|今天|现在|周一|周二|周三|周四|周五"
            "|元旦|春节|清明|五一|端午|中秋|国庆|号|月"
            " 上班|开门|休息|放假|办吗|能办|可以办|开吗|开不开|开着|有人吗|开放",
            "午休|午间休息",
            "上班|下班|开门",
        ),
        hours,
    ),
    "school": Matter(
        "孩子上学",
        ("孩子|小孩|娃|子女|儿子|女儿|小朋友 上学|读书|入学|报名|转学|学校|幼儿园|小学|初中", "入学|上学|积分入学"),
        school,
    ),
    "fee": Matter("费用", ("多少钱|收费|要钱|费用|免费|工本费|交钱|付钱",), fees),
    "how_long": Matter("时限", ("多久|几天|多长时间|多少天|什么时候能|多快",), periods),
    "posting": Matter(
        "证件邮寄",
        ("快递|邮寄|寄|EMS 能|可以|吗|到家|费|给我|上门|地址", "不用跑|包邮|自取|领证|取证"),
        posting,
    ),
    "phone": Matter("更换手机号", ("手机|电话|号码|卡 换|变|停机|注销|改|丢", "换号|改号"), phone_changed),
    "others": Matter(
        "别的证件",
        (
            "身份证|护照|户口|户籍|驾照|驾驶证|行驶证|车牌|年检|港澳通行证|通行证|签证|社保|医保|公积金|结婚证|出生证"
            "|无犯罪|违章|落户",
        ),
        elsewhere,
    ),
}
