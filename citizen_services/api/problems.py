"""What the API answers where something was not done: problem details (RFC 9457), each with a type that stays the same.

``type`` is a bare name such as ``moved-on``: clients branch on it. ``detail`` is the sentence for people, in Chinese.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apiflask.exceptions import HTTPError
from flask import Blueprint, Response, g, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from citizen_services import clock
from citizen_services.cases.errors import (
    AlreadyOpen,
    CaseError,
    GuardFailed,
    InvalidInput,
    MovedOn,
    NoSuchCase,
    NotAllowed,
    NotEligible,
    NotPossible,
)
from citizen_services.catalogue import UnknownItem
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused
from citizen_services.materials.errors import Busy, MaterialError, NoSuchUpload
from citizen_services.people.errors import TooMany
from citizen_services.people.queries import NoSuchOffice
from citizen_services.windows.errors import BookingError, HoldLimit, SlotFull

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that is no success: ``type`` (stable), status, a short title, a sentence for people, and what else."""

    def __init__(
        self, type_: str, status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {type_}")
        self.type, self.status, self.title, self.detail = type_, status, title, detail
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        """As it goes out."""
        body = {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail, **self.more}
        body["instance"] = f"urn:request:{getattr(g, 'request_id', '')}"
        answer = Response(json.dumps(body, ensure_ascii=False, default=str), self.status, content_type=MEDIA_TYPE)
        answer.headers.update(self.headers)
        answer.headers["Cache-Control"] = "no-store"
        return answer


#: What the web server or a router refuses: (type, title, sentence).
_HTTP: Mapping[int, tuple[str, str, str]] = {
    400: ("bad-request", "Bad request", "请求的格式不对，请对照接口文档检查后再发。"),
    401: ("unauthorised", "No valid credentials", "请在 Authorization 头里带上有效的 Bearer 令牌。"),
    403: ("not-allowed", "Not allowed", "这个令牌没有做这件事的权限。"),
    404: ("not-found", "Not found", "没有找到，或者这件事不在您的名下。"),
    405: ("method-not-allowed", "Method not allowed", "这个地址不支持这种请求方法，请看 Allow 头。"),
    406: ("not-acceptable", "Not acceptable", "这个地址只能给出 JSON。"),
    408: ("request-timeout", "Request timeout", "请求没有发完，请重新发送。"),
    411: ("length-required", "Length required", "请带上 Content-Length。"),
    413: ("too-large", "Too large", "发来的内容太大了，照片每张不超过 10 MB。"),
    415: ("unsupported-media-type", "Unsupported media type", "请用 application/json 发送。"),
    422: ("invalid", "Invalid", "有内容需要修改，请按提示改好后再提交。"),
    429: ("too-many", "Too many requests", "请求太频繁了，请按 Retry-After 的秒数等一等再试。"),
    503: ("unavailable", "Unavailable", "系统正在恢复，已经保存的内容不会丢，请稍后再试。"),
}
_CRASHED = ("internal", "Internal error", "系统出了问题，我们已经记下，请过几分钟用同一个 Idempotency-Key 再试。")


def of_http(fault: HTTPException) -> Problem:
    """The problem of what werkzeug or Flask refused."""
    status = fault.code or 500
    type_, title, detail = _HTTP.get(status, _CRASHED if status >= 500 else _HTTP[400])
    headers = {}
    retry_after = getattr(fault, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if status == 405:
        headers["Allow"] = ", ".join(sorted(getattr(fault, "valid_methods", None) or ()))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Problem(type_, status, title, detail, headers=headers)


def abort_of(status: int) -> HTTPException:
    """The HTTP error of a status."""
    return default_exceptions.get(status, InternalServerError)()


def invalid(errors: Any, prefix: str = "") -> Problem:
    """422 with one entry a sentence: ``errors: [{pointer, detail}]``, pointers (RFC 6901) into what was sent."""
    lines = [{"pointer": pointer, "detail": sentence} for pointer, sentence in _lines(errors, prefix)]
    type_, title, detail = _HTTP[422]
    return Problem(type_, 422, title, detail, errors=lines)


def _lines(errors: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(errors, Mapping):
        for name, inner in errors.items():
            # Of a schema as a whole; and the engine names a form's field ``group.field``.
            parts = [] if name == "_schema" else str(name).replace("~", "~0").replace("/", "~1").split(".")
            yield from _lines(inner, "/".join([pointer, *parts]))
    elif isinstance(errors, str):
        yield pointer, errors
    elif isinstance(errors, Sequence):
        for one in errors:
            yield from _lines(one, pointer)


def of_case(fault: CaseError) -> Problem:
    """The problem of an act on a case, a draft or a material that was not done."""
    if isinstance(fault, InvalidInput):
        return invalid(fault.errors, "/data")
    if isinstance(fault, NotEligible):
        conditions = [
            {"code": check.code, "why": verdict.why, "todo": verdict.todo, "from_day": verdict.from_day}
            for check, verdict in fault.verdicts
        ]
        return Problem("not-eligible", 422, "Not eligible", fault.sentence, conditions=conditions)
    if isinstance(fault, GuardFailed):
        return Problem("guard-failed", 409, "A condition does not hold", fault.sentence, guard=fault.guard)
    if isinstance(fault, BookingError):
        return _of_booking(fault)
    for kind, type_, status, title in _CASE:
        if isinstance(fault, kind):
            return Problem(type_, status, title, fault.sentence)
    return Problem("not-done", 409, "Not done", fault.sentence)


def _of_booking(fault: BookingError) -> Problem:
    more: dict[str, Any] = {}
    if isinstance(fault, SlotFull):
        more["nearest"] = [{"slot_id": free.slot_id, "start": free.start, "end": free.end} for free in fault.nearest]
    headers = {}
    if isinstance(fault, HoldLimit):
        headers["Retry-After"] = str(max(1, math.ceil((fault.until - clock.now()).total_seconds())))
    title = fault.type.replace("-", " ").capitalize()
    return Problem(fault.type, fault.status, title, fault.sentence, headers=headers, **more)


_CASE: Sequence[tuple[type[CaseError], str, int, str]] = (
    (NoSuchCase, "not-found", 404, "Not found"),
    (NotAllowed, "not-allowed", 403, "Not allowed"),
    (NotPossible, "not-possible", 409, "Not possible in this state"),
    (MovedOn, "moved-on", 409, "Moved on"),
    (AlreadyOpen, "already-open", 409, "Already open"),
)


def tell_problems(bp: Blueprint) -> None:
    """Have a blueprint answer with problem details whatever was not done; nothing of the request is kept."""

    def answer(problem: Problem) -> Response:
        rollback()
        return problem.response()

    def material(fault: MaterialError) -> Response:
        if isinstance(fault, NoSuchUpload):
            return answer(Problem("not-found", 404, "Not found", fault.sentence))
        if isinstance(fault, Busy):
            return answer(Problem("unavailable", 503, "Unavailable", fault.sentence, headers={"Retry-After": "5"}))
        return answer(Problem("material-refused", 422, "Material refused", fault.sentence))

    def too_many(fault: TooMany) -> Response:
        type_, title, _ = _HTTP[429]
        headers = {"Retry-After": str(fault.after_s)}
        return answer(Problem(type_, 429, title, fault.sentence, headers=headers))

    def reused(fault: KeyReused) -> Response:
        detail = "这个 Idempotency-Key 已经用在别的内容上，请换一个新的。"
        return answer(Problem("idempotency-key-reused", 422, "Idempotency-Key reused", detail))

    def unknown_item(fault: UnknownItem) -> Response:
        return answer(Problem("not-found", 404, "Not found", fault.sentence))

    def no_office(fault: NoSuchOffice) -> Response:
        detail = "系统里还没有负责这个地址的派出所，这次没有提交成功。"
        return answer(Problem("no-office", 409, "No office", detail))

    def unfit(fault: HTTPError) -> Response:
        # What the library found wrong with what was sent, by where it was sent: {json | query | form…: {field: […]}}.
        if fault.status_code != 422 or not isinstance(fault.detail, Mapping):
            return answer(of_http(abort_of(fault.status_code)))
        problems: dict[str, Any] = {}
        for place, wrong in fault.detail.items():
            problems |= wrong if place == "json" else {place: wrong}
        return answer(invalid(problems))

    bp.register_error_handler(Problem, answer)
    bp.register_error_handler(HTTPError, unfit)
    bp.register_error_handler(CaseError, lambda fault: answer(of_case(fault)))
    bp.register_error_handler(ValidationError, lambda fault: answer(invalid(fault.normalized_messages())))
    bp.register_error_handler(MaterialError, material)
    bp.register_error_handler(TooMany, too_many)
    bp.register_error_handler(KeyReused, reused)
    bp.register_error_handler(UnknownItem, unknown_item)
    bp.register_error_handler(NoSuchOffice, no_office)


def machine_error(fault: HTTPException) -> Any:
    """What a machine's door answers to an HTTP error: problem details below /api/, elsewhere werkzeug's plain one."""
    if request.path.startswith("/api/"):
        return of_http(fault).response()
    return fault
