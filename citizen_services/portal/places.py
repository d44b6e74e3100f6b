"""How applications are filled in at this door: by the applicant, on the citizens' pages."""

from __future__ import annotations

from typing import Any

from flask import url_for

from citizen_services.cases.models import Draft
from citizen_services.filling.place import Place
from citizen_services.parts import parts
from citizen_services.portal.guards import citizen_actor, in_wechat, the_citizen
from citizen_services.portal.keeping import MARK, mark_of


def door() -> str:
    """The door of this request: ``wechat`` or ``web``."""
    return "wechat" if in_wechat() else "web"


def _more(draft: Draft) -> dict[str, Any]:
    """The mark of a page, and the way to the page of a household where one may apply together."""
    whole = parts().catalogue.item(draft.item).household is not None and draft.citizen_id == the_citizen().id
    together = url_for("portal_households.form", draft_id=draft.id) if whole else ""
    return {"mark": (MARK, mark_of(draft.id, the_citizen().id)), "together": together}


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
    more=_more,
)
