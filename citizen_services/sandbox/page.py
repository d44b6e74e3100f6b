"""The sandbox's one page: a citizen's phone that works, and beside it the ledger of what our application did.

It serves people who develop or look at the project; it needs no script (with it, it refreshes itself).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from citizen_services.rules.masking import mask_id, mask_phone, scrub
from citizen_services.sandbox.config import OPTIONAL, PARTNERS
from citizen_services.sandbox.ems import EmsDesk
from citizen_services.sandbox.faults import Fault
from citizen_services.sandbox.platform import Desk
from citizen_services.sandbox.server import is_loopback
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.wechat_menus import Menus
from citizen_services.sandbox.wechat_push import PushDoor
from citizen_services.sandbox.world import World

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
PARTNER_NAMES = {
    "wechat_api": "微信公众平台",
    "wechat_oauth": "微信网页授权",
    "sms_aliyun": "阿里云短信",
    "sms_tencent": "腾讯云短信",
    "ems": "中国邮政",
    "population": "人口库",
    "migrants": "流动人口库",
    "addresses": "标准地址库",
    "social_insurance": "社会保险",
    "market": "市场主体登记",
    "schools": "学籍登记",
    "one_window": "省一窗受理平台",
    "vehicles": "机动车登记",
    "licences": "驾驶证登记",
    "violations": "交通违法记录",
    "insurance": "交强险",
    "vehicle_tax": "车船税",
    "purchase_tax": "车辆购置税",
    "medical": "驾驶人体检",
    "platform": "交管综合平台",
}
OPERATION_NAMES = {
    "steps": "上报办理环节",
    "ratings": "上报评价",
    "contests": "上报评价申诉结果",
    "token": "取接口凭据",
    "stable_token": "取接口凭据",
    "message/template/send": "模板消息",
    "message/custom/send": "客服消息",
    "message/subscribe/bizsend": "订阅通知",
    "menu/create": "发布菜单",
    "menu/get": "查询菜单",
    "menu/addconditional": "发布个性化菜单",
    "menu/delconditional": "删除个性化菜单",
    "tags/create": "创建用户标签",
    "tags/get": "查询用户标签",
    "tags/members/batchtagging": "打用户标签",
    "tags/members/batchuntagging": "取消用户标签",
    "user/info": "用户信息",
    "sns/oauth2/access_token": "网页授权换取身份",
    "SendSms": "发送短信",
    "QuerySendDetails": "查询发送记录",
    "020003": "下单取号",
    "020006": "撤单",
    "010004": "取面单",
    "040001": "查询轨迹",
    "verify": "核验身份",
    "person": "查询人员",
    "portrait": "取照片",
    "face": "人脸比对",
    "registrations": "写入居住登记",
    "permits": "写入居住证",
    "refs": "按流水号查询",
    "search": "搜索地址",
    "address": "查询地址",
    "employment": "查询参保",
    "business": "查询经营主体",
    "enrolment": "查询学籍",
    "vehicle": "查询车辆",
    "owned": "查询名下车辆",
    "licence": "查询驾驶证",
    "open": "查询未处理违法",
    "compulsory": "查询交强险",
    "paid": "查询完税",
    "certificate": "查询体检",
    "applications": "移交申请",
    "withdrawals": "撤回申请",
    "answers": "查询答复",
    "expiries": "查询有效期",
}
OUTCOME_NAMES = {"ok": "正常", "accepted": "已受理", "repeated": "重复"}
#: What a courier does next, as the page's buttons offer it: label, opCode, deliverCode, attemptDeliveryCode.
COURIER = (
    ("收寄", "203", "", ""),
    ("离开处理中心", "389", "", ""),
    ("到达投递局", "713", "", ""),
    ("派送", "702", "", ""),
    ("本人签收", "704", "10", ""),
    ("他人代收", "704", "20", ""),
    ("拒收", "705", "", "7"),
    ("退回", "711", "", ""),
)
#: What an officer of the national platform answers, as the page's buttons offer it; None: nobody answered yet.
ANSWER_NAMES = {None: "等待答复", "accepted": "同意", "on_site": "转现场", "refused": "不同意"}
FAULT_NAMES = {
    "none": "一切正常",
    "slow": "应答迟缓",
    "http_500": "服务器错误",
    "refuse": "业务拒绝",
    "accept_then_cut": "受理后断线",
    "expired_token": "凭据过期",
    "duplicate_receipts": "重复回执",
    "reorder_receipts": "回执乱序",
}
ACT_NAMES = {
    "subscribe": "关注了公众号",
    "unsubscribe": "取消了关注",
    "scan": "扫描了二维码",
    "click": "点击了菜单",
    "view": "打开了链接",
    "location": "发送了位置",
    "image": "发送了图片",
}
LEDGER_LINES = 40
TALK_LINES = 30


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, CHINA).strftime("%H:%M:%S")


def _masked(to: str) -> str:
    """An addressee as the page shows it: identity numbers and phones with their middle hidden."""
    if re.fullmatch(r"\d{17}[\dX]", to):
        return mask_id(to)
    return mask_phone(to) if re.fullmatch(r"1\d{10}", to) else scrub(to)


def _talk(world: World, openid: str, phone: str) -> list[dict[str, Any]]:
    """What that citizen's phone shows, oldest first: the account's conversation and the SMS of its number."""
    lines = [dict(line) for line in world.state.rows("talk").values() if line["openid"] == openid]
    for sms in world.state.rows("sms").values():
        if phone and sms["phone"] == phone:
            lines.append({"kind": "sms", "at": sms["at"], "text": sms["text"]})
    lines.sort(key=lambda line: line["at"])
    lines, minute = lines[-TALK_LINES:], ""
    for line in lines:
        # As on a phone, the time stands only where it changed.
        line["clock"] = "" if _clock(line["at"])[:5] == minute else _clock(line["at"])[:5]
        minute = line["clock"] or minute
        if line["kind"] == "act":
            line["act_name"] = ACT_NAMES.get(line["act"], "" if line["act"] == "text" else line["act"])
    return lines


def _ledger(world: World, partner: str) -> list[dict[str, Any]]:
    """The last entries, newest first, in the words of the page."""
    shown = []
    for entry in reversed(world.ledger.entries(partner)[-LEDGER_LINES:]):
        taken = entry["outcome"] in ("ok", "accepted")
        shown.append(
            entry
            | {
                "to": _masked(entry["to"]),
                "text": scrub(entry["text"]),
                "clock": _clock(datetime.fromisoformat(entry["at"]).timestamp()),
                "partner_name": PARTNER_NAMES.get(entry["partner"], entry["partner"]),
                "operation_name": OPERATION_NAMES.get(entry["operation"], entry["operation"]),
                "outcome_name": OUTCOME_NAMES.get(entry["outcome"], entry["outcome"]),
                "tone": "good" if taken else "quiet" if entry["outcome"] == "repeated" else "bad",
            }
        )
    return shown


def blueprint(world: World) -> Blueprint:
    """`/` and the forms on it."""
    routes = Blueprint("page", __name__)
    door: PushDoor = world.doors["wechat"]
    desk: EmsDesk = world.doors["ems"]
    officers: Desk = world.doors["platform"]

    @routes.after_app_request
    def careful(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "same-origin"
            response.headers["Cache-Control"] = "no-store"
        return response

    @routes.before_request
    def only_our_own_page() -> None:
        if not is_loopback(request.host.rsplit(":", 1)[0].strip("[]")):
            abort(403)
        origin = urlsplit(request.headers.get("Origin", "")).netloc
        if request.method == "POST" and origin and origin != request.host:
            abort(403)

    def back(**more: str) -> BaseResponse:
        kept = {name: request.form[name] for name in ("who", "phone", "partner") if request.form.get(name)}
        return redirect("/?" + urlencode(kept | more), 303)

    @routes.get("/")
    def phone() -> str:
        followers = world.state.rows("followers")
        people = [
            {"openid": key, "name": row.get("name") or f"微信用户 {key[-6:]}", "follows": row["subscribed"]}
            for key, row in followers.items()
        ]
        who = request.args.get("who") or (people[-1]["openid"] if people else "")
        number = request.args.get("phone") or (followers.get(who) or {}).get("phone") or ""
        partner = request.args.get("partner", "")
        parcels = [row for row in world.state.rows("parcels").values() if not row["cancelled"]][-3:]
        return render_template(
            "phone.html",
            people=people,
            who=who,
            owner=next((one for one in people if one["openid"] == who), None),
            number=number,
            numbers=sorted(
                {sms["phone"] for sms in world.state.rows("sms").values()} | ({number} if number else set())
            ),
            talk=_talk(world, who, number),
            buttons=Menus(world).shown_to(who),
            ledger=_ledger(world, partner),
            partner=partner,
            partner_names=PARTNER_NAMES,
            parcels=list(reversed(parcels)),
            courier=COURIER,
            applications=officers.newest(3),
            answer_names=ANSWER_NAMES,
            faults={name: fault.mode for name, fault in world.faults.shown().items()},
            fault_names=FAULT_NAMES,
            public_base_url=world.config.public_base_url,
        )

    @routes.post("/act")
    def act() -> BaseResponse:
        kind, openid = request.form.get("kind", ""), request.form.get("who", "").strip()
        body = {"openid": openid, "kind": kind}
        for name in ("content", "key", "url"):
            if request.form.get(name):
                body[name] = request.form[name]
        try:
            door.push(body)
        except ValueError:
            abort(409)
        return back(who=openid)

    @routes.post("/courier")
    def courier() -> BaseResponse:
        try:
            _, code, deliver, attempt = COURIER[int(request.form.get("step", ""))]
            event = {"opCode": code, "deliverCode": deliver, "attemptDeliveryCode": attempt}
            desk.add_event(request.form.get("waybill", ""), event)
        except (ValueError, IndexError, KeyError):
            abort(404)
        return back()

    @routes.post("/officer")
    def officer() -> BaseResponse:
        ref, answer = request.form.get("application", ""), request.form.get("answer", "")
        if answer not in ANSWER_NAMES or not any(one["our_ref"] == ref for one in officers.newest(3)):
            abort(404)
        officers.answer(ref, {"answer": answer})
        return back()

    @routes.post("/fault")
    def fault() -> BaseResponse:
        partner, mode = request.form.get("faulty", ""), request.form.get("mode", "")
        if partner not in (*PARTNERS, *OPTIONAL) or mode not in FAULT_NAMES:
            abort(404)
        world.faults.plant(partner, Fault(mode))
        return back()

    return routes
