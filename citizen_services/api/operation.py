"""What every operation of the API has: a summary, its answer, its problems, who may call it, its key."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from apiflask import APIBlueprint, Schema

from citizen_services.api.callers import conditional, needs, tell_rate
from citizen_services.api.problems import MEDIA_TYPE, tell_problems

_V = TypeVar("_V", bound=Callable[..., Any])

_WORDS = {
    304: "没有变化",
    400: "请求格式不对",
    401: "没有有效的令牌",
    403: "没有权限",
    404: "没有找到，或不在名下",
    409: "已经变化，或条件不满足",
    410: "已过期",
    413: "太大",
    415: "不是 JSON",
    422: "内容需要修改",
    429: "太频繁",
    500: "系统出了问题",
    503: "正在恢复",
}
#: Marks an operation that is done once; the document then names the header (spec.py).
ONCE = "x-once"
#: Marks one that a citizen's program may do in another's name.
FOR_OTHERS = "x-for-others"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def blueprint(name: str, path: str, tag: str) -> APIBlueprint:
    """One part of the API below ``/api/v1``: its problems, rates and ETags are those of all."""
    made = APIBlueprint(f"api_{name}", __name__, url_prefix=f"/api/v1{path}", tag=tag)
    tell_problems(made)
    made.after_request(tell_rate)
    made.after_request(conditional)
    return made


def operation(
    bp: APIBlueprint,
    summary: str,
    answer: type[Schema],
    *,
    status: int = 200,
    body: type[Schema] | None = None,
    form: type[Schema] | None = None,
    media_type: str = "application/json",
    query: type[Schema] | None = None,
    who: Collection[str] = (),
    scope: str | None = None,
    problems: Collection[int] = (),
    once: bool = False,
    for_others: bool = False,
) -> Callable[[_V], _V]:
    """Declare an operation; without ``who`` it is open to everybody.

    ``scope`` is what a key needs, ``for_others`` that it may be done in another's name, ``once`` says that an
    Idempotency-Key is demanded. Whatever can be answered is listed: the 401, 403 and 429 of guarded operations, the
    422 and 415 of those with a body, the 400 of those with a key.
    """

    def declare(view: _V) -> _V:
        codes = {*problems, 500, 503}
        documented: dict[str, Any] = {"summary": summary, "extensions": {ONCE: once, FOR_OTHERS: for_others}}
        made: Any = view
        if query is not None:
            made = bp.input(query, location="query", arg_name="query")(made)
            codes.add(422)
        if body is not None:
            made = bp.input(body, location="json", arg_name="body")(made)
            codes |= {400, 413, 415, 422}
        if form is not None:
            made = bp.input(form, location="form_and_files", arg_name="form")(made)
            codes |= {400, 413, 422}
        if once:
            codes |= {400, 409, 422}
        if who:
            made = needs(*who, scope=scope, for_others=for_others)(made)
            documented["security"] = "bearer"
            codes |= {401, 403, 404, 429} if for_others else {401, 403, 429}
        made = bp.output(answer, status_code=status, content_type=media_type)(made)
        responses: dict[int, Any] = {code: {"description": _WORDS[code], "content": _PROBLEM} for code in sorted(codes)}
        if not once:
            responses[304] = {"description": _WORDS[304]}
        return cast(_V, bp.doc(**documented, responses=responses)(made))

    return declare
