"""Papers (材料照片): which of them a person brings because no register knows, and how they come to the case.

A register that has no answer, is away, or is wrong stops nobody: the paper that law names takes its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, union_all

from citizen_services.cases.models import Correction, Draft
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import ConfirmField
from citizen_services.catalogue.vocabulary import Effect, Material, ServiceItem
from citizen_services.database import Change
from citizen_services.materials import operations, queries

#: Register answers by ``source.topic``: ``{outcome, content, …}``.
Answers = Mapping[str, Mapping[str, Any]]
Data = Mapping[str, Mapping[str, Any]]


def supplied(material: Material, answers: Answers, day: date) -> bool:
    """Whether a register's answer supplies a material on that day."""
    return any(
        answer["outcome"] == "found" and (material.proves is None or material.proves(answer["content"] or {}, day))
        for supplier in material.suppliers
        if (answer := answers.get(supplier.key))
    )


def kinds_said(material: Material, pieces: Sequence[queries.Piece]) -> str:
    """Which papers the photos of a material are, as the person said, each once; nothing where they did not say."""
    said = dict.fromkeys(material.kind_name(piece.kind) for piece in pieces if piece.code == material.code)
    return "、".join(name for name in said if name)


def denied(item: ServiceItem, code: str, data: Data) -> bool:
    """Whether the person says that what the register knows of a material is wrong."""
    asked = (group for group in item.active_groups(data) if group.confirms == code)
    return any(
        isinstance(field, ConfirmField) and data.get(group.code, {}).get(name) == "no"
        for group in asked
        for name, field in group.schema.fields.items()
    )


def wanted(item: ServiceItem, data: Data, answers: Answers, day: date) -> tuple[Material, ...]:
    """The materials of which the person brings photos, given the answers, the registers' and theirs."""
    return tuple(m for m in item.active_materials(data) if m.upload and not _in_place(item, m, data, answers, day))


def _in_place(item: ServiceItem, material: Material, data: Data, answers: Answers, day: date) -> bool:
    """Whether what a material would stand in for is there already."""
    code = material.unless_confirmed
    return code is not None and supplied(item.material(code), answers, day) and not denied(item, code, data)


def stand_in(item: ServiceItem, code: str) -> Material | None:
    """The material that is brought where no register supplies that one."""
    return next((material for material in item.materials if material.unless_confirmed == code), None)


def missing(wanted: Sequence[Material], gathered: Sequence[queries.Piece]) -> dict[str, list[str]]:
    """The sentences of the materials of which no photo was brought, by code."""
    there = {piece.code for piece in gathered}
    return {m.code: [f"请上传{m.name}的照片"] for m in wanted if m.code not in there}


def hand_in(change: Change, draft_id: UUID, case_id: UUID, wanted: Sequence[Material]) -> dict[str, list[str]]:
    """Let a change move the photos of these materials from a draft, or a correction, to its case; what is missing.

    Photos that the case had of them are replaced.
    """
    if not wanted:
        return {}
    codes = [material.code for material in wanted]
    operations.attach(change, draft_id, case_id, replace=codes, only=codes)
    # Asked after that, which let nobody else decide on this draft: a photo taken out since makes the change a conflict.
    return missing(wanted, queries.of_draft(draft_id))


def gathering() -> Select[tuple[UUID]]:
    """The ids of the open drafts and corrections: photos that stand there are waited for."""
    drafts = select(Draft.id).where(Draft.ended_at.is_(None))
    found = union_all(drafts, select(Correction.id).where(Correction.state == "open")).subquery()
    return select(found.c.id)


def _name_taken(situation: Situation, change: Change) -> None:
    item, day = situation.item, situation.today
    pieces = queries.of_case(situation.case_id)
    photos = Counter(piece.code for piece in pieces)
    said = {m.code: f"（{kinds}）" for m in item.materials if (kinds := kinds_said(m, pieces))}
    brought = [f"{m.name}{said.get(m.code, '')}照片{photos[m.code]}张" for m in item.materials if photos[m.code]]
    replaced = {m.unless_confirmed for m in wanted(item, situation.data, situation.answers, day)}
    shared = [
        m.name
        for m in item.active_materials(situation.data)
        if m.code not in replaced and supplied(m, situation.answers, day)
    ]
    situation.values |= {
        "taken": "、".join(["申请表", *brought]),
        "shared": f"{'、'.join(shared)}由有关部门数据共享取得，不需要您提交。" if shared else "",
    }


#: Name what was taken: ``taken`` is what the person gave, ``shared`` a sentence on what registers supplied, or nothing.
name_taken = Effect("name_taken", _name_taken, gives=("taken", "shared"))
