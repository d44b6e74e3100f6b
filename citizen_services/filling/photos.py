"""Photos on a citizen's pages: what is wanted of each material, what is there, and what could be used again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from citizen_services.cases import papers
from citizen_services.catalogue.vocabulary import Material, ServiceItem
from citizen_services.materials import queries
from citizen_services.materials.operations import MOST_PIECES
from citizen_services.materials.queries import Piece
from citizen_services.rules.dates import chinese_moment

#: The address of a photo, by its upload's id; with ``size="full"`` of the whole one.
PhotoUrl = Callable[..., str]
Errors = Mapping[str, Sequence[str]]


def cards(
    wanted: Sequence[Material],
    gathered: Sequence[Piece],
    *,
    url: Callable[[str], str],
    photo_url: PhotoUrl,
    errors: Errors,
    reasons: Mapping[str, str],
    earlier: Mapping[str, Sequence[Any]],
    correcting: bool = False,
) -> list[dict[str, Any]]:
    """One ``material_card`` a material. ``reasons`` say why it is wanted; of a correction they are the officer's."""
    shown = []
    for material in wanted:
        mine = [piece for piece in gathered if piece.code == material.code]
        states = ("correcting", "corrected") if correcting else ("missing", "uploaded")
        shown.append(
            {
                "code": material.code,
                "title": material.name,
                "state": states[bool(mine)],
                "hint": "" if correcting else reasons[material.code],
                "reason": reasons[material.code] if correcting else "",
                "examples": material.examples,
                "kinds": material.kinds,
                # The next photo is mostly another page of the same paper.
                "kind": mine[-1].kind if mine else "",
                "errors": errors.get(material.code, ()),
                "files": files_of(mine, photo_url, material),
                "earlier": [
                    {"id": one.id, "thumb": photo_url(one.id), "name": f"{chinese_moment(one.at)}上传的"}
                    for one in earlier.get(material.code, ())
                ],
                "url": url(material.code),
                "full": len(mine) >= MOST_PIECES,
                "most": MOST_PIECES,
            }
        )
    return shown


def files_of(pieces: Sequence[Piece], photo_url: PhotoUrl, material: Material | None = None) -> list[dict[str, Any]]:
    """The photos of one material, in order, as ``material_card`` lists them."""
    return [
        {
            "id": piece.upload_id,
            "name": " · ".join(
                word for word in (f"第 {number} 张", material.kind_name(piece.kind) if material else "") if word
            ),
            "size": piece.size,
            "thumb": photo_url(piece.upload_id),
            "href": photo_url(piece.upload_id, size="full"),
        }
        for number, piece in enumerate(pieces, start=1)
    ]


def earlier_of(citizen_id: UUID, gathered_for: UUID, wanted: Sequence[Material]) -> dict[str, Sequence[Any]]:
    """What the person handed in for the same materials before, by code."""
    return {m.code: queries.earlier(citizen_id, m.code, gathered_for) for m in wanted}


def paper_rows(wanted: Sequence[Material], gathered: Sequence[Piece]) -> list[dict[str, Any]]:
    """What is wanted and how much of it is there, a row a material."""
    there = Counter(piece.code for piece in gathered)
    return [
        {
            "name": m.code,
            "label": m.name,
            "value": "，".join(w for w in (f"{there[m.code]} 张照片", papers.kinds_said(m, gathered)) if w)
            if there[m.code]
            else "还没有上传",
        }
        for m in wanted
    ]


def handed_in(item: ServiceItem, pieces: Sequence[Piece], photo_url: PhotoUrl) -> list[dict[str, Any]]:
    """What a case rests on, a material each: ``{title, files}``."""
    known = {material.code: material for material in item.materials}
    codes = dict.fromkeys(piece.code for piece in pieces)
    return [
        {
            "title": known[code].name if code in known else code,
            "files": files_of([p for p in pieces if p.code == code], photo_url, known.get(code)),
        }
        for code in codes
    ]
