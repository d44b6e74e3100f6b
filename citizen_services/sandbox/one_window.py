"""The province's one-window platform. Imitates our own docs/partners/one_window.md."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint

from citizen_services.sandbox.signed import CHINA, Body, Operation, bad, register_blueprint, taken_once
from citizen_services.sandbox.world import World

NUMBER = r"[A-Z]{2}\d{8}-\d{6}"
ITEM = r"[a-z][a-z0-9-]{2,63}"
OFFICE = r"\d{12}"
ACTION = r"[a-z][a-z0-9_]{0,63}"
KINDS = ("即办件", "承诺件")
PERIOD_UNITS = ("working", "calendar")
_STEP = frozenset(
    {
        "ref", "case_number", "item_code", "item_name", "item_kind", "office_code", "office_name", "visits_most",
        "promised_days", "promised_unit", "seq", "action", "state", "state_name", "at", "final", "documents",
    }
)  # fmt: skip
_RATING = frozenset({"ref", "case_number", "item_code", "item_name", "office_code", "office_name", "grade", "at"})
_CONTEST = _RATING | {"result"}
RESULTS = ("upheld", "rejected")


def blueprint(world: World) -> Blueprint:
    """`/one_window/v1/…`."""

    def number(kind: str) -> str:
        today = datetime.fromtimestamp(world.now(), CHINA)
        return f"{kind}{today:%Y%m%d}{world.state.next_number('one_window'):09d}"

    def about(body: Body, known: frozenset[str]) -> None:
        for name in sorted(body.fields.keys() - known):
            raise bad(name, f"{name} is no element of a report")
        body.matching("case_number", NUMBER)
        body.matching("item_code", ITEM)
        body.text("item_name", 100)
        body.matching("office_code", OFFICE)
        body.text("office_name", 100)
        _moment(body, "at")

    def step(body: Body) -> dict[str, Any]:
        about(body, _STEP)
        body.whole("seq", 0, 1, 10_000)
        body.whole("visits_most", -1, 0, 1)
        body.whole("promised_days", -1, 0, 365)
        _one_of(body, "item_kind", KINDS)
        _one_of(body, "promised_unit", PERIOD_UNITS)
        body.matching("action", ACTION)
        body.matching("state", ACTION)
        body.text("state_name", 50)
        if not isinstance(body.fields.get("final"), bool):
            raise bad("final", "final: true or false is needed")
        _documents(body)
        return taken_once(world, "one_window_refs", body, "step", lambda ref: number("BJ"))

    def rating(body: Body) -> dict[str, Any]:
        about(body, _RATING)
        body.whole("grade", 0, 1, 5)
        return taken_once(world, "one_window_refs", body, "rating", lambda ref: number("PJ"))

    def contest(body: Body) -> dict[str, Any]:
        about(body, _CONTEST)
        body.whole("grade", 0, 1, 2)
        _one_of(body, "result", RESULTS)
        return taken_once(world, "one_window_refs", body, "contest", lambda ref: number("SS"))

    def by_reference(body: Body) -> dict[str, Any]:
        known = world.state.get("one_window_refs", body.text("written_ref", 64))
        if known is None:
            return {"found": False}
        return {"found": True} | {name: known[name] for name in ("kind", "register_number", "written_at")}

    def step_text(fields: dict[str, Any]) -> str:
        return f"{fields.get('case_number')} 第{fields.get('seq')}步 {fields.get('state_name')}"

    def rating_text(fields: dict[str, Any]) -> str:
        return f"{fields.get('case_number')} 评价 {fields.get('grade')}"

    def contest_text(fields: dict[str, Any]) -> str:
        return f"{fields.get('case_number')} 申诉 {fields.get('result')}"

    return register_blueprint(
        world,
        "one_window",
        {
            "steps": Operation("steps", step, to="case_number", text=step_text, writes=True),
            "ratings": Operation("ratings", rating, to="case_number", text=rating_text, writes=True),
            "contests": Operation("contests", contest, to="case_number", text=contest_text, writes=True),
            "refs": Operation("refs", by_reference, to="written_ref"),
        },
    )


def _one_of(body: Body, name: str, allowed: tuple[str, ...]) -> None:
    if body.fields.get(name) not in allowed:
        raise bad(name, f"{name} must be one of {', '.join(allowed)}")


def _moment(body: Body, name: str) -> None:
    try:
        if datetime.fromisoformat(body.text(name, 40)).tzinfo is not None:
            return
    except ValueError:
        pass
    raise bad(name, f"{name}: a moment with its offset is needed")


def _documents(body: Body) -> None:
    documents = body.fields.get("documents")
    if not isinstance(documents, list) or len(documents) > 20:
        raise bad("documents", "documents: a list of at most 20 is needed")
    for one in documents:
        if not isinstance(one, dict) or set(one) != {"number", "title", "sha256"}:
            raise bad("documents", "a document has number, title and sha256")
        part = Body(one)
        part.text("number", 64)
        part.text("title", 100)
        part.matching("sha256", r"[0-9a-f]{64}")
