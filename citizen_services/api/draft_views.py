"""Applying: a draft is begun, filled in page by page, photos are brought, and it is sent; or all of it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import abort, request, url_for

from citizen_services.api import draft_schemas as forms
from citizen_services.api import schemas
from citizen_services.api.callers import caller, the_citizen
from citizen_services.api.case_views import done_of
from citizen_services.api.once import do, once_of
from citizen_services.api.operation import blueprint, operation
from citizen_services.api.problems import Problem, invalid
from citizen_services.cases import drafts, standing
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.once import note
from citizen_services.catalogue.describe import field_of
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.filling import beginning, registers, uploads
from citizen_services.filling.pages import Filled, filled_of
from citizen_services.filling.place import Place
from citizen_services.filling.posted import Posted
from citizen_services.filling.saving import store
from citizen_services.filling.sending import Hindrance, hindrances
from citizen_services.filling.whole import Hindered, SaysOtherwise, fill_in, send_whole
from citizen_services.materials.errors import NothingSent
from citizen_services.materials.judge import MOST_BYTES
from citizen_services.materials.queries import of_draft
from citizen_services.parts import parts

bp = blueprint("drafts", "/drafts", "申请")
sending = blueprint("sending", "/cases", "申请")

ME = ("citizen",)


def _address(draft_id: UUID) -> str:
    return url_for("api_drafts.draft", draft_id=draft_id)


#: How applications are filled in here: by the applicant's own program, without pages.
API = Place(
    draft="api_drafts.draft",
    picture="api_drafts.picture",
    uploads="api_drafts.bring",
    photo="api_drafts.photo",
    autosave="api_drafts.draft",
    templates="",
    you="您",
    actor=lambda: caller().actor,
    door=lambda: "web",
    guide=lambda citizen, item: url_for("api_items.item", code=item.code),
    sent=lambda case_id: url_for("api_cases.case", case_id=case_id),
    case=lambda case_id: url_for("api_cases.case", case_id=case_id),
    later=lambda citizen: url_for("api_drafts.open_drafts"),
)


def _filled(draft_id: UUID) -> Filled:
    filled = filled_of(_place(), the_citizen(), draft_id)
    caller().refuse_beyond(filled.draft.item, filled.draft.ended_at)
    return filled


def _place() -> Place:
    """How the caller fills in; an agent doesn't begin from what the person brought for earlier applications."""
    by = caller().standing
    return replace(API, reuses=False) if by is not None and by.kind == "agent" else API


def _item(code: str) -> ServiceItem:
    """An item that the caller may begin here."""
    item, by = parts().catalogue.item(code), caller().standing
    if by is not None and item not in standing.items_by(by):
        raise NoSuchCase("没有可以替这个人办理这个事项的委托。")
    return item


# --- Looking ------------------------------------------------------------------------------------------------------


@bp.get("")
@operation(bp, "未提交的申请", forms.DraftsPage, who=ME, for_others=True)
def open_drafts() -> dict[str, Any]:
    """What was begun and not sent: one an item at most."""
    citizen = the_citizen()
    found = (drafts.open_draft(citizen.id, item.code) for item in parts().catalogue.items())
    by = caller().standing
    shown = [draft for draft in found if draft is not None and (by is None or by.covers(draft.item))]
    return {"items": shown, "next": None}


@bp.get("/<uuid:draft_id>")
@operation(bp, "一份未提交的申请", forms.DraftSchema, who=ME, for_others=True, problems=(404,))
def draft(draft_id: UUID) -> dict[str, Any]:
    """A draft with the pages that are asked for, what registers say, and the papers that are wanted."""
    return _whole(_filled(draft_id))


def _whole(filled: Filled) -> dict[str, Any]:
    draft = filled.draft
    short = {name: getattr(draft, name) for name in forms.ShortDraftSchema().fields}
    gathered = of_draft(draft.id)
    ended = draft.ended_at is not None
    return short | {
        "groups": [_group(filled, group) for group in filled.groups],
        "papers": [
            {
                "code": material.code,
                "name": material.name,
                "examples": list(material.examples),
                "kinds": [{"code": code, "name": name} for code, name in material.kinds],
                "photos": [{"id": piece.upload_id} for piece in gathered if piece.code == material.code],
            }
            for material in filled.wanted
        ],
        "ready": not ended and next(hindrances(filled, None, [name for name, _ in API.boxes]), None) is None,
        "commitment": filled.item.commitment,
    }


