"""What a person may wish of our messages, and all that was told of their case, with every try."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from citizen_services.cases import serving
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.portal.guards import citizen_required, current_citizen, in_wechat, the_citizen
from citizen_services.wechat import consents
from notifications import served, told, wishes

bp = Blueprint("telling_choice", __name__, url_prefix="/h5/telling")

_CHOICE = wishes.ChoiceSchema()


@bp.app_context_processor
def _told() -> dict[str, Any]:
    """``told_of(case_id)`` for the case's page: what the person who looks was told of it."""

    def told_of(case_id: UUID) -> list[told.Told]:
        citizen = current_citizen()
        return [] if citizen is None else told.of_case(case_id, citizen.id)

    def consented(case_id: UUID | None) -> bool:
        citizen = current_citizen()
        if citizen is None:
            return False
        return serving.consents(citizen.id, case_id) if case_id else serving.standing_consent(citizen.id)

    def may_consent(case: Case) -> bool:
        citizen = current_citizen()
        item = parts().catalogue.item(case.item, case.item_version)
        mine = citizen is not None and citizen.id == case.citizen_id and case.ended_at is None
        return mine and any(document.served for document in item.documents)

    words = {"standing": serving.STANDING, "case": serving.ONE_CASE}
    service = {"served_of": served.served_of, "consented": consented, "may_consent": may_consent, "service": words}
    service["subscription_offer"] = _subscription_offer
    return service | {"told_of": told_of, "to_bring": told.to_bring}


def _subscription_offer() -> dict[str, Any] | None:
    """What WeChat's button for subscription messages is told; None outside WeChat, and where no template is set."""
    offered = consents.offered() if in_wechat() and current_citizen() is not None else ()
    if not offered:
        return None
    return {
        "templates": ",".join(one.template_id for one in offered),
        "lasting": offered[0].lasting,
        "origin": parts().settings.public_base_url,
    }


@bp.get("")
@citizen_required
def page() -> ResponseReturnValue:
    """The choice as it is."""
    return _page(asdict(wishes.wish_of(the_citizen().id)))


def _page(form: dict[str, Any], errors: dict[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    return render_template("h5/telling.html", form=form, errors=errors or {}, back="/h5/"), status


@bp.post("")
@citizen_required
def choose() -> ResponseReturnValue:
    """Keep the choice; sent twice it is the same choice."""
    try:
        given = _CHOICE.load(request.form.to_dict(), unknown=EXCLUDE)
    except ValidationError as fault:
        return _page({"first": "", "less": bool(request.form.get("less"))}, fault.normalized_messages(), 422)
    wishes.wish(the_citizen().id, given["first"], given["less"])
    commit()
    flash("已保存，从下一条通知起照这样通知您。", "ok")
    return redirect(url_for("telling_choice.page"), 303)


class ServiceSchema(Schema):
    """Consent to electronic service, given or withdrawn, standing or for one case."""

    wish = fields.String(
        required=True,
        validate=validate.OneOf(("give", "withdraw"), error="请选择同意或者撤回。"),
        error_messages={"required": "请选择同意或者撤回。"},
    )
    case = fields.UUID(load_default=None)


_SERVICE = ServiceSchema()


@bp.post("/service")
@citizen_required
def service() -> ResponseReturnValue:
    """Consent to electronic service, or withdraw it; sent twice it is the same wish."""
    try:
        given = _SERVICE.load(request.form.to_dict(), unknown=EXCLUDE)
    except ValidationError as fault:
        return _page({"first": "", "less": False}, fault.normalized_messages(), 422)
    citizen, case_id = the_citizen(), given["case"]
    if case_id is not None:
        case = db.session.get(Case, case_id)
        if case is None or case.citizen_id != citizen.id:
            abort(404)
    if given["wish"] == "give":
        serving.consent(citizen.id, case_id)
        said = "已同意电子送达，您可以随时撤回。"
    else:
        serving.withdraw(citizen.id, case_id)
        said = "已撤回，以后的文书用 EMS 寄给您。"
    commit()
    flash(said, "ok")
    where = url_for("telling_choice.page") if case_id is None else url_for("portal_cases.show", case_id=case_id)
    return redirect(where, 303)
