"""Texts that no service item declares: codes, an account taken elsewhere, failed deliveries, a draft that waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from citizen_services.catalogue import Catalogue, Notice, SmsTemplate, WeChatTemplate
from citizen_services.rules.templates import aliyun_template, tencent_template
from notifications import booking_texts, refund_texts

LOGIN_CODE = SmsTemplate(
    "login_code", "您的登录验证码为{code}，5分钟内有效。工作人员不会向您索要验证码，请勿告诉他人。"
)
BIND_CODE = SmsTemplate("bind_code", "您正在绑定公安办事账号，验证码为{code}，5分钟内有效。非本人操作请勿告诉他人。")
AUTHORISE_CODE = SmsTemplate(
    "authorise_code", "验证码{code}，5分钟内有效，用于确认您请别人替您办事。请勿告诉任何人，非本人操作请忽略。"
)
OWN_DATA_CODE = SmsTemplate(
    "own_data_code", "验证码{code}，5分钟内有效，用于下载您本人的信息。请勿告诉任何人，非本人操作请忽略。"
)
CODES = {"login": LOGIN_CODE, "bind": BIND_CODE, "authorise": AUTHORISE_CODE, "own_data": OWN_DATA_CODE}

#: What staff are told: by SMS alone, since they have no WeChat here.
STAFF_DIGEST = SmsTemplate(
    "staff_digest", "{office}今天有{count}件告知和寄递没有办成，请登录工作台，在首页查看每日摘要。"
)

_ACCOUNT = WeChatTemplate(
    "account_change", "账号变更提醒", (("phrase1", "变更类型"), ("time2", "变更时间"), ("thing3", "温馨提示"))
)
BINDING_MOVED = Notice(
    code="binding_moved",
    title="账号绑定已变更",
    text="您的办事账号于{at}在另一部手机或另一个微信上完成了本人核验并重新绑定，原来的登录已经退出。"
    "如果不是您本人办理，请立即拨打 {phone} 或到派出所说明。",
    wechat_template=_ACCOUNT,
    wechat={"phrase1": "绑定变更", "time2": "{at}", "thing3": "非本人办理请立即联系派出所"},
    sms_template=SmsTemplate(
        "binding_moved", "您的公安办事账号于{at}重新绑定，原登录已退出。如非本人办理，请立即联系派出所或服务窗口。"
    ),
    sms={"at": "{at}"},
    must_be_known=True,
)

UNBOUND = Notice(
    code="unbound",
    title="微信已解除绑定",
    text="您的办事账号于{at}解除了与微信的绑定，原来的登录已经退出，办件照常办理，进度改用短信告诉您。"
    "如果不是您本人办理，请立即拨打 {phone} 或到派出所说明。",
    wechat_template=_ACCOUNT,
    wechat={"phrase1": "解除绑定", "time2": "{at}", "thing3": "非本人办理请立即联系派出所"},
    sms_template=SmsTemplate(
        "unbound", "您的公安办事账号于{at}解除微信绑定，原登录已退出。如非本人办理，请立即联系派出所或服务窗口。"
    ),
    sms={"at": "{at}"},
    must_be_known=True,
)

_PARCEL = WeChatTemplate(
    "parcel_trouble",
    "快递投递提醒",
    (
        ("character_string1", "邮件号"),
        ("phrase2", "投递结果"),
        ("time3", "投递时间"),
        ("thing4", "温馨提示"),
    ),
)
PARCEL_ADDRESS = Notice(
    code="parcel_address",
    title="快递地址有误",
    text="您的证件（办件编号{number}，邮件号{tracking}）于{at}没有投递成功：地址有误或已搬迁。"
    "请尽快拨打 11183 更改地址；不改的，证件会退回，届时可在办件页选择新地址，不收费。",
    wechat_template=_PARCEL,
    wechat={
        "character_string1": "{tracking}",
        "phrase2": "地址有误",
        "time3": "{at}",
        "thing4": "请拨打11183更改地址，不收费",
    },
    sms_template=SmsTemplate(
        "parcel_address",
        "您的证件邮件{tracking}因地址有误或搬迁未能投递，请尽快拨打11183更改地址。退回后可在微信公众号“我的办件”中改选，不收费。",
    ),
    sms={"tracking": "{tracking}"},
    must_be_known=True,
)
PARCEL_ABSENT = Notice(
    code="parcel_absent",
    title="快递没有联系上您",
    text="您的证件（办件编号{number}，邮件号{tracking}）于{at}投递时没有见到您。快递员会再次投递，请留意电话；"
    "也可以拨打 11183 约定时间。须本人签收。",
    wechat_template=_PARCEL,
    wechat={
        "character_string1": "{tracking}",
        "phrase2": "暂未送到",
        "time3": "{at}",
        "thing4": "会再次投递，可拨打11183约时间",
    },
    sms_template=SmsTemplate(
        "parcel_absent", "您的证件邮件{tracking}投递时没有见到您，快递员会再次投递，可拨打11183约定时间，须本人签收。"
    ),
    sms={"tracking": "{tracking}"},
)

DRAFT_WAITS = Notice(
    code="draft_waits",
    title="申请还没有提交",
    text="您在{at}保存的“{item}”申请还没有提交，我们还没有收到。已填写的内容都在，打开后可以接着填写；不再需要的，不用处理。",
    wechat_template=WeChatTemplate(
        "draft_waits", "申请未提交提醒", (("thing1", "办理事项"), ("time2", "保存时间"), ("thing3", "温馨提示"))
    ),
    wechat={"thing1": "{item}", "time2": "{at}", "thing3": "还没有提交，打开后可接着填写"},
    sms_template=SmsTemplate(
        "draft_waits", "您填写的{item}申请还没有提交，我们还没有收到。内容已保存，请在微信公众号“我的办件”中接着填写。"
    ),
    sms={"item": "{item}"},
)

CORRECTION_EXTENDED = Notice(
    code="correction_extended",
    title="补正期限已延后",
    text="您申请的{item}（{number}）的补正期限已延后到{until}，请在这一天前补正，逾期视为撤回。",
    wechat_template=WeChatTemplate(
        "correction_extended",
        "补正期限变更提醒",
        (("thing1", "办理事项"), ("character_string2", "办件编号"), ("thing3", "温馨提示")),
    ),
    wechat={"thing1": "{item}", "character_string2": "{number}", "thing3": "期限延后到{until}，请尽快补正"},
    sms_template=SmsTemplate(
        "correction_extended",
        "您申请的{item}的补正期限已延后，编号{number}，请于{until}前在微信公众号“我的办件”中补正，逾期视为撤回。",
    ),
    sms={"item": "{item}", "number": "{number}", "until": "{until}"},
    must_be_known=True,
)

ACTED_FOR_YOU = Notice(
    code="acted_for_you",
    title="有人替您办理",
    text="{who}于{at}替您办理了“{item}”（{number}）的一步：{act}。"
    "不是您请的，请马上在首页的“委托别人办”里收回，或到派出所说明。",
    wechat_template=WeChatTemplate(
        "acted_for_you",
        "代办进展提醒",
        (("thing1", "办理事项"), ("character_string2", "办件编号"), ("time3", "办理时间"), ("thing4", "温馨提示")),
    ),
    wechat={
        "thing1": "{item}",
        "character_string2": "{number}",
        "time3": "{at}",
        "thing4": "有人替您办理，非您所托请收回",
    },
    sms_template=SmsTemplate(
        "acted_for_you",
        "有人于{at}替您办理了{item}，编号{number}，如果不是您请的，请在微信公众号“委托别人办”中收回，或到派出所说明。",
    ),
    sms={"at": "{at}", "item": "{item}", "number": "{number}"},
    must_be_known=True,
)

#: An account holds few templates: whoever is asked to register for two reasons hears of it by one.
_REGISTER = WeChatTemplate("worker_joined", "居住登记申报提醒", (("thing1", "办理事项"), ("thing2", "温馨提示")))
WORKER_JOINED = Notice(
    code="worker_joined",
    title="请申报居住登记",
    text="{org}已向公安机关报告您到该单位工作。来本地居住的，请自己申报居住登记：在手机上办，不用到窗口，居住时间从申报当天起算。"
    "没有到该单位工作的，请致电派出所。",
    wechat_template=_REGISTER,
    wechat={"thing1": "居住登记", "thing2": "单位已报告您入职，请申报居住登记"},
    sms_template=SmsTemplate(
        "worker_joined",
        "{org}已报告您到该单位工作，请在微信公众号申报居住登记，不用到窗口。没有到该单位工作的，请致电派出所。",
    ),
    sms={"org": "{org}"},
)

_RUNS_OUT = WeChatTemplate("runs_out", "到期提醒", (("thing1", "事项"), ("date2", "有效期至"), ("thing3", "温馨提示")))
#: What somebody wanted to be reminded of (notifications/watches.py).
RUNS_OUT = Notice(
    code="runs_out",
    title="快到期了",
    text="您要我们提醒的{watched}，有效期至{valid_until}。请在到期前办理，可以在手机上办的不用跑。"
    "不想再收到的，在“到期提醒”里按一下“不再提醒”就行。",
    wechat_template=_RUNS_OUT,
    wechat={"thing1": "{watched}", "date2": "{valid_until}", "thing3": "请在到期前办理，点开可停止提醒"},
    sms_template=SmsTemplate(
        "runs_out",
        "您要我们提醒的{watched}，有效期至{valid_until}，请在到期前办理。不想再收到的，在微信公众号“到期提醒”里停止。",
    ),
    sms={"watched": "{watched}", "valid_until": "{valid_until}"},
)

HOUSEHOLD_INVITED = Notice(
    code="household_invited",
    title="家人请您确认一起登记",
    text="{who}办理{item}时填了您是同住的家人。一起登记的，请在{until}前登录自己的账号，在首页确认；"
    "您没有确认的，不会替您登记任何内容。不认识的不用理会。",
    wechat_template=_REGISTER,
    wechat={"thing1": "{item}", "thing2": "家人请您确认一起登记"},
    sms_template=SmsTemplate(
        "household_invited",
        "{who}请您确认一起办理{item}，请在{until}前在微信公众号首页确认。您没有确认的，不会登记，不认识的不用理会。",
    ),
    sms={"who": "{who}", "item": "{item}", "until": "{until}"},
)

_PERMIT_YEAR = WeChatTemplate(
    "permit_year", "证件到期提醒", (("thing1", "证件名称"), ("date2", "有效期至"), ("thing3", "温馨提示"))
)


def _permit_year(code: str, title: str, text: str, hint: str, sms: str, *, must: bool = False) -> Notice:
    return Notice(
        code=code,
        title=title,
        text=text,
        wechat_template=_PERMIT_YEAR,
        wechat={"thing1": "居住证", "date2": "{valid_until}", "thing3": hint},
        sms_template=SmsTemplate(code, sms),
        sms={"valid_until": "{valid_until}"},
        must_be_known=must,
    )


PERMIT_WINDOW = _permit_year(
    "permit_window",
    "居住证可以签注了",
    "您的居住证签注有效期至{valid_until}，现在就可以在手机上签注下一年，不收费，不用到场，不换证。",
    "可以签注了，手机上办，不用到场",
    "您的居住证签注有效期至{valid_until}，现在就可以在微信公众号办理签注，不收费，不用到场。",
)
PERMIT_LAST_DAYS = _permit_year(
    "permit_last_days",
    "居住证快到期了",
    "您的居住证签注有效期至{valid_until}，还没有签注下一年。请在这一天前在手机上办理；过了这一天，居住证会暂停使用。",
    "还没有签注，过期会暂停使用",
    "您的居住证签注有效期至{valid_until}，还没有签注，过了这一天会暂停使用。请在微信公众号办理，不收费，不用到场。",
)
PERMIT_SUSPENDED = _permit_year(
    "permit_suspended",
    "居住证已暂停使用",
    "您的居住证签注有效期到{valid_until}为止，没有签注下一年，使用功能已中止。证件没有作废：在手机上补办签注后恢复使用，"
    "居住年限从补办之日起重新计算。",
    "没有签注已暂停使用，补办后恢复",
    "您的居住证签注有效期到{valid_until}为止，现已暂停使用。在微信公众号补办签注后恢复，不收费，不用到场。",
    must=True,
)

PERMIT_ENDED = Notice(
    code="permit_ended",
    title="居住证已终止",
    text="您的居住证已于{ended_on}终止：{why_ended}。这张居住证和电子居住证都不能再使用；情况不符的，请联系居住地派出所核实。",
    wechat_template=WeChatTemplate(
        "permit_ended", "证件终止通知", (("thing1", "证件名称"), ("date2", "终止日期"), ("thing3", "终止原因"))
    ),
    wechat={"thing1": "居住证", "date2": "{ended_on}", "thing3": "{why_ended}"},
    sms_template=SmsTemplate(
        "permit_ended", "您的居住证已于{ended_on}终止：{why_ended}。情况不符的，请联系居住地派出所核实。"
    ),
    sms={"ended_on": "{ended_on}", "why_ended": "{why_ended}"},
    must_be_known=True,
)

DATA_ANSWERED = Notice(
    code="data_answered",
    title="个人信息请求已答复",
    text="您提出的个人信息{kind}请求已经答复，请在首页“我的信息”里查看。",
    wechat_template=WeChatTemplate(
        "data_answered", "请求处理结果提醒", (("thing1", "请求内容"), ("thing2", "温馨提示"))
    ),
    wechat={"thing1": "个人信息{kind}", "thing2": "已经答复，请在“我的信息”里看"},
    sms_template=SmsTemplate("data_answered", "您提出的个人信息{kind}请求已经答复，请在微信公众号“我的信息”中查看。"),
    sms={"kind": "{kind}"},
)

LETTER_ADDRESS = Notice(
    code="letter_address",
    title="文书没有送到，请填地址",
    text="您的办件（{number}）有一份文书要邮寄送达，但没有能寄到的地址。请在办件页填写现在能收信的地址，"
    "我们用 EMS 寄给您，不收费，须本人签收。送达之前，不服的期限不开始算。",
    wechat_template=WeChatTemplate(
        "letter_address", "文书送达提醒", (("character_string1", "办件编号"), ("thing2", "温馨提示"))
    ),
    wechat={"character_string1": "{number}", "thing2": "文书没有送到，请填写收信地址"},
    sms_template=SmsTemplate(
        "letter_address",
        "您有一份文书没有送到，办件编号{number}。请在微信公众号“我的办件”中填写收信地址，免费寄送，须本人签收。",
    ),
    sms={"number": "{number}"},
    must_be_known=True,
)

OLD_DOCUMENT = Notice(
    code="old_document",
    title="旧证还没有交回",
    text="您的{document}（办件编号{number}）还没有交回。快递员上门时请交给他带回，不用付费；也可以邮寄或顺路交到行政服务中心。"
    "已经交了的，不用理会；找不到的，请打电话告诉我们。",
    wechat_template=WeChatTemplate(
        "old_document",
        "证件交回提醒",
        (("thing1", "证件名称"), ("character_string2", "办件编号"), ("thing3", "温馨提示")),
    ),
    wechat={"thing1": "{document}", "character_string2": "{number}", "thing3": "旧证还没有交回，交给快递员即可"},
    sms_template=SmsTemplate(
        "old_document", "您的{document}还没有交回，编号{number}。交给上门的快递员即可，不用付费；已经交了的不用理会。"
    ),
    sms={"document": "{document}", "number": "{number}"},
)

RATING_SET_ASIDE = Notice(
    code="rating_set_aside",
    title="您的评价经复核不计入统计",
    text="您对“{item}”（{number}）的评价仍然保留，经复核不计入满意率：{decision}。有不同意见的，可拨打 12345 反映。",
    wechat_template=WeChatTemplate(
        "rating_set_aside",
        "评价复核结果通知",
        (("thing1", "办理事项"), ("character_string2", "办件编号"), ("thing3", "温馨提示")),
    ),
    wechat={"thing1": "{item}", "character_string2": "{number}", "thing3": "经复核不计入统计，点开看说明"},
    sms_template=SmsTemplate(
        "rating_set_aside",
        "您对{item}的评价仍然保留，经复核不计入满意率，编号{number}。说明请在微信公众号“我的办件”中查看。",
    ),
    sms={"item": "{item}", "number": "{number}"},
)

#: Every notice that is told without a step of a case.
OWN = (
    RATING_SET_ASIDE,
    OLD_DOCUMENT,
    LETTER_ADDRESS,
    BINDING_MOVED,
    UNBOUND,
    PARCEL_ADDRESS,
    PARCEL_ABSENT,
    DRAFT_WAITS,
    CORRECTION_EXTENDED,
    ACTED_FOR_YOU,
    WORKER_JOINED,
    HOUSEHOLD_INVITED,
    PERMIT_WINDOW,
    PERMIT_LAST_DAYS,
    PERMIT_SUSPENDED,
    PERMIT_ENDED,
    RUNS_OUT,
    DATA_ANSWERED,
    *refund_texts.ALL,
)


@dataclass(frozen=True)
class Registered:
    """A template as it is to be registered with its partner; ``kind`` is ``code`` or ``notice``."""

    partner: str
    key: str
    title: str
    content: str
    kind: str


#: How each SMS gateway writes a template.
_NOTATIONS = {"sms_aliyun": aliyun_template, "sms_tencent": tencent_template}


def templates_of(catalogue: Catalogue, gateways: Sequence[str] = ("sms_aliyun",)) -> Iterator[Registered]:
    """Every template that we send by, each once, in the partner's own notation: for the operator who registers them."""
    seen: set[tuple[str, str]] = set()
    notices = [notice for item in catalogue.every() for step in item.steps for notice in step.tells]
    sms_by = {name: _NOTATIONS[name] for name in gateways}
    found = [
        Registered(name, t.key, "验证码", write(t.text), "code")
        for t in CODES.values()
        for name, write in sms_by.items()
    ]
    found += [
        Registered(name, STAFF_DIGEST.key, "每日摘要", write(STAFF_DIGEST.text), "notice")
        for name, write in sms_by.items()
    ]
    for notice in (*notices, *OWN, *booking_texts.notices(catalogue)):
        wechat, sms = notice.wechat_template, notice.sms_template
        lines = "\n".join(f"{label}：{{{{{key}.DATA}}}}" for key, label in wechat.fields)
        found.append(Registered("wechat_api", wechat.key, wechat.title, lines, "notice"))
        found += [Registered(name, sms.key, notice.title, write(sms.text), "notice") for name, write in sms_by.items()]
    for template in found:
        if (template.partner, template.key) not in seen:
            seen.add((template.partner, template.key))
            yield template
