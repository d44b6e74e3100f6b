"""A small application, for tests only, that shows every part of the page kit in content of the real service.

Run it by hand: ``python -m tests.pages.showcase`` and open http://127.0.0.1:8009/h5/.
"""

from __future__ import annotations

import datetime as dt
import io
import secrets
from pathlib import Path
from typing import Any

import qrcode
from flask import Flask, Response, abort, redirect, render_template, request, url_for
from flask_wtf import CSRFProtect
from jinja2 import FileSystemLoader
from PIL import Image, ImageDraw
from werkzeug.wrappers import Response as AnyResponse

import citizen_services
from citizen_services import words
from citizen_services.pages import init_pages, render_error

PACKAGE = Path(citizen_services.__file__).parent
SHANGHAI = dt.timezone(dt.timedelta(hours=8))


def _at(month: int, day: int, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, minute, tzinfo=SHANGHAI)


NUMBER = "FH-2026-1125-000317-4"

CASE = {"id": "0198c5", "number": NUMBER, "state": "accepted", "version": 3, "visits": 0}

STAFF = {"name": "李敏", "office": "岳林派出所", "roles": ["clerk", "approver"], "standing": "officer"}

PERSON_FIELDS: list[dict[str, Any]] = [
    {"name": "name", "label": "姓名", "hint": "与身份证上一致，少数民族姓名请写全。", "kind": "text", "value": "阿卜杜拉·买买提",
     "required": True, "autocomplete": "name", "maxlength": 50},
    {"name": "id_number", "label": "公民身份号码", "hint": "18 位，最后一位可以是 X。", "kind": "id_number", "required": True,
     "sensitive": True, "value": ""},
    {"name": "phone", "label": "手机号", "hint": "用来接收办理进度，只发短信，不带链接。", "kind": "phone", "required": True, "value": ""},
]  # fmt: skip

FORM_FIELDS: list[dict[str, Any]] = [
    {"name": "ground", "label": "申领理由", "kind": "radio", "required": True, "value": "employment", "choices": [
        ("employment", "合法稳定就业", "在奉化有工作，社保或劳动合同能说明"),
        ("housing", "合法稳定住所", "自己的房子，或租期半年以上的出租房"),
        ("study", "连续就读", "在奉化的中小学或高校读书")]},
    {"name": "employer", "label": "单位名称", "kind": "static", "value": "宁波奉化锦溪汽车零部件有限公司",
     "hint": "来自社会保险登记，不用填写。"},
    {"name": "since", "label": "到奉化居住的日期", "hint": "记不清的，写大概的日子就可以。", "kind": "date", "required": True,
     "value": "2026-03-02"},
    {"name": "education", "label": "文化程度", "kind": "select", "value": "", "choices": [
        ("1", "小学", ""), ("2", "初中", ""), ("3", "高中或中专", ""), ("4", "大专及以上", "")]},
    {"name": "notes", "label": "还有什么要告诉我们的", "kind": "textarea", "value": "", "maxlength": 200},
    {"name": "agree_electronic", "label": "同意用微信或短信把决定告诉我（不同意的，用 EMS 寄给您）", "kind": "checkbox", "value": "yes"},
]  # fmt: skip

ERRORS = {
    "ground": ["请选一个申领理由"],
    "postal": {"phone": ["手机号少了 2 位，请检查"], "recipient": ["请写收件人姓名"]},
}

ADDRESS_FIELD: dict[str, Any] = {
    "name": "address_code", "label": "居住地址", "kind": "lookup", "required": True, "query": "锦屏 大成路",
    "hint": "写小区名，或者路名加门牌号。", "value": "330213001004", "choices": [
        ("330213001004", "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 301 室", "南大社区"),
        ("330213001005", "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 302 室", "南大社区"),
        ("330213001009", "锦屏街道大成路 92 号", "南大社区")],
}  # fmt: skip

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
    {"title": "审批", "when": "最晚 11月27日（周五）", "text": "由另一位民警审批，您不用做什么。", "status": "current",
     "action": {"label": "看受理通知书", "href": "#"}},
    {"title": "制证", "text": "批准后在区行政服务中心制作。", "status": "todo"},
    {"title": "EMS 寄到您手里", "text": "寄到您填写的地址，本人签收。", "status": "todo"},
]  # fmt: skip

CLOCKS = [
    {"label": "承诺", "due": dt.date(2026, 11, 27), "state": "running", "left": "还剩 2 个工作日", "soon": True},
    {"label": "法定", "due": dt.date(2026, 12, 10), "state": "running", "left": ""},
]


