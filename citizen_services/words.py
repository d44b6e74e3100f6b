"""The Chinese words, icons and tones of every state that a page shows: one table, so that all doors say the same.

Codes are those that the database keeps; a word is what the person at the counter would say. The tone picks a colour,
which never stands alone: each badge has an icon and the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Word(NamedTuple):
    """How one state is shown: ``text`` in Chinese, ``icon`` of static/icons.svg, ``tone``: wait, info, ok, bad, off."""

    text: str
    icon: str
    tone: str


CASE_STATES: Mapping[str, Word] = {
    "draft": Word("草稿，还没提交", "pencil", "off"),
    "submitted": Word("待受理", "hourglass", "wait"),
    "verifying": Word("待核实", "map-pin", "wait"),
    "correcting": Word("待补正", "alert-circle", "wait"),
    "paying": Word("待缴费", "coin", "wait"),
    "accepted": Word("已受理", "file-check", "info"),
    "accepted_with_gaps": Word("容缺受理", "file-alert", "wait"),
    "approved": Word("已批准", "circle-check", "info"),
    "made": Word("已制证", "id", "info"),
    "posted": Word("已寄出", "truck-delivery", "info"),
    "returning": Word("退回途中", "arrow-back-up", "wait"),
    "returned": Word("已退回", "package-off", "wait"),
    "checking": Word("签收核实", "help-circle", "wait"),
    "lost": Word("邮件丢失", "alert-triangle", "bad"),
    "completed": Word("已办结", "check", "ok"),
    "declined": Word("不予受理", "circle-x", "bad"),
    "refused": Word("不予批准", "circle-x", "bad"),
    "withdrawn": Word("已撤回", "arrow-back-up", "off"),
    "lapsed": Word("视为撤回", "circle-minus", "off"),
    "ended": Word("已终止", "ban", "off"),
    "revoked": Word("已撤销受理", "ban", "bad"),
    "on_site": Word("转现场办理", "building", "wait"),
}

NOTICE_STATES: Mapping[str, Word] = {
    "pending": Word("待发送", "hourglass", "off"),
    "sending": Word("发送中", "send", "info"),
    "uncertain": Word("待核实", "help-circle", "wait"),
    "sent": Word("已发送", "send", "info"),
    "delivered": Word("已送达", "check", "ok"),
    "failed": Word("发送失败", "alert-triangle", "bad"),
    "expired": Word("已过期", "clock", "off"),
    "cancelled": Word("已取消", "ban", "off"),
}

PARCEL_STATES: Mapping[str, Word] = {
    "ordered": Word("已下单", "package", "info"),
    "collected": Word("已揽收", "package", "info"),
    "in_transit": Word("运输中", "truck-delivery", "info"),
    "delivering": Word("派送中", "truck-delivery", "info"),
    "signed": Word("已签收", "check", "ok"),
    "signed_by_other": Word("他人代收", "users", "ok"),
    "refused": Word("拒收", "package-off", "bad"),
    "returned": Word("已退回", "arrow-back-up", "bad"),
    "lost": Word("已遗失", "alert-triangle", "bad"),
    "cancelled": Word("已撤单", "ban", "off"),
}

APPOINTMENT_STATES: Mapping[str, Word] = {
    "booked": Word("已预约", "calendar-event", "info"),
    "checked_in": Word("已签到", "user-check", "info"),
    "serving": Word("办理中", "player-play", "info"),
    "served": Word("已办理", "check", "ok"),
    "cancelled": Word("已取消", "ban", "off"),
    "no_show": Word("爽约", "alert-circle", "bad"),
}

TICKET_STATES: Mapping[str, Word] = {
    "waiting": Word("排队中", "hourglass", "wait"),
    "called": Word("已叫号", "bell", "info"),
    "skipped": Word("已过号", "circle-minus", "off"),
    "serving": Word("办理中", "player-play", "info"),
    "done": Word("已办完", "check", "ok"),
}

WAITING_STATES: Mapping[str, Word] = {
    "waiting": Word("候补中", "hourglass", "wait"),
    "offered": Word("有号待确认", "bell", "wait"),
    "taken": Word("已确认", "check", "ok"),
    "passed": Word("已错过", "circle-minus", "off"),
    "ended": Word("已结束", "ban", "off"),
}

FEE_STATES: Mapping[str, Word] = {
    "due": Word("待缴费", "coin", "wait"),
    "ordered": Word("支付确认中", "hourglass", "info"),
    "paid": Word("已缴费", "check", "ok"),
    "expired": Word("已过期", "clock", "off"),
    "cancelled": Word("已取消", "ban", "off"),
    "refunding": Word("退款中", "hourglass", "wait"),
    "refunded": Word("已退款", "arrow-back-up", "off"),
    "disputed": Word("有争议", "alert-triangle", "bad"),
}

#: Of a material on a draft or a case.
MATERIAL_STATES: Mapping[str, Word] = {
    "missing": Word("待上传", "upload", "wait"),
    "deferrable": Word("可后补", "clock", "off"),
    "uploaded": Word("已上传", "check", "ok"),
    "supplied": Word("免提交", "database-search", "ok"),
    "correcting": Word("待补", "alert-circle", "wait"),
    "corrected": Word("已补", "check", "ok"),
}

KINDS: Mapping[str, Mapping[str, Word]] = {
    "case": CASE_STATES,
    "notice": NOTICE_STATES,
    "parcel": PARCEL_STATES,
    "appointment": APPOINTMENT_STATES,
    "ticket": TICKET_STATES,
    "waiting": WAITING_STATES,
    "fee": FEE_STATES,
    "material": MATERIAL_STATES,
}

ROLES: Mapping[str, str] = {
    "clerk": "窗口人员",
    "approver": "审批人",
    "supervisor": "监督员",
    "planner": "排班员",
    "cashier": "收费员",
    "editor": "编辑",
    "reception": "村社接待",
    "community_officer": "社区民警",
    "data_officer": "个人信息保护负责人",
    "system_admin": "系统管理员",
    "security_admin": "安全管理员",
    "audit_admin": "审计管理员",
}

STANDINGS: Mapping[str, str] = {"officer": "民警", "auxiliary": "辅警", "civilian": "文职"}


def state_word(state: str, kind: str = "case") -> Word:
    """The word of a state; ``kind`` is one of KINDS.

    A declaration may add states of its own; one that has no word here is shown by its code, so that no page fails.
    """
    return KINDS[kind].get(state, Word(state, "circle-dashed", "off"))


def role_word(role: str) -> str:
    """The Chinese word of a role; the code itself where an installation has a role of its own."""
    return ROLES.get(role, role)


def standing_word(standing: str) -> str:
    """The Chinese word of a standing (officer, auxiliary, civilian)."""
    return STANDINGS.get(standing, standing)


# --- Error pages ----------------------------------------------------------------------------------------------------


class ErrorText(NamedTuple):
    """What an error page says: ``title``, ``text`` (what happened), ``advice`` (what to do now)."""

    title: str
    text: str
    advice: str


ERROR_TEXTS: Mapping[int, ErrorText] = {
    400: ErrorText(
        "这一步没有办成",
        "页面可能停留太久，已经过期；或者链接不完整。您保存过的内容还在。",
        "请回到上一页，刷新后再试一次。",
    ),
    401: ErrorText("请先登录", "登录已经过期。您保存过的内容还在。", "请重新登录后继续办理。"),
    403: ErrorText(
        "这一页不对您开放",
        "可能登录的不是办理人本人的账号，或者您的岗位没有这项权限。",
        "请换用本人账号登录；仍然打不开的，请打电话或到人工窗口问一问。",
    ),
    404: ErrorText(
        "没有找到这一页",
        "链接可能不完整、已经失效，或者这件事不在您的名下。",
        "请从首页重新进入；手里有编号的，可以在“我的办件”里查找。",
    ),
    405: ErrorText(
        "这个地址不能直接打开", "它只在提交表单时使用，刷新或收藏后会看到这一页。", "请回到首页，从办件里继续。"
    ),
    409: ErrorText(
        "这件事刚刚有了变化",
        "可能您在另一个页面办过，或者工作人员已经处理。您刚才的操作没有生效，也没有重复提交。",
        "请打开办件看最新进度，再决定下一步。",
    ),
    413: ErrorText("文件太大", "每个文件不能超过 10 MB，一次最多 6 个。", "请换一张小一些的照片，或一张一张地上传。"),
    422: ErrorText("有内容需要修改", "提交的内容不完整或格式不对。", "请回到上一页，按红字提示改好后再提交。"),
    429: ErrorText("操作太频繁", "为了保护您的账号，系统暂时停了一下。", "请过几分钟再试，之前保存的内容不会丢。"),
    500: ErrorText(
        "系统出了问题",
        "这不是您的操作造成的，我们已经记下。已经保存、已经提交的内容不会丢。",
        "请过几分钟再试。着急的话，可以打电话或到人工窗口办理。",
    ),
    503: ErrorText("系统正在恢复", "暂时连不上后台。已经保存、已经提交的内容不会丢。", "请过几分钟刷新这一页。"),
}


#: Where an officer is told something else than a citizen.
STAFF_ERROR_TEXTS: Mapping[int, ErrorText] = {
    403: ErrorText(
        "您的岗位不能做这一步",
        "这一页或这项操作只对有相应职责的人员开放：岗位、身份（民警、辅警、文职）和所在单位都要符合。",
        "请交给本单位有这项职责的同事办理；职责有误的，请找系统管理员。",
    ),
    404: ErrorText(
        "没有找到这一页",
        "链接可能不完整，或者这件事不归本单位办理。",
        "请回到待办，用编号、身份证号或手机号查找。",
    ),
    409: ErrorText(
        "这件事刚刚被别人处理过",
        "在您打开之后，状态已经变了。您刚才的操作没有生效。",
        "请重新打开办件，看清最新状态再决定。",
    ),
    500: ErrorText(
        "系统出了问题", "这不是您的操作造成的，我们已经记下。", "请过几分钟再试；反复出现的，请报给系统管理员。"
    ),
}
