"""How applications are filled in at this door: by the applicant, on the citizens' pages."""

from __future__ import annotations

from flask import url_for

from citizen_services.filling.place import Place
from citizen_services.portal.guards import citizen_actor, in_wechat
from citizen_services.portal.keeping import MARK, mark_of


def door() -> str:
    """The door of this request: ``wechat`` or ``web``."""
    return "wechat" if in_wechat() else "web"


PORTAL = Place(
    draft="portal_drafts.show",
    picture="portal_drafts.picture",
    uploads="portal_uploads.of_draft",
    photo="portal_uploads.draft_photo",
    autosave="portal_autosave.draft",
    templates="h5/draft_",
    you="您",
    actor=citizen_actor,
    door=door,
    guide=lambda citizen, item: url_for("portal_items.guide", code=item.code),
    sent=lambda case_id: url_for("portal_cases.show", case_id=case_id, sent=1),
    case=lambda case_id: url_for("portal_cases.show", case_id=case_id),
    later=lambda citizen: url_for("portal_home.front"),
    more=lambda draft: {"mark": (MARK, mark_of(draft.id))},
)