def _row(
    serial: int, item: str, applicant: str, state: str, clock: dict[str, Any] | None, holder: str
) -> dict[str, Any]:
    return {"id": f"c{serial}", "href": "/console/cases/1", "number": f"FH-2026-1125-{serial:06d}-{serial % 9}", "item": item,
            "applicant": applicant, "state": state, "clock": clock, "holder": holder, "when": _at(11, 25, 8, serial % 60)}  # fmt: skip


ROWS = [
    _row(301, "居住证首次申领", "王*明", "submitted",
         {"label": "首次答复", "due": dt.date(2026, 11, 24), "state": "late", "left": "超 1 天"}, ""),
    _row(317, "居住证首次申领", "阿***提", "accepted", CLOCKS[0], "李敏"),
    _row(318, "居住登记", "陈*", "submitted", {"label": "承诺", "due": dt.date(2026, 11, 26), "state": "running", "left": "还剩 1 个工作日"}, ""),
    _row(322, "居住证换领", "欧***兰", "correcting", {"label": "承诺", "state": "stopped", "left": "等申请人补正"}, "周强"),
    _row(325, "居住证首次申领", "刘*", "accepted_with_gaps", {"label": "承诺", "due": dt.date(2027, 1, 4), "state": "provisional"}, "李敏"),
    _row(290, "居住证补领", "赵*华", "posted", {"label": "承诺", "due": dt.date(2026, 11, 24), "state": "met"}, "李敏"),
]  # fmt: skip

CHECKS: list[dict[str, Any]] = [
    {"name": "name", "label": "姓名", "value": "阿***提", "source": "与人口信息一致", "reveal_form": "reveal", "verdict": "ok"},
    {"name": "id_number", "label": "公民身份号码", "value": "6531**********012X", "source": "与人口信息一致", "reveal_form": "reveal"},
    {"name": "address", "label": "居住地址", "value": "锦屏街道大成路 88 号锦绣家园 12 幢 2 单元 301 室",
     "source": "标准地址 330213001004"},
    {"name": "employer", "label": "单位", "value": "宁波奉化锦溪汽车零部件有限公司", "note": "申请人认为登记有误",
     "verdict": "correct", "reason": "请补一份现单位的劳动合同，要有公章和起止日期。", "errors": []},
    {"name": "registered", "label": "居住登记满半年", "value": "2026年5月23日起，已满", "source": "省流动人口登记"},
]  # fmt: skip

ANSWERS = [
    {"title": "社会保险登记", "source": "市社会保险登记", "as_of": _at(11, 24, 20, 40), "ok": True, "rows": [
        {"label": "单位", "value": "宁波奉化锦溪汽车零部件有限公司"}, {"label": "信用代码", "value": "9133021300000000XX"},
        {"label": "参保", "value": "2026年3月至今"}]},
    {"title": "省流动人口登记", "source": "浙江省流动人口登记", "as_of": _at(11, 24, 20, 40), "ok": True, "rows": [
        {"label": "居住登记", "value": "2026年5月23日，奉化区"}, {"label": "以前的居住证", "value": "没有"}]},
]  # fmt: skip

MATERIALS: list[dict[str, Any]] = [
    {"code": "portrait", "title": "本人证件照", "state": "supplied", "hint": "用人口信息登记里的照片，您已确认。"},
    {"code": "employment-proof", "title": "就业证明", "state": "correcting", "errors": ["请上传就业证明，劳动合同或单位证明都可以"],
     "hint": "劳动合同、单位证明、营业执照，有一样就可以。每张不超过 10 MB，最多 6 张。",
     "reason": "照片里看不清公章，请在亮一点的地方重拍一张。", "example": "/img/paper"},
    {"code": "housing-proof", "title": "居住证明", "state": "uploaded", "hint": "租房合同或房东、单位开的住宿证明。", "files": [
        {"id": "u1", "name": "租房合同第1页.jpg", "size": 812_000, "thumb": "/img/paper"},
        {"id": "u2", "name": "租房合同第2页.jpg", "size": 2_480_000, "thumb": "/img/paper"}]},
]  # fmt: skip

NAV = [
    {"href": "/console/cases", "label": "待办办件", "icon": "list-check", "count": 6, "current": True},
    {"href": "/console/parcels", "label": "制证与寄递", "icon": "truck-delivery", "count": 2},
    {"href": "/console/calls", "label": "待致电", "icon": "phone", "count": 1},
    {"href": "/console/bindings", "label": "到窗口核验", "icon": "user-check"},
]


