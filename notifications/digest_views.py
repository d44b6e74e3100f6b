"""The digest of what is stuck: on the console's front page, whole on a page of its own, by SMS to whoever wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, Schema, ValidationError

from citizen_services.catalogue import PhoneField
from citizen_services.console.guards import current_actor, current_member, staff_required
from citizen_services.console.supervision_scope import answers_for
from citizen_services.database import commit
from citizen_services.people import parameters
from citizen_services.rules.masking import mask_phone
from notifications import digests

bp = Blueprint("console_digests", __name__, url_prefix="/console/digest")


class WishSchema(Schema):
    """The phone of whoever wants it."""

    phone = PhoneField("手机号码")


_WISH = WishSchema()


@bp.app_context_processor
def _shown() -> dict[str, Any]:
    """``digests_shown()`` for the front page: nothing but to supervisors."""
    return {"digests_shown": _digests}


def _digests() -> list[dict[str, Any]]:
    actor = current_actor()
    if "supervisor" not in actor.roles:
        return []
    names = {place.code: place.name for place in answers_for(actor)}
    return [
        {
            "office": names[one.office_code],
            "at": one.made_at,
            "count": sum(line["count"] for line in one.counts),
            "lines": [{**line, "label": digests.KINDS.get(line["kind"], line["kind"])} for line in one.counts],
        }
        for one in digests.newest(list(names))
    ]


@bp.get("")
@staff_required("supervisor")
def page() -> ResponseReturnValue:
    """What is stuck at each office for which one answers, and the wish for an SMS."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    phone = digests.wish_of(current_member().staff.id)
    shown = render_template(
        "console/digest.html",
        phone=mask_phone(phone) if phone else "",
        hour=parameters.number("staff_digest_hour"),
        form=request.form,
        errors=errors or {},
    )
    return shown, status


@bp.post("/wish")
@staff_required("supervisor")
def wish() -> ResponseReturnValue:
    """Want it by SMS, or no longer; sent twice it is the same wish."""
    staff_id = current_member().staff.id
    if request.form.get("wish") == "end":
        digests.wish(staff_id, None)
        said = "以后不再发短信，摘要仍在首页。"
    else:
        try:
            given = _WISH.load(request.form.to_dict(), unknown=EXCLUDE)
        except ValidationError as fault:
            return _page(fault.normalized_messages(), 422)
        digests.wish(staff_id, given["phone"])
        said = "已登记：工作日有没办成的，发短信到这个手机。"
    commit()
    flash(said, "ok")
    return redirect(url_for(".page"), 303)
