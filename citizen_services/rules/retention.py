"""What is kept of a person, why, for whom and how long: said to them, and obeyed by whatever removes, from this table.

个人信息保护法 arts 17, 19, 47; 网络安全法 (logs at least six months). Where no period is set here, nothing is removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Kept:
    """One kind of data, in words that its person reads; ``period`` counts from ``starts``, None = kept for good."""

    code: str
    what: str
    why: str
    who: str
    starts: str
    period: timedelta | None
    #: How long, for who would not count days; what keeps it longer stands here too.
    how_long: str


KEPT: tuple[Kept, ...] = (
    Kept(
        "identity",
        "身份信息：姓名、身份证号码、手机号、户籍地址",
        "核实办事的是您本人，并把进度和结果告诉您（履行法定职责，《个人信息保护法》第十三条第三项）。",
        "办理您的申请的工作人员",
        "本人核验之日",
        None,
        "账号存续期间，目前系统不自动删除",
    ),
    Kept(
        "cases",
        "办件：您填写的内容、材料、登记查询结果、文书、经过",
        "依法办理并能说明是怎样办的（履行法定职责）。",
        "办件所在单位的经办人员和监督人员",
        "提交之日",
        None,
        "按公安业务档案的规定保存，没有设定年限的，系统不自动删除",
    ),
    Kept(
        "looks",
        "查看记录：谁、为什么看过您的信息",
        "让您知道谁看过，也用于追究违规查看。",
        "您本人和审计人员",
        "查看之日",
        None,
        "长期保存，目前系统不自动删除",
    ),
    Kept(
        "consents",
        "您作出的同意和撤回",
        "证明您同意过什么、什么时候撤回。",
        "您本人和办理您的申请的工作人员",
        "同意之日",
        None,
        "长期保存，目前系统不自动删除",
    ),
    Kept(
        "watches",
        "到期提醒：您要我们提醒的证件、车辆和有效期",
        "在到期前告诉您（您的同意，《个人信息保护法》第十三条第一项）。",
        "您本人",
        "您要求提醒之日",
        None,
        "到您停止提醒；停止后留下同意和停止的记录，目前系统不自动删除",
    ),
    Kept(
        "drafts",
        "没有提交的申请（草稿）",
        "方便您接着填写。",
        "您本人",
        "最后一次保存之日",
        timedelta(days=180),
        "180天没有动过的自动删除",
    ),
    Kept(
        "ended_drafts",
        "已经提交或放弃的草稿",
        "避免同一份申请提交两次；提交的内容在办件里。",
        "没有人",
        "提交或放弃之日",
        timedelta(days=30),
        "30天",
    ),
    Kept(
        "answers",
        "没有用到的登记查询结果",
        "您不用再提交证明，办事时核对。",
        "您本人",
        "查询之日",
        timedelta(days=60),
        "60天；草稿或办件用到的，和草稿、办件一起保存",
    ),
    Kept(
        "notices",
        "和办件无关的通知记录",
        "保证该知道的您都知道，而且只告诉一次；《网络安全法》要求日志留存不少于六个月。",
        "您本人和窗口人员",
        "通知之日",
        timedelta(days=365),
        "365天；办件的通知随办件保存",
    ),
    Kept(
        "unsent_photos",
        "没有提交的材料照片",
        "方便您接着填写。",
        "您本人",
        "草稿放弃或者上传之日",
        timedelta(days=30),
        "30天；草稿还在的，留到草稿提交或放弃",
    ),
    Kept(
        "removed_photos",
        "您自己删掉的照片",
        "避免误删时正在提交的申请缺材料。",
        "没有人",
        "删掉之时",
        timedelta(days=1),
        "1天",
    ),
    Kept(
        "unfinished",
        "没有完成的绑定、短信验证码",
        "核实本人。",
        "没有人",
        "失效之时",
        timedelta(days=1),
        "失效后1天",
    ),
    Kept(
        "tries",
        "登录、验证码、绑定的尝试记录（只有加密的标识，没有号码）",
        "防止别人冒用您的账号；《网络安全法》要求日志留存不少于六个月。",
        "没有人",
        "尝试之时",
        timedelta(days=190),
        "190天",
    ),
)

_PERIODS = {kept.code: kept.period for kept in KEPT}


def period(code: str) -> timedelta:
    """How long a kind of KEPT that has a period is kept; KeyError or ValueError for any other."""
    found = _PERIODS[code]
    if found is None:
        raise ValueError(f"nothing removes {code}")
    return found
