"""What was typed on a page whose login ran out before it was sent: kept for its own person, and shown to nobody else.

Whoever sends a form without being logged in is led to the login first. A page of ours carries a mark of the draft or
case that it belongs to, and the form's token proves the browser; a form with both is kept on that draft or case as
something typed and not saved. It becomes an answer only when its own person, logged in again, sees and sends it. In a
browser that has lost its cookies altogether there is no such proof: there what was kept while typing is what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import current_app, flash, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeTimedSerializer

from citizen_services.cases import corrections, drafts, standing
from citizen_services.cases.errors import CaseError, NoSuchCase
from citizen_services.cases.models import Case, Draft
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.filling import fields
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.sessions import LIFETIMES
from citizen_services.portal.correction_pages import typed_of
from citizen_services.portal.guards import in_wechat, to_be_known

#: The hidden input that carries the mark.
MARK = "page"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="page of a draft or case")


def mark_of(id_: UUID, visitor_id: UUID) -> str:
    """The mark of a page of this draft or case as that person was shown it."""
    return str(_signer().dumps(f"{id_} {visitor_id}"))


def _was_shown(id_: UUID, citizen_id: UUID, item: str) -> bool:
    """Whether the form that was sent stood on a page of this draft or case, within a login's lifetime.

    And whether who was shown it may act on it still: nothing is kept of an agent whose right has ended.
    """
    try:
        mark = _signer().loads(request.form.get(MARK, ""), max_age=int(LIFETIMES["citizen"].whole.total_seconds()))
        shown, _, visitor_id = str(mark).partition(" ")
        visitor = db.session.get(Citizen, UUID(visitor_id)) if shown == str(id_) else None
        return visitor is not None and standing.of(visitor, citizen_id).covers(item)
    except (BadSignature, ValueError, NoSuchCase):
        return False


def keep_draft(draft_id: UUID) -> bool:
    """Keep the group that was sent for a draft by somebody whose login ran out; whether it was kept. Commits."""
    draft = db.session.get(Draft, draft_id)
    if draft is None or draft.ended_at is not None or not _was_shown(draft_id, draft.citizen_id, draft.item):
        return False
    item = parts().catalogue.item(draft.item)
    group = next((group for group in item.groups if group.code == request.form.get("group")), None)
    if group is None:
        return False
    texts = fields.typed(request.form, group.schema)
    return _keep(lambda: drafts.keep_typed(draft, group, texts))


def keep_answer(case_id: UUID) -> bool:
    """Keep what was sent in answer to a correction by somebody whose login ran out; whether it was. Commits."""
    case, correction = db.session.get(Case, case_id), corrections.open_correction(case_id)
    if case is None or correction is None or not _was_shown(case_id, case.citizen_id, case.item):
        return False
    item = parts().catalogue.item(case.item, case.item_version)
    texts = typed_of(item, case, correction, request.form)
    return bool(texts) and _keep(lambda: corrections.keep_typed(correction, texts))


def _keep(keep: Callable[[], bool]) -> bool:
    try:
        kept = keep()
        commit()
    except CaseError:
        # Saved, sent or thrown away at this very moment: what was decided there holds.
        rollback()
        return False
    return kept


def led_to_login(path: str, kept: bool) -> ResponseReturnValue:
    """Lead somebody whose login ran out to where they get known, and to ``path`` afterwards.

    In WeChat that is another site, and the content policy stops a form whose answer leads there: a page of ours says
    what happened, and its link goes on.
    """
    words = "您刚才填的内容替您留着，还没有提交。" if kept else "这一步还没有办成，您之前保存的内容都在。"
    if in_wechat():
        back = url_for("portal_home.enter", next=path)
        return render_error(401, title="登录已经过期", text=words, advice="请重新登录，回来接着办。", back=back)
    flash(f"登录已经过期。{words}登录后接着办。", "warn")
    return to_be_known(path)