def _group(filled: Filled, group: Group) -> dict[str, Any]:
    draft, material = filled.draft, registers.material_of(filled.item, group.confirms)
    return {
        "code": group.code,
        "title": group.title,
        "done": drafts.is_done(draft, group),
        "data": draft.data.get(group.code, {}),
        "fields": [field_of(name, field) for name, field in group.schema.fields.items()],
        "register": _card(filled, registers.card(material, registers.kept(draft.answers), _picture(filled)))
        if material
        else None,
    }


def _picture(filled: Filled) -> registers.ImageUrl:
    return lambda id_: url_for("api_drafts.picture", draft_id=filled.draft.id, answer_id=id_)


def _card(filled: Filled, card: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        {"label": row["label"], "value": row.get("value") or row.get("image") or ""} for row in card.get("rows", ())
    ]
    told = {"found": card["found"], "source": card["source"], "seen": str(card["id"]), "text": card.get("text", "")}
    return told | {"lines": lines}


@bp.get("/<uuid:draft_id>/answers/<uuid:answer_id>.jpg")
@operation(bp, "待确认的照片", schemas.FileSchema, who=ME, for_others=True, problems=(404,), media_type="image/jpeg")
def picture(draft_id: UUID, answer_id: UUID) -> Any:
    """The portrait to be confirmed."""
    return registers.image(registers.own_answer(_filled(draft_id).citizen.id, answer_id))


# --- Changing -----------------------------------------------------------------------------------------------------


def _posted(form: Mapping[str, Any], *, group: str = "", version: int | None = None) -> Posted:
    """What a page's form would carry."""
    texts = {name: str(value) for name, value in form.items() if value is not None}
    return Posted(request.headers.get("Idempotency-Key", ""), version, "", group, False, texts)


@bp.post("")
@operation(
    bp,
    "开始申请",
    forms.DraftSchema,
    status=201,
    body=forms.BeginSchema,
    once=True,
    who=ME,
    for_others=True,
    problems=(404, 409),
)
def begin(body: Mapping[str, Any]) -> Any:
    """Begin an application, or go on with the one that is open; 422 `not-eligible` says why not, and from which day."""
    once_of(body)
    citizen, item = the_citizen(), _item(body["item"])
    form = dict(body["declared"]) | ({"earlier": str(body["earlier"])} if body["earlier"] else {})
    draft_id = beginning.begin(_place(), citizen, item, _posted(form | {"item": item.code}))
    return _whole(_filled(draft_id)), 201, {"Location": _address(draft_id)}


@bp.post("/<uuid:draft_id>/groups/<string:group>")
@operation(
    bp, "保存一页", forms.DraftSchema, body=forms.SaveSchema, once=True, who=ME, for_others=True, problems=(404, 409)
)
def save(draft_id: UUID, group: str, body: Mapping[str, Any]) -> Any:
    """Save one page of the form. What is valid is kept even where something else is not (422 names it)."""
    filled = _filled(draft_id)
    found = next((one for one in filled.item.groups if one.code == group), None) or abort(404)
    unknown = sorted(set(body["data"]) - set(found.schema.fields))
    if unknown:
        raise invalid({name: ["这一页没有这个字段"] for name in unknown}, "/data")
    posted = _posted({**body["data"], "seen": body["seen"]}, group=group, version=body["version"])
    answer = do(body, lambda once: store(filled, posted, [found], once))
    wrong = answer["errors"].get(group)
    if wrong:
        raise invalid(wrong, "/data")
    return _whole(_filled(draft_id))


