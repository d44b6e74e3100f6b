"""What the official account says: every sentence of the conversation, made of the catalogue and a person's cases.

Only numbers, items and states are said: a chat may be read over a shoulder. Links are made from PUBLIC_BASE_URL.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from typing import ParamSpec

from citizen_services.cases.models import Case
from citizen_services.catalogue.counter import CounterService
from citizen_services.catalogue.registry import UnknownItem
from citizen_services.catalogue.vocabulary import Material, ServiceItem
from citizen_services.fees import tariff
from citizen_services.parts import parts
from citizen_services.people.models import Office
from citizen_services.people.queries import offices
from citizen_services.rules.dates import chinese_day, last_day, local_date
from citizen_services.wechat.envelope import LARGEST_TEXT
from citizen_services.words import state_word

P = ParamSpec("P")


def constant(say: Callable[P, str]) -> Callable[P, str]:
    """Of a sentence that is made of the installation alone: made once for it, not at each question."""
    kept: dict[Hashable, str] = {}

    @wraps(say)
    def said(*args: P.args, **kwargs: P.kwargs) -> str:
        ours = parts()
        of = (ours.catalogue, ours.settings.public_base_url, args, *kwargs.items())
        if of not in kept:
            kept[of] = say(*args, **kwargs)
        return kept[of]

    return said


#: Cases told of in one answer.
SHOWN_CASES = 5
_SHOWN_ITEMS = 12
_SHOWN_OFFICES = 8


def link(words: str, path: str) -> str:
    """A link to a page of ours, as WeChat's text messages carry it."""
    return f'<a href="{parts().settings.public_base_url}{path}">{words}</a>'


def lines(*parts_: str) -> str:
    """Lines joined; whole lines are left out at the end where they would not fit, so that no link is cut in two."""
    ending = "……"
    kept: list[str] = []
    size = 0
    given = [line for part in parts_ for line in part.split("\n")]
    for at, line in enumerate(given):
        size += len(line.encode()) + 1
        room = LARGEST_TEXT if at == len(given) - 1 else LARGEST_TEXT - len(ending.encode()) - 1
        if size - 1 > room:
            return "\n".join([*kept, ending])
        kept.append(line)
    return "\n".join(kept)


def ending_with(ending: str, *parts_: str) -> str:
    """Lines joined, shortened before an ending that must be said whole: the link, the way to a person."""
    told = lines(*parts_)
    room = LARGEST_TEXT - len(ending.encode()) - 1
    while len(told.encode()) > room:
        told = told.rpartition("\n")[0]
    return f"{told}\n{ending}"


def what_to_say() -> str:
    """What one can say and tap."""
    return lines(
        "您可以发送：",
        "“进度”：查看自己的办件",
        "办件编号：查看这一件",
        f"想办的事，怎么说都行（如“{_example()}”“我搬家了”）：看条件、材料和时限",
        "“预约”：约到窗口办事的时间；“我的预约”：查看、改期、取消",
        "“人工”：电话和窗口；“帮助”：看能做什么",
        f"也可以直接打开{link('全部事项', '/h5/')}。",
    )


def _example() -> str:
    items = parts().catalogue.items()
    return items[0].name if items else "居住登记"


@constant
def welcome(bound: bool) -> str:
    """To a new follower."""
    first = "您的身份已经绑定，发送“进度”可查看办件。" if bound else f"首次使用请先{link('绑定身份', '/h5/bind')}。"
    return lines(
        "您好，欢迎关注！这里可以在线办理公安服务，最多跑一次，多数不用跑。",
        "",
        first,
        *item_links(),
        "",
        "发送“帮助”看能做什么。我们不会在聊天中向您要身份证号、银行卡号或验证码。",
    )


@constant
def greeting() -> str:
    """To somebody who says hello."""
    return lines("您好！有什么可以帮您？", "", what_to_say(), *hotlines())


@constant
def help_text() -> str:
    """What this account is for and how it is used."""
    return lines(
        "这里可以在线申请、查进度、收通知，证件由 EMS 寄到家。",
        "",
        what_to_say(),
        "",
        f"办理前需要{link('绑定身份', '/h5/bind')}，一次即可。",
        *hotlines(),
    )


def _phones() -> str:
    ours = parts().settings.help_phone
    return "、".join(dict.fromkeys(item.guide.hotline or ours for item in parts().catalogue.items()) or [ours])