def create_showcase() -> Flask:
    """The showcase as a Flask application; nothing behind it but this file's constants."""
    app = Flask("citizen_services", template_folder="templates", static_folder="static", root_path=str(PACKAGE))
    app.config.update(SECRET_KEY=secrets.token_hex(16), WTF_CSRF_TIME_LIMIT=None)
    CSRFProtect(app)
    init_pages(app)
    app.jinja_loader = FileSystemLoader([PACKAGE / "templates", Path(__file__).parent / "templates"])

    def page(name: str, status: int = 200, **values: Any) -> tuple[str, int]:
        return render_template(f"showcase/{name}.html", form_token=secrets.token_hex(8), **values), status

    @app.get("/h5/")
    def home() -> Any:
        return page("home")

    @app.get("/h5/login")
    def login() -> Any:
        return page("login", back="/h5/")

    @app.route("/h5/bind", methods=["GET", "POST"])
    def bind() -> Any:
        return page("bind", fields=PERSON_FIELDS, back="/h5/")

    @app.get("/h5/items/residence-permit-first")
    def guide() -> Any:
        return page("guide", back="/h5/")

    @app.route("/h5/drafts/<step>", methods=["GET", "POST"])
    def draft(step: str) -> Any:
        common = {
            "back": "/h5/items/residence-permit-first",
            "case_data": {"id": "0198c4", "state": "draft", "version": 2},
        }
        if request.method == "POST":
            return redirect(url_for("draft", step=request.form.get("to", "form")), 303)
        if step == "form":
            return page("form", fields=FORM_FIELDS, **common)
        if step == "error":
            fields = [
                f | {"value": "", "errors": ERRORS["ground"]} if f["name"] == "ground" else f for f in FORM_FIELDS[:2]
            ]
            postal = [
                {"name": "recipient", "label": "收件人", "kind": "text", "value": "", "errors": ["请写收件人姓名"],
                 "required": True},
                {"name": "phone", "label": "收件人手机号", "kind": "phone", "value": "138000003", "required": True,
                 "errors": ["手机号少了 2 位，请检查"]}]  # fmt: skip
            return page("form", 422, fields=fields, postal=postal, errors=ERRORS, **common)
        if step in ("address", "registers", "papers", "check"):
            values = {"address": ADDRESS_FIELD, "materials": MATERIALS, "who": WHO_ROWS, "rows": CHECK_ROWS,
                      "delivery": DELIVERY_ROWS, "answers": ANSWERS}  # fmt: skip
            return page(step, **common, **values)
        abort(404)

    @app.get("/h5/cases/submitted")
    def submitted() -> Any:
        return page("submitted", case_data=CASE | {"state": "submitted", "version": 1}, number=NUMBER, live=True)

    @app.get("/h5/cases/1")
    def case() -> Any:
        return page("case", case_data=CASE, steps=STEPS, clocks=CLOCKS, back="/h5/", live=True)

    @app.get("/h5/states")
    def states() -> Any:
        return page("states", kinds=words.KINDS, back="/h5/")

    @app.get("/h5/error/<int:code>")
    def error(code: int) -> Any:
        return render_error(code)

    @app.get("/h5/crash")
    def crash() -> Any:
        raise ZeroDivisionError

    @app.get("/console/login")
    def console_login() -> Any:
        return page("console_login")

    @app.get("/console/cases")
    def console_cases() -> Any:
        return page("console_list", staff=STAFF, nav=NAV, rows=ROWS)

    @app.get("/console/cases/1")
    def console_case() -> Any:
        return page("console_case", staff=STAFF, nav=NAV, case_data=CASE, checks=CHECKS, answers=ANSWERS, clocks=CLOCKS,
                    steps=STEPS)  # fmt: skip

    @app.get("/planted")
    def planted() -> Any:
        return page("planted")

    @app.get("/img/<name>")
    def image(name: str) -> AnyResponse:
        return _image(name)

    return app


def _image(name: str) -> Response:
    out = io.BytesIO()
    if name == "qr":
        qrcode.make("https://example.org/h5/c/7d2f9a", border=4).save(out)
    elif name == "portrait":
        picture = Image.new("RGB", (358, 441), "white")
        draw = ImageDraw.Draw(picture)
        draw.ellipse((119, 90, 239, 250), fill="#d9b08c")
        draw.pieslice((109, 70, 249, 220), 180, 360, fill="#2b2b2b")
        draw.pieslice((49, 270, 309, 620), 180, 360, fill="#33475f")
        picture.save(out, "PNG")
    else:
        picture = Image.new("RGB", (620, 860), "#fbf7ec")
        draw = ImageDraw.Draw(picture)
        for y in range(120, 800, 46):
            draw.line((60, y, 560, y), fill="#c9c2ad", width=8)
        draw.ellipse((400, 640, 540, 780), outline="#c0392b", width=8)
        picture.save(out, "PNG")
    return Response(out.getvalue(), mimetype="image/png")


if __name__ == "__main__":
    create_showcase().run("127.0.0.1", 8009)
