"""What the showcase shows: the residence permit of one invented migrant worker, at the phone and at the desk."""

from __future__ import annotations

import datetime as dt
from typing import Any

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def _at(month: int, day: int, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


NUMBER = "FH-2026-1125-000317-4"

CASE = {"id": "0198c5", "number": NUMBER, "state": "accepted", "version": 3, "visits": 0}

STAFF = {"name": "李敏", "office": "岳林派出所", "roles": ["clerk", "approver"], "standing": "officer"}

PERSON_FIELDS: list[dict[str, Any]] = [
    {
        "name": "name",
        "label": "姓名",
        "hint": "与身份证上一致，少数民族姓名请写全。",
        "kind": "text",
        "value": "阿卜杜拉·买买提",
        "required": True,
        "autocomplete": "name",
        "maxlength": 50,
    },
    {
        "name": "id_number",
        "label": "公民身份号码",
        "hint": "18 位，最后一位可以是 X。",
        "kind": "id_number",
        "required": True,
        "sensitive": True,
        "value": "",
    },
    {
        "name": "phone",
        "label": "手机号",
        "hint": "用来接收办理进度，只发短信，不带链接。",
        "kind": "phone",
        "required": True,
        "value": "",
    },
]

FORM_FIELDS: list[dict[str, Any]] = [
    {
        "name": "ground",
        "label": "申领理由",
        "kind": "radio",
        "required": True,
        "value": "employment",
        "choices": [
            ("employment", "合法稳定就业", "在奉化有工作，社保或劳动合同能说明"),
            ("housing", "合法稳定住所", "自己的房子，或租期半年以上的出租房"),
            ("study", "连续就读", "在奉化的中小学或高校读书"),
        ],
    },
    {
        "name": "employer",
        "label": "单位名称",
        "kind": "static",
        "value": "宁波奉化锦溪汽车零部件有限公司",
        "hint": "来自社会保险登记，不用填写。",
    },
    {
        "name": "since",
        "label": "到奉化居住的日期",
        "hint": "记不清的，写大概的日子就可以。",
        "kind": "date",
        "required": True,
        "value": "2026-03-02",
    },
    {
        "name": "education",
        "label": "文化程度",
        "kind": "select",
        "value": "",
        "choices": [("1", "小学", ""), ("2", "初中", ""), ("3", "高中或中专", ""), ("4", "大专及以上", "")],
    },
    {"name": "notes", "label": "还有什么要告诉我们的", "kind": "textarea", "value": "", "maxlength": 200},
    {
        "name": "agree_electronic",
        "label": "同意用微信或短信把决定告诉我（不同意的，用 EMS 寄给您）",
        "kind": "checkbox",
        "value": "yes",
    },
]

ERRORS = {
    "ground": ["请选一个申领理由"],
    "postal": {"phone": ["手机号少了 2 位，请检查"], "recipient": ["请写收件人姓名"]},
}

ADDRESS_FIELD: dict[str, Any] = {
    "name": "address_code",
    "label": "居住地址",
    "kind": "lookup",
    "required": True,
    "query": "锦屏 大成路",
    "hint": "写小区名，或者路名加门牌号。",
    "value": "330213001004",
    "choices": [
        ("330213001004", "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 301 室", "南大社区"),
        ("330213001005", "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 302 室", "南大社区"),
        ("330213001009", "锦屏街道大成路 92 号", "南大社区"),
    ],
}

CHECK_ROWS = [
    {"label": "申领理由", "value": "合法稳定就业", "href": "?step=ground&from=check", "name": "ground"},
    {
        "label": "居住地址",
        "value": "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 301 室",
        "href": "?step=address&from=check",
    },
    {"label": "单位", "value": "宁波奉化锦溪汽车零部件有限公司", "source": "社会保险登记，您已确认"},
    {"label": "文化程度", "value": "", "href": "?step=person&from=check"},
]
WHO_ROWS = [
    {"label": "姓名", "value": "阿***提"},
    {"label": "公民身份号码", "value": "6531**********012X"},
    {"label": "手机号", "value": "138****0317"},
    {"label": "证件照", "image": "/img/portrait", "source": "人口信息登记，您已确认"},
]
DELIVERY_ROWS = [
    {"label": "收件人", "value": "阿***提，138****0317", "href": "?step=delivery&from=check"},
    {"label": "寄到", "value": "浙江省宁波市奉化区锦屏街道***", "href": "?step=delivery&from=check"},
]

STEPS: list[dict[str, Any]] = [
    {"title": "已提交", "when": _at(11, 24, 20, 41), "text": "从微信提交，编号已发给您。", "status": "done"},
    {"title": "已受理", "when": _at(11, 25, 9, 12), "text": "岳林派出所窗口人员核对无误。", "status": "done"},
    {
        "title": "审批",
        "when": "最晚 11月27日（周五）",
        "text": "由另一位民警审批，您不用做什么。",
        "status": "current",
        "action": {"label": "看受理通知书", "href": "#"},
    },
    {"title": "制证", "text": "批准后在区行政服务中心制作。", "status": "todo"},
    {"title": "EMS 寄到您手里", "text": "寄到您填写的地址，本人签收。", "status": "todo"},
]

CLOCKS = [
    {"label": "承诺", "due": dt.date(2026, 11, 27), "state": "running", "left": "还剩 2 个工作日", "soon": True},
    {"label": "法定", "due": dt.date(2026, 12, 10), "state": "running", "left": ""},
]


def _row(
    serial: int, item: str, applicant: str, state: str, clock: dict[str, Any] | None, holder: str
) -> dict[str, Any]:
    return {
        "id": f"c{serial}",
        "href": "/console/cases/1",
        "number": f"FH-2026-1125-{serial:06d}-{serial % 9}",
        "item": item,
        "applicant": applicant,
        "state": state,
        "clock": clock,
        "holder": holder,
        "when": _at(11, 25, 8, serial % 60),
    }


ROWS = [
    _row(
        301,
        "居住证首次申领",
        "王*明",
        "submitted",
        {"label": "首次答复", "due": dt.date(2026, 11, 24), "state": "late", "left": "超 1 天"},
        "",
    ),
    _row(317, "居住证首次申领", "阿***提", "accepted", CLOCKS[0], "李敏"),
    _row(
        318,
        "居住登记",
        "陈*",
        "submitted",
        {"label": "承诺", "due": dt.date(2026, 11, 26), "state": "running", "left": "还剩 1 个工作日"},
        "",
    ),
    _row(
        322,
        "居住证换领",
        "欧***兰",
        "correcting",
        {"label": "承诺", "state": "stopped", "left": "等申请人补正"},
        "周强",
    ),
    _row(
        325,
        "居住证首次申领",
        "刘*",
        "accepted_with_gaps",
        {"label": "承诺", "due": dt.date(2027, 1, 4), "state": "provisional"},
        "李敏",
    ),
    _row(290, "居住证补领", "赵*华", "posted", {"label": "承诺", "due": dt.date(2026, 11, 24), "state": "met"}, "李敏"),
]

CHECKS: list[dict[str, Any]] = [
    {
        "name": "name",
        "label": "姓名",
        "value": "阿***提",
        "source": "与人口信息一致",
        "reveal_form": "reveal",
        "verdict": "ok",
    },
    {
        "name": "id_number",
        "label": "公民身份号码",
        "value": "6531**********012X",
        "source": "与人口信息一致",
        "reveal_form": "reveal",
    },
    {
        "name": "address",
        "label": "居住地址",
        "value": "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 301 室",
        "source": "标准地址 330213001004",
    },
    {
        "name": "employer",
        "label": "单位",
        "value": "宁波奉化锦溪汽车零部件有限公司",
        "note": "申请人认为登记有误",
        "verdict": "correct",
        "reason": "请补一份现单位的劳动合同，要有公章和起止日期。",
        "errors": [],
    },
    {"name": "registered", "label": "居住登记满半年", "value": "2026年5月23日起，已满", "source": "省流动人口登记"},
]

ANSWERS = [
    {
        "title": "社会保险登记",
        "source": "市社会保险登记",
        "as_of": _at(11, 24, 20, 40),
        "ok": True,
        "rows": [
            {"label": "单位", "value": "宁波奉化锦溪汽车零部件有限公司"},
            {"label": "信用代码", "value": "9133021300000000XX"},
            {"label": "参保", "value": "2026年3月至今"},
        ],
    },
    {
        "title": "省流动人口登记",
        "source": "浙江省流动人口登记",
        "as_of": _at(11, 24, 20, 40),
        "ok": True,
        "rows": [{"label": "居住登记", "value": "2026年5月23日，奉化区"}, {"label": "以前的居住证", "value": "没有"}],
    },
]

MATERIALS: list[dict[str, Any]] = [
    {"code": "portrait", "title": "本人证件照", "state": "supplied", "hint": "用人口信息登记里的照片，您已确认。"},
    {
        "code": "employment-proof",
        "title": "就业证明",
        "state": "correcting",
        "errors": ["请上传就业证明，劳动合同或单位证明都可以"],
        "hint": "劳动合同、单位证明、营业执照，有一样就可以。每张不超过 10 MB，最多 6 张。",
        "reason": "照片里看不清公章，请在亮一点的地方重拍一张。",
        "example": "/img/paper",
    },
    {
        "code": "housing-proof",
        "title": "居住证明",
        "state": "uploaded",
        "hint": "租房合同或房东、单位开的住宿证明。",
        "files": [
            {"id": "u1", "name": "租房合同第1页.jpg", "size": 812_000, "thumb": "/img/paper"},
            {"id": "u2", "name": "租房合同第2页.jpg", "size": 2_480_000, "thumb": "/img/paper"},
        ],
    },
]

NAV = [
    {"href": "/console/cases", "label": "待办办件", "icon": "list-check", "count": 6, "current": True},
    {"href": "/console/parcels", "label": "制证与寄递", "icon": "truck-delivery", "count": 2},
    {"href": "/console/calls", "label": "待致电", "icon": "phone", "count": 1},
    {"href": "/console/bindings", "label": "到窗口核验", "icon": "user-check"},
]