def hotlines() -> list[str]:
    """The way to a person, as the last line of an answer."""
    return [f"人工服务：{_phones()}，或发送“人工”看窗口"]


def thanks() -> str:
    """To somebody who thanks."""
    return "不客气，很高兴能帮到您。需要时随时发送“进度”或事项名称。"


def how_to_bind(bound: bool) -> str:
    """How an openid comes to belong to a person."""
    if bound:
        return lines("您的身份已经绑定，不需要再操作。", f"更换手机号等请打开{link('身份绑定', '/h5/bind')}。")
    return lines(
        "绑定身份后才能办理和查询，只需一次：",
        f"打开{link('身份绑定', '/h5/bind')}，填写姓名、身份证号和手机号并核验本人。",
        "不愿刷脸的，可以带身份证到任一窗口核验。请不要把证件号码发在聊天里。",
        *hotlines(),
    )


def no_cases() -> str:
    """To somebody bound, without a case."""
    return lines("您名下还没有办件。想办理的，请选择事项：", *item_links(), *hotlines())


def progress(cases: Sequence[Case]) -> str:
    """A person's newest cases: item, number, state, date."""
    shown = cases[:SHOWN_CASES]
    told = [
        lines(
            f"{at}. {_name(case)}：{_word(case)}",
            f"   编号 {case.number}，{_moved(case)}更新",
            f"   {link('查看这一件', f'/h5/cases/{case.id}')}",
        )
        for at, case in enumerate(shown, 1)
    ]
    more = [link("查看全部办件", "/h5/")] if len(cases) > SHOWN_CASES else []
    posted = "证件寄出后，打开这一件可以看到快递单号和送到哪里。"
    return lines("您的办件：", *told, *more, posted, *hotlines())


def one_case(case: Case) -> str:
    """One case: what it waits for, and until when."""
    return lines(
        f"{_name(case)}（{case.number}）",
        f"现在：{_word(case)}，{_moved(case)}更新",
        *_waits_for(case),
        *_due(case),
        link("查看详情", f"/h5/cases/{case.id}"),
        *hotlines(),
    )


def no_such_case() -> str:
    """For a number that is nobody's or somebody else's: the same, so that it tells nothing."""
    return lines("没有查到您名下的这个办件编号，请核对后再发。", "发送“进度”可查看您的全部办件。", *hotlines())


def guide(item: ServiceItem) -> str:
    """The short guide of a service: what it is, conditions, what is needed, how long, what it costs, where to begin."""
    begin = "\n".join([link("查看指南并开始办理", f"/h5/items/{item.code}"), *hotlines()])
    told = lines(
        f"【{item.name}】",
        item.guide.summary,
        *_listed("条件", [check.sentence for check in item.pre_checks] or [item.guide.audience]),
        *_listed("需要", [_needed(material) for material in item.materials]),
        f"时限：{how_long(item)}",
        f"费用：{tariff.words(item)}",
        *[f"跑动：网上办理{door.visits}次" for door in item.doors if door.code == "online"],
    )
    return ending_with(begin, told)


def counter_guide(service: CounterService) -> str:
    """The short guide of what is done at a window only: what to bring above all."""
    return lines(
        f"【{service.name}】",
        service.summary,
        *_listed("带什么", service.bring),
        *([f"必须本人来（依据{service.in_person}）"] if service.in_person else []),
        f"费用：{service.fee}",
        f"到窗口办，跑1次，约{service.minutes}分钟",
        link("查看指南", f"/h5/items/{service.code}"),
        *hotlines(),
    )


def how_long(item: ServiceItem) -> str:
    """The periods of an item in words."""
    if item.clocks.at_once:
        return "当场办结"
    statutory = f"（法定{item.clocks.statutory.label}）" if item.clocks.statutory else ""
    return f"受理后{item.clocks.promised.label}内办结{statutory}"


def of_office(office: Office) -> str:
    """To somebody who scanned an office's code: where they are, and what needs no queue there."""
    return lines(
        f"【{office.name}】",
        f"地址：{office.address}",
        f"电话：{office.phone}",
        "",
        "这些事不用排队，在手机上就能办：",
        *item_links(),
        "发送“进度”可查看您的办件。",
    )


#: How many choices are offered at once: each is answered by one digit.
CHOICES = 9


def choose(names: Sequence[str]) -> str:
    """Where several things may be meant: asked back, with a digit to send for each."""
    offered = [f"{at}. {name}" for at, name in enumerate(names[:CHOICES], 1)]
    return lines("您问的是哪一件？回复数字就行：", *offered, "都不是的，请换个说法再发一次。", *hotlines())


