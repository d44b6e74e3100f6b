"""The OpenAPI document: true by being made from the operations themselves, with one component a form's version."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask
from marshmallow import Schema, fields, validate

from citizen_services.api.operation import FOR_OTHERS, ONCE
from citizen_services.api.schemas import ProblemSchema
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.parts import parts

_METHODS = ("get", "post", "put", "patch", "delete")
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "每次新的操作换一个，重发时用同一个；同一个 key 配别的内容会被拒绝（422）。",
    "schema": {"type": "string", "minLength": 8, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"},
}
_FOR_WHOM = {
    "name": "On-Behalf-Of",
    "in": "header",
    "required": False,
    "description": "替谁办：GET /me/principals 里的 id；不带就是本人办。",
    "schema": {"type": "string", "format": "uuid"},
}
DESCRIPTION = """
页面能做的，这里都能做。令牌放在 `Authorization: Bearer …`：
公民登录后的会话、工作人员的会话，或经两人批准的密钥（`csk_…`）。

- 每个 POST 都要带 `Idempotency-Key`；断线后用同一个 key 重发，得到的是第一次的结果，不会办两次。
- 出错一律是 `application/problem+json`（RFC 9457），`type` 不会变；`detail` 是给人看的话。
- 列表按 `next` 往下翻，把它放进 `after`。读到的内容带 `ETag`，用 `If-None-Match` 再问，没变就是 304。
- 替别人办的（代办人、监护人），带上 `On-Behalf-Of`；能替谁办、办什么，看 `GET /me/principals`，委托收回就立即无效。
- 办件的每一步都写明看到的 `version`；别人先办了一步，得到 409 `moved-on`。
""".strip()


def configure(app: APIFlask) -> None:
    """Have the app describe this door, and nothing else of its routes."""
    app.title, app.version = "citizen_services", "1"
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        SPEC_FORMAT="json",
        LOCAL_SPEC_JSON_INDENT=None,
        DESCRIPTION=DESCRIPTION,
        SECURITY_SCHEMES={"bearer": {"type": "http", "scheme": "bearer"}},
        AUTO_OPERATION_ID=True,
        AUTO_404_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        SERVERS=[{"url": "/"}],
    )
    app.spec_processor(_complete)


def _complete(spec: Any) -> Any:
    for path in [path for path in spec["paths"] if not path.startswith("/api/v1/")]:
        del spec["paths"][path]
    components = spec.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPError", "ValidationError"):
        components.pop(unused, None)
    components["Problem"] = _plain(ProblemSchema())
    applications = []
    for item in parts().catalogue.items():
        name = f"{_camel(item.code)}V{item.version}"
        components[name] = _application(item)
        applications.append({"$ref": f"#/components/schemas/{name}"})
    for path, operations in spec["paths"].items():
        for parameter in (p for method in _METHODS for p in operations.get(method, {}).get("parameters", ())):
            if parameter["in"] == "path" and parameter["name"].endswith("_id"):
                parameter["schema"] = {"type": "string", "format": "uuid"}
        for method in _METHODS:
            operation = operations.get(method)
            if operation is not None and operation.pop(ONCE, False):
                operation.setdefault("parameters", []).append(_KEY)
            if operation is not None and operation.pop(FOR_OTHERS, False):
                operation.setdefault("parameters", []).append(_FOR_WHOM)
        if path == "/api/v1/cases" and "post" in operations:
            content = operations["post"]["requestBody"]["content"]["application/json"]
            draft = {
                "type": "object",
                "required": ["draft", "version", "commitment"],
                "properties": {
                    "draft": {"type": "string", "format": "uuid"},
                    "version": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                    "commitment": {"const": True},
                },
                "additionalProperties": False,
            }
            content["schema"] = {"oneOf": [draft, *applications]}
    return spec


def _camel(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("-"))


def _application(item: ServiceItem) -> dict[str, Any]:
    """An application of an item, sent whole: the answers of its form by group."""
    groups = {group.code: _plain(group.schema) | {"title": group.title} for group in item.groups}
    return {
        "title": item.name,
        "type": "object",
        "required": ["item", "data", "commitment"],
        "properties": {
            "item": {"const": item.code},
            "data": {"type": "object", "properties": groups, "additionalProperties": False},
            "commitment": {"const": True},
        },
        "additionalProperties": False,
    }


def _plain(schema: Schema) -> dict[str, Any]:
    """A schema as JSON Schema 2020-12, in the few words that forms use: every answer is sent as text."""
    described = {name: _field(field) for name, field in schema.fields.items()}
    needed = [name for name, field in schema.fields.items() if field.required]
    return {"type": "object", "properties": described} | ({"required": needed} if needed else {})


def _field(field: fields.Field[Any]) -> dict[str, Any]:
    if isinstance(field, fields.List):
        return {"type": "array", "items": _field(field.inner)}
    if isinstance(field, fields.Nested):
        return _plain(field.schema)
    shown: dict[str, Any] = {"type": "string"}
    if isinstance(field, fields.Integer):
        shown = {"type": "integer"}
    elif isinstance(field, fields.Dict):
        shown = {"type": "object"}
    about = field.metadata
    if about.get("label"):
        shown["title"] = str(about["label"])
    words = about.get("hint") or about.get("description")
    if words:
        shown["description"] = str(words)
    allowed = next((list(v.choices) for v in field.validators if isinstance(v, validate.OneOf)), None)
    if allowed:
        shown["enum"] = allowed
    if about.get("maxlength"):
        shown["maxLength"] = int(about["maxlength"])
    return shown
