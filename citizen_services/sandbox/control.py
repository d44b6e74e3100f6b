"""The control: what a developer, a test or the page tells the outside world to be, and the ledger of what arrived.

JSON on loopback under `/_control`. It has no password, so it answers loopback callers only, under a loopback host
name, and takes JSON only: no foreign web page in the same browser can use it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import parse_identity
from citizen_services.rules.phones import parse_mobile
from citizen_services.sandbox import addresses, market, migrants, platform, population, schools, traffic
from citizen_services.sandbox.config import OPTIONAL, PARTNERS
from citizen_services.sandbox.ems import EmsDesk
from citizen_services.sandbox.faults import parse_fault
from citizen_services.sandbox.server import is_loopback
from citizen_services.sandbox.signed import CHINA
from citizen_services.sandbox.wechat_pay_till import PayError, Till
from citizen_services.sandbox.wechat_push import PushDoor
from citizen_services.sandbox.wechat_subscriptions import TEMPLATES, Subscriptions
from citizen_services.sandbox.wechat_values import keywords
from citizen_services.sandbox.world import World

EMS_REPEATS = ("same", "error", "second")
#: What can be looked at and taken away again, beside being put.
_TABLES = ", ".join(
    ("people", "employment", "addresses", "organisations", "students", "migrants", *traffic.NAMES, "platform")
)


class ControlError(Exception):
    """The control can't do what it was told; the text says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def follower_row(world: World, openid: str, body: dict[str, Any]) -> dict[str, Any]:
    """Build a follower from the control's JSON over what is known of them: name and phone are for the page only."""
    row = dict(world.state.get("followers", openid) or {"subscribed": False, "since": 0})
    for name in ("name", "phone", "blocked", "scene"):
        if name in body:
            row[name] = body[name]
    return row