@bp.post("/<uuid:draft_id>/discard")
@operation(
    bp,
    "删除草稿",
    forms.DiscardedSchema,
    body=forms.DiscardSchema,
    once=True,
    who=ME,
    for_others=True,
    problems=(404, 409),
)
def discard(draft_id: UUID, body: Mapping[str, Any]) -> Any:
    """Throw a draft away."""
    filled = _filled(draft_id)

    def act(once: Once) -> Any:
        if body["version"] != filled.draft.version:
            raise MovedOn
        drafts.discard(filled.draft)
        return note(once, {"discarded": True})

    do(body, act)
    return _filled(draft_id).draft


# --- Photos -------------------------------------------------------------------------------------------------------


@bp.post("/<uuid:draft_id>/materials/<string:code>")
@operation(
    bp,
    "上传一张照片",
    forms.DraftSchema,
    form=forms.UploadForm,
    once=True,
    who=ME,
    for_others=True,
    problems=(404, 409),
)
def bring(draft_id: UUID, code: str, form: Mapping[str, Any]) -> Any:
    """Bring one photo (JPEG, PNG or HEIC, at most 10 MB) of a material that is wanted, as `file` of a form."""
    filled = _filled(draft_id)
    gathering = uploads.of_draft(filled)
    if code not in gathering.codes:
        abort(404)
    kinds = gathering.kinds.get(code, ())
    if form["kind"] and form["kind"] not in kinds:
        raise invalid({"kind": [f"请从这些里选一种：{'、'.join(kinds)}"] if kinds else ["这份材料不分种类"]})
    file = form["file"].read(MOST_BYTES + 1)
    if not file:
        raise NothingSent
    once = once_of({"file": hashlib.sha256(file).hexdigest(), "kind": form["kind"]})
    uploads.receive(lambda: uploads.of_draft(filled.again()), gathering, once, code, file, form["kind"] or None)
    return _whole(_filled(draft_id))


# --- Sending ------------------------------------------------------------------------------------------------------


@sending.post("")
@operation(
    sending, "提交申请", schemas.DoneSchema, status=201, body=forms.SendSchema, once=True, who=ME, for_others=True,
    problems=(404, 409),
)  # fmt: skip
def submit(body: Mapping[str, Any]) -> Any:
    """Send a draft (`draft`, `version`), or fill in and send the whole at once (`item`, `data`): one case, once.

    What is wrong with an application sent whole is told at once, and its draft stays to be mended.
    """
    once = once_of(body)
    done = once.answer()
    if done is None:
        done = _send(once, body)
    return done_of(done), 201, {"Location": url_for("api_cases.case", case_id=done["case_id"])}


def _send(once: Once, body: Mapping[str, Any]) -> Any:
    citizen = the_citizen()
    try:
        if body["draft"] is not None:
            filled = _filled(body["draft"])
        elif body["item"] is not None and body["data"] is not None:
            filled = fill_in(_place(), citizen, _item(body["item"]), body["data"], once)
        else:
            raise invalid({"draft": ["请给出 draft 和 version，或者 item 和 data。"]})
        ticked = ["commitment"] if body["commitment"] else []
        return send_whole(filled, once, version=body["version"], ticked=ticked)
    except Hindered as fault:
        raise hindered(fault.wrong) from None
    except SaysOtherwise as fault:
        detail = "登记信息有了变化，请重新读取草稿，核对后再提交。"
        raise Problem("moved-on", 409, "Registers say otherwise", detail, group=fault.group.code) from None


def hindered(wrong: Sequence[Hindrance]) -> Problem:
    """Why an application can't be sent: everything at once."""
    rollback()
    if wrong[0].what == "ended":
        return Problem("moved-on", 409, "No draft any more", "这份申请已经提交或删除。")
    if wrong[0].what in ("moved", "unsaved"):
        return Problem("moved-on", 409, "Moved on", "这份申请刚刚在别处改过，请重新读取后再提交。")
    errors: dict[str, Any] = {}
    for one in wrong:
        if one.what == "answers" and one.group is not None:
            errors.setdefault("data", {})[one.group.code] = one.errors
        elif one.what == "papers":
            errors["papers"] = one.errors
        elif one.what == "unticked":
            errors |= one.errors
    return invalid(errors)