def choice_over() -> str:
    """To a digit that answers no question of ours, or one that is too old."""
    return lines("您回复的数字我们对不上，可能隔得有点久了。请再说一遍想办的事。", *hotlines())


def human() -> str:
    """The way to a person: phones and counters."""
    counters = [f"· {one.name}：{one.address}，{one.phone}" for one in list(offices().values())[:_SHOWN_OFFICES]]
    return lines(
        f"人工服务电话：{_phones()}",
        *(["也可以带身份证到任一窗口，有人帮您办：", *counters] if counters else []),
        "去之前可以先打电话问要带什么、几点开门。",
    )


def all_items() -> str:
    """Every service, by name, with a link."""
    return lines("可以在线办理的事项：", *item_links(), "发送事项名称可看条件、材料和时限。", *hotlines())


def keep_private() -> str:
    """To somebody who typed an identity number or a phone."""
    return lines(
        "为了保护您的个人信息，请不要在聊天中发送身份证号、手机号或验证码，这里也不会向您要。",
        f"绑定身份请打开{link('身份绑定', '/h5/bind')}；查询办件请发送“进度”。",
        *hotlines(),
    )


#: What is said first to kinds of message that we can't read.
OF_KIND = {
    "image": "收到图片了，但聊天里不能收材料。需要的材料请在办理页面上传，证件照片请不要发在聊天里。",
    "voice": "抱歉，这里暂时听不了语音，请用文字告诉我们。",
    "video": "抱歉，这里暂时看不了视频，请用文字告诉我们。",
    "shortvideo": "抱歉，这里暂时看不了视频，请用文字告诉我们。",
    "location": "收到位置了。居住地址请在办理页面从地址库中选择，不需要发送位置。",
    "link": "收到链接了，但为了安全我们不打开链接，请用文字告诉我们。",
    "file": "收到文件了，但聊天里不能收材料。需要的材料请在办理页面上传。",
}
_OTHER_KIND = "抱歉，这类消息暂时看不了，请用文字告诉我们。"
NOT_UNDERSTOOD = "抱歉，没有明白您的意思。"
#: Where the database is away and the question needs it.
NOT_NOW = "抱歉，系统正忙，暂时查不了。请几分钟后再试，您的办件不受影响。着急的，请打电话或到窗口。"


def of_kind(kind: str) -> str:
    """To a message of a kind that we can't read."""
    return lines(OF_KIND.get(kind, _OTHER_KIND), "", what_to_say(), *hotlines())


def not_understood() -> str:
    """To a text that means nothing to us."""
    return lines(NOT_UNDERSTOOD, "", what_to_say(), *hotlines())


def item_links() -> list[str]:
    """The services that can be begun, each with its link."""
    items = parts().catalogue.items()
    more = [link("更多事项", "/h5/")] if len(items) > _SHOWN_ITEMS else []
    return [link(item.name, f"/h5/items/{item.code}") for item in items[:_SHOWN_ITEMS]] + more


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    return [f"{title}：", *(f"· {sentence}" for sentence in sentences)] if sentences else []


def _needed(material: Material) -> str:
    note = "免提交，核对即可" if material.suppliers else "请拍照上传"
    return f"{material.name}（{note}{'，可后补' if material.deferrable else ''}）"


def _item(case: Case) -> ServiceItem | None:
    try:
        return parts().catalogue.item(case.item, case.item_version)
    except UnknownItem:
        return None


def _name(case: Case) -> str:
    item = _item(case)
    return item.name if item else case.item


def _word(case: Case) -> str:
    item = _item(case)
    declared = {state.code: state.word for state in item.states} if item else {}
    return declared.get(case.state) or state_word(case.state).text


def _waits_for(case: Case) -> list[str]:
    item = _item(case)
    return [state.waits_for for state in item.states if state.code == case.state and state.waits_for] if item else []


def _moved(case: Case) -> str:
    return chinese_day(local_date(case.moved_at))


def _due(case: Case) -> list[str]:
    """The date that binds us while one runs; it is kept as 24:00 of its day."""
    if case.next_due is None or case.ended_at is not None:
        return []
    what = "答复" if case.accepted_at is None else "办结"
    note = "（暂定）" if case.due_provisional else ""
    return [f"最迟{chinese_day(last_day(case.next_due))}{what}{note}"]