def blueprint(world: World) -> Blueprint:
    """`/_control/…`."""
    routes = Blueprint("control", __name__, url_prefix="/_control")
    state = world.state
    door: PushDoor = world.doors["wechat"]
    desk: EmsDesk = world.doors["ems"]
    subscriptions: Subscriptions = world.doors["wechat_subscriptions"]
    officers: platform.Desk = world.doors["platform"]
    till: Till = world.doors["wechat_pay"]

    @routes.before_request
    def only_loopback() -> None:
        host = request.host.rsplit(":", 1)[0].strip("[]")
        if not is_loopback(request.remote_addr or "") or not is_loopback(host):
            raise ControlError(403, "the control is for this machine only")
        # No body at all is null: nothing that a foreign page could use.
        if request.method not in ("GET", "DELETE") and request.get_data() and not request.is_json:
            raise ControlError(415, "send application/json")

    @routes.errorhandler(ControlError)
    def told(error: ControlError) -> tuple[Response, int]:
        return jsonify(error=str(error)), error.status

    @routes.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.description), error.code or 500

    def body_of() -> Any:
        return request.get_json() if request.get_data() else None

    def fields() -> dict[str, Any]:
        body = body_of()
        if not isinstance(body, dict):
            raise ControlError(400, "a JSON object is needed")
        return body

    def put(table: str, key: str, build: Callable[[], Any]) -> Response:
        try:
            with state.lock:
                row = build()
                state.put(table, key, row)
        except KeyError as error:
            raise ControlError(400, f"{error.args[0]} is missing") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise ControlError(400, str(error)) from None
        return jsonify(row)

    def identity(text: str) -> Any:
        try:
            return parse_identity(text, datetime.now(CHINA).date())
        except RuleError as error:
            raise ControlError(400, str(error)) from None

    @routes.get("/ledger")
    def ledger() -> Response:
        after = request.args.get("after", "0") or "0"
        if not after.isdigit():
            raise ControlError(400, "after must be a sequence number")
        return jsonify(entries=world.ledger.entries(request.args.get("partner", ""), int(after)))

    @routes.put("/people/<id_number>")
    def people(id_number: str) -> Response:
        number, body = identity(id_number), fields()
        if body.get("phone"):
            try:
                parse_mobile(str(body["phone"]))
            except RuleError as error:
                raise ControlError(400, str(error)) from None
        return put(
            "people", number.number, lambda: population.person_row(number, body, state.get("people", number.number))
        )

    @routes.put("/employment/<id_number>")
    def employment(id_number: str) -> Response:
        number, body = identity(id_number), body_of()
        if not body:
            state.delete("employment", number.number)
            return jsonify(None)

        def build() -> dict[str, Any]:
            return {
                "employer": str(body["employer"]),
                "credit_code": str(body["credit_code"]),
                "since": datetime.fromisoformat(body["since"]).date().isoformat(),
                "until": body.get("until") and datetime.fromisoformat(body["until"]).date().isoformat(),
            }

        return put("employment", number.number, build)

    @routes.put("/addresses/<code>")
    def address(code: str) -> Response:
        body = fields()
        if not addresses.is_code(code):
            raise ControlError(400, "a code is 6 to 32 of 0-9, A-Z and -")
        names = ("text", "station", "community", "grid")
        return put("addresses", code, lambda: {"code": code} | {name: str(body[name]) for name in names})

    @routes.put("/organisations/<credit_code>")
    def organisation(credit_code: str) -> Response:
        row = fields()
        return put(market.TABLE, credit_code.upper(), lambda: market.organisation_row(credit_code, row))

    @routes.put("/students/<id_number>")
    def student(id_number: str) -> Response:
        number, body = identity(id_number), body_of()
        if not body:
            state.delete(schools.TABLE, number.number)
            return jsonify(None)
        return put(schools.TABLE, number.number, lambda: schools.student_row(body))

    @routes.put("/migrants/<id_number>")
    def migrant(id_number: str) -> Response:
        number, body = identity(id_number), fields()

        def build() -> dict[str, Any]:
            row = migrants.rows_from_control(world, body)
            for permit in row["permits"]:
                state.put(migrants.HOLDERS, permit["number"], number.number)
            return row

        return put("migrants", number.number, build)

    @routes.put("/<any(vehicles, insurance, vehicle_tax, purchase_tax):table>/<key>")
    def vehicle(table: str, key: str) -> Response:
        body = body_of()
        try:
            name = traffic.vehicle_key(key)
        except ValueError as error:
            raise ControlError(400, str(error)) from None
        if not body:
            state.delete(table, traffic.key_of(name))
            return jsonify(None)
        return put(table, traffic.key_of(name), lambda: traffic.row_from_control(table, name, body))

    @routes.put("/<any(licences, violations, medical):table>/<id_number>")
    def driver(table: str, id_number: str) -> Response:
        number, body = identity(id_number), body_of()
        if not body:
            state.delete(table, number.number)
            return jsonify(None)
        name = {"id_number": number.number}
        return put(table, number.number, lambda: traffic.row_from_control(table, name, body))

    @routes.put("/platform/<our_ref>")
    def answer(our_ref: str) -> Response:
        body = fields()
        if not platform.is_ref(our_ref):
            raise ControlError(400, "no reference of ours")
        try:
            with state.lock:
                return jsonify(officers.answer(our_ref, body))
        except KeyError as error:
            raise ControlError(400, f"{error.args[0]} is missing") from None
        except ValueError as error:
            raise ControlError(400, str(error)) from None

    @routes.put("/templates/<partner>/<path:code>")
    def template(partner: str, code: str) -> Response:
        body = fields()
        if partner in ("sms_aliyun", "sms_tencent"):
            return put(
                f"templates:{partner}", code, lambda: {"text": str(body["text"]), "kind": str(body.get("kind") or "")}
            )
        if partner == "wechat_subscribe":
            return put(TEMPLATES, code, lambda: subscriptions.template(body))
        if partner != "wechat_api":
            raise ControlError(404, f"{partner} has no templates")
        if not keywords(str(body.get("content", ""))):
            raise ControlError(400, "content needs keys such as {{thing1.DATA}}")
        return put("templates:wechat_api", code, lambda: {"title": str(body["title"]), "content": str(body["content"])})

    @routes.put("/whitelist/sms_aliyun/<phone>")
    def whitelist(phone: str) -> Response:
        if len(state.rows("sms_whitelist")) >= 300 and not state.get("sms_whitelist", phone):
            raise ControlError(409, "the white list holds 300 numbers")
        return put("sms_whitelist", phone, lambda: True)

    @routes.put("/phones/<phone>")
    def phone(phone: str) -> Response:
        body = fields()
        if body.get("report", "delivered") not in ("delivered", "failed", "none"):
            raise ControlError(400, "report must be delivered, failed or none")
        return put(
            "phones",
            phone,
            lambda: {"report": body.get("report", "delivered"), "err_code": body.get("err_code") or "MK:0001"},
        )

    @routes.put("/settings/sms_tencent")
    def tencent_settings() -> Response:
        body = fields()
        return put("settings", "sms_tencent", lambda: {"session_context": bool(body["session_context"])})

    @routes.put("/settings/ems")
    def ems_settings() -> Response:
        body = fields()
        if body.get("repeat") not in EMS_REPEATS:
            raise ControlError(400, f"repeat must be one of {', '.join(EMS_REPEATS)}")
        return put("settings", "ems", lambda: {"repeat": body["repeat"]})

    @routes.put("/faults/<partner>")
    def fault(partner: str) -> Response:
        if partner not in (*PARTNERS, *OPTIONAL):
            raise ControlError(404, f"partner must be one of {', '.join((*PARTNERS, *OPTIONAL))}")
        try:
            planted = parse_fault(fields())
        except ValueError as error:
            raise ControlError(400, str(error)) from None
        world.faults.plant(partner, planted)
        return jsonify(planted.as_json())

    @routes.get("/faults")
    def faults() -> Response:
        return jsonify({partner: fault.as_json() for partner, fault in world.faults.shown().items()})

    @routes.post("/parcels/<tracking>")
    def parcel(tracking: str) -> Response:
        try:
            return jsonify(desk.add_event(tracking, fields()))
        except KeyError:
            raise ControlError(404, f"no parcel {tracking}") from None
        except ValueError as error:
            raise ControlError(400, str(error)) from None

    @routes.post("/payments/<our_ref>")
    def payment(our_ref: str) -> Response:
        try:
            with state.lock:
                return jsonify(till.pay(our_ref, fields()))
        except KeyError:
            raise ControlError(404, f"no payment {our_ref}") from None
        except (ValueError, PayError) as error:
            raise ControlError(409, str(error)) from None

    def pushed_by(body: dict[str, Any]) -> dict[str, Any]:
        try:
            return door.push(body)
        except ValueError as error:
            raise ControlError(409, str(error)) from None

    @routes.put("/followers/<openid>")
    def follower(openid: str) -> Response:
        body = fields()
        with state.lock:
            row = follower_row(world, openid, body)
            told_already = row["subscribed"] and row.get("told")
            state.put("followers", openid, row)
        pushed = None
        if not told_already and body.get("push", True):
            pushed = pushed_by({"openid": openid, "kind": "subscribe", "key": body.get("key", "")})
        elif not row["subscribed"]:
            door.remember(openid, "subscribe")
        with state.lock:
            row = dict(state.get("followers", openid))
            row["told"] = bool(told_already or (pushed and pushed["fault"] is None))
            state.put("followers", openid, row)
        return jsonify({"openid": openid, **row, "push": pushed})

    @routes.post("/followers/<openid>/consents")
    def consent(openid: str) -> Response:
        body = fields()
        try:
            if body.get("withdraw"):
                subscriptions.withdraw(openid, [str(one) for one in body["withdraw"]])
            elif body.get("forget"):
                subscriptions.forget(openid, str(body["forget"]))
            else:
                subscriptions.tap(openid, dict(body["answers"]), str(body.get("scene") or "1"))
        except (KeyError, TypeError, ValueError) as error:
            raise ControlError(400, str(error)) from None
        return jsonify(None)

    @routes.delete("/followers/<openid>")
    def unfollow(openid: str) -> Response:
        if not door.follows(openid):
            raise ControlError(404, f"{openid} does not follow")
        return jsonify(pushed_by({"openid": openid, "kind": "unsubscribe"}))

    @routes.post("/push")
    def push() -> Response:
        return jsonify(pushed_by(fields()))

    @routes.delete(f"/<any({_TABLES}):table>/<key>")
    def remove(table: str, key: str) -> Response:
        if not state.delete(table, key):
            raise ControlError(404, f"{key} is not there")
        return jsonify(None)

    @routes.get(f"/<any({_TABLES}, followers, parcels, menu):table>")
    def rows(table: str) -> Response:
        return jsonify(state.rows(table))

    @routes.get(f"/<any({_TABLES}, followers, parcels, menu):table>/<key>")
    def row(table: str, key: str) -> Response:
        found = state.get(table, key)
        if found is None:
            raise ControlError(404, f"{key} is not there")
        return jsonify(found)

    @routes.get("/outgoing")
    def outgoing() -> Response:
        return jsonify(waiting=world.outgoing.waiting())

    return routes
