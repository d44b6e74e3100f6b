"""Everything about a person as a paper that people can read: what own_data.py gives programs, in Chinese words.

Codes that programs go by stand in brackets behind their words. A photo that a register gave is told of, not printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.clock import SHANGHAI
from citizen_services.parts import parts
from citizen_services.people.own_data import AGREED, LOOKED
from citizen_services.printing.paper import Paper, Part
from citizen_services.rules.dates import chinese_full_day, local_date
from citizen_services.words import CASE_STATES, role_word

#: Texts without an end, longer than any address: pictures in Base64.
_PICTURE = 2000
#: Of a list with longer texts each has a line of its own.
_SHORT = 20
_TITLES = {
    "identity": "身份信息", "wechat": "绑定的微信", "consents": "同意", "authorisations": "委托",
    "registrations": "居住登记", "permits": "居住证", "cases": "办件", "drafts": "没有提交的申请", "looks": "谁看过",
    "watches": "到期提醒", "kept": "存什么、为什么、存多久",
}  # fmt: skip
_LABELS = {
    "name": "姓名", "id_number": "公民身份号码", "phone": "手机号", "hukou_code": "户籍区划代码",
    "hukou_address": "户籍地址", "gender": "性别", "birth_date": "出生日期", "proved_by": "核验方式",
    "proved_at": "核验时间", "openid": "微信标识", "bound_at": "绑定时间", "purpose": "用途",
    "words": "内容", "at": "时间", "withdrawn_at": "撤回时间", "items": "事项", "until": "截止",
    "address": "地址", "since": "起", "card_number": "证件号", "issued_on": "签发日期",
    "endorsed_until": "签注有效期至", "state": "状态", "number": "编号", "item": "事项", "door": "办理方式",
    "submitted_at": "提交时间", "ended_at": "办结时间", "data": "填写的内容",
    "register_answers": "登记查询结果", "events": "经过", "documents": "文书", "by": "谁", "action": "动作",
    "fees": "费用", "amount_fen": "金额（分）", "fee_state": "缴费状态", "paid_at": "缴费时间",
    "to": "之后的状态", "title": "标题", "content": "内容", "outcome": "结果", "started_at": "开始时间",
    "saved_at": "保存时间", "office": "单位", "role": "岗位", "what": "内容", "reason": "理由",
    "why": "为什么", "who": "谁能看", "how_long": "存多久",
}  # fmt: skip
_BY = {"citizen": "申请人", "staff": "工作人员", "system": "系统"}
_WORDS = {
    "proved_by": {"face": "人脸核验", "counter": "窗口核验", "guardian": "监护人确认"},
    "gender": {"male": "男", "female": "女"},
    "purpose": AGREED,
    "what": LOOKED,
    "outcome": {"found": "查到", "none": "没有查到", "unavailable": "没有答复"},
}


def paper_of(document: Mapping[str, Any]) -> Paper:
    """The paper of ``own_data.everything``: all of it, part by part, with nobody's proof but its person's login."""
    made_at: datetime = document["made_at"]
    return Paper(
        title="本人信息副本",
        under_title=f"{document['identity']['name']} · {_moment(made_at)}",
        at=made_at,
        parts=tuple(_parts(document)),
        foot="本人信息副本，号码没有隐去，请妥善保管；供本人查阅，不作为证明",
        author=parts().settings.bureau,
    )


def _parts(document: Mapping[str, Any]) -> Iterator[Part]:
    for name, content in document.items():
        title = _TITLES.get(name, name)
        if name == "made_at":
            continue
        if not content:
            yield Part(title, paragraphs=("没有。",))
        elif isinstance(content, list) and all(_is_line(one) for one in content):
            yield Part(title, rows=tuple(_line(one, None) for one in content))
        elif isinstance(content, list):
            for number, one in enumerate(content, start=1):
                heading = title if len(content) == 1 else f"{title}（{number}/{len(content)}）"
                yield Part(heading, rows=tuple(_rows(one, _item_of(one))))
        else:
            yield Part(title, rows=tuple(_rows(content, None)))


def _item_of(one: Mapping[str, Any]) -> ServiceItem | None:
    """The service of a case or draft, whose words its answers and steps are shown in."""
    code = one.get("item")
    return next((item for item in parts().catalogue.items() if item.code == code), None)


def _rows(content: Mapping[str, Any], item: ServiceItem | None, above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        label = f"{above}{_LABELS.get(name, name)}"
        if name == "data" and isinstance(value, Mapping):
            yield from _filled_in(value, item)
        elif isinstance(value, Mapping):
            yield from _rows(value, item, f"{label} · ")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value, start=1):
                if _is_line(one):
                    when, told = _line(one, item)
                    yield label if number == 1 else "", f"{when}  {told}"
                else:
                    yield from _rows(one, item, f"{label}{number} · ")
        else:
            yield label, _coded(name, value, item)


def _is_line(one: Mapping[str, Any]) -> bool:
    """Whether something is told in one line: a moment, and what happened then."""
    return "at" in one and not any(isinstance(value, Mapping | list) for value in one.values())


def _line(one: Mapping[str, Any], item: ServiceItem | None) -> tuple[str, str]:
    told = (f"{_LABELS.get(name, name)}：{_coded(name, value, item)}" for name, value in one.items() if name != "at")
    return f"{one['at'].astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}", "；".join(told)


def _filled_in(data: Mapping[str, Any], item: ServiceItem | None) -> Iterator[tuple[str, str]]:
    """Answers by the form's own labels; a choice by its word, with the code behind."""
    groups = {group.code: group for group in item.groups} if item is not None else {}
    for code, answers in data.items():
        group = groups.get(code)
        if not isinstance(answers, Mapping):
            yield code, _text(answers)
            continue
        fields = group.schema.fields if group is not None else {}
        for name, value in answers.items():
            told = fields[name].metadata if name in fields else {}
            label = f"{group.title if group is not None else code} · {told.get('label', name)}"
            if isinstance(value, Mapping):
                yield from _rows(value, item, f"{label} · ")
                continue
            words = {choice[0]: choice[1] for choice in told.get("choices") or ()}
            yield label, f"{words[value]}（{value}）" if value in words else _text(value)


def _coded(name: str, value: Any, item: ServiceItem | None) -> str:
    """A value, with the word of a code where there is one."""
    words: Mapping[str, str] = {}
    if name in ("state", "to"):
        words = {code: word.text for code, word in CASE_STATES.items()}
    elif name == "by":
        words = _BY
    elif name in _WORDS:
        words = _WORDS[name]
    elif name == "role":
        return f"{role_word(value)}（{value}）"
    elif name == "action" and item is not None:
        words = {step.action: step.public or step.label for step in item.steps}
    elif name == "item":
        words = {one.code: one.name for one in parts().catalogue.items()}
    return f"{words[value]}（{value}）" if isinstance(value, str) and words.get(value) else _text(value)


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "—"
        case True:
            return "是"
        case False:
            return "否"
        case datetime():
            return _moment(value)
        case date():
            return chinese_full_day(value)
        case list() | tuple() | frozenset():
            texts = [_text(one) for one in value]
            return ("\n" if any(len(one) > _SHORT for one in texts) else "、").join(texts) or "—"
        case str() if len(value) > _PICTURE and " " not in value and value.isascii():
            return "（照片，见可由电脑读取的文件）"
    return str(value)


def _moment(moment: datetime) -> str:
    return f"{chinese_full_day(local_date(moment))} {moment.astimezone(SHANGHAI):%H:%M:%S}"
