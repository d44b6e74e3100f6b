"""Keeping what is typed while it is typed, where script runs; the answer is a line of JSON for the page's script.

Nothing that is kept here is an answer yet.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import drafts
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.filling import fields
from citizen_services.parts import parts
from citizen_services.rules.dates import chinese_moment

_MOVED = "这份申请刚刚在别的页面保存过，所以这一页暂时不再自动保存。按按钮保存时，会把两边的内容都给您看。"


def told(status: int, **words: Any) -> ResponseReturnValue:
    """An answer for the page's script."""
    answer = jsonify(words)
    answer.headers["Cache-Control"] = "no-store"
    return answer, status


def kept() -> ResponseReturnValue:
    """What was typed is kept: ``{saved}``."""
    return told(200, saved=chinese_moment(clock.now()))


def version() -> int | None:
    """The version that the page was filled in on; None where the form carries none."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def keep_draft(citizen_id: UUID, draft_id: UUID) -> ResponseReturnValue:
    """Keep what is typed in one group of a person's draft; 409 where another page saved meanwhile. Commits."""
    on = version()
    try:
        found = drafts.mine(citizen_id, draft_id)
        item = parts().catalogue.item(found.item)
        group = next((group for group in item.groups if group.code == request.form.get("group")), None)
        if group is None or on is None:
            return told(400, sentence="这一页不完整，请刷新后再填。")
        drafts.keep_typed(found, group, fields.typed(request.form, group.schema), on)
        commit()
    except NoSuchCase as fault:
        rollback()
        return told(404, sentence=fault.sentence)
    except MovedOn:
        rollback()
        return told(409, sentence=_MOVED)
    return kept()
