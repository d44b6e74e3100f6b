"""我的信息: what is held of the person and why, who looked, what they agreed to; downloading all of it, unbinding."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from citizen_services import clock
from citizen_services.cases.disposal import kept_here
from citizen_services.catalogue.forms import form_data
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.pages import render_error
from citizen_services.people import codes, looks, own_data, web
from citizen_services.people.errors import BindingOver, TooMany
from citizen_services.people.models import Consent, Look
from citizen_services.people.queries import offices
from citizen_services.portal.guards import HOME, citizen_required, the_citizen
from citizen_services.portal.own_data import everything
from citizen_services.portal.own_data_paper import paper_of
from citizen_services.portal.schemas_people import OWN_DATA_FORM
from citizen_services.printing.paper import pdf
from citizen_services.rules import keyset
from citizen_services.rules.dates import chinese_full_day, chinese_moment, local_date
from citizen_services.rules.masking import mask_address, mask_id, mask_name, mask_phone
from citizen_services.security import new_token
from citizen_services.words import role_word

bp = Blueprint("portal_me", __name__, url_prefix="/h5/me")

_LOOKS_A_PAGE = 20


@bp.get("")
@citizen_required
def show() -> ResponseReturnValue:
    """The whole page; ``after`` goes on in the list of who looked."""
    return _page()


def _page(status: int = 200, errors: object = None, sent: bool = False) -> ResponseReturnValue:
    citizen = the_citizen()
    bound = own_data.binding_of(citizen.id)
    seen, further = looks.page_of(
        citizen.id, keyset.place_from_text(request.args.get("after", "")), _LOOKS_A_PAGE
    )  # fmt: skip
    after = keyset.place_to_text(further)
    page = render_template(
        "h5/people/me.html",
        rows=[
            {"label": "姓名", "value": mask_name(citizen.name)},
            {"label": "公民身份号码", "value": mask_id(citizen.id_number)},
            {"label": "手机号", "value": mask_phone(citizen.phone)},
            {"label": "户籍地址", "value": mask_address(citizen.hukou_address)},
        ],
        kept=[{"what": one.what, "why": one.why, "who": one.who, "how_long": one.how_long} for one in kept_here()],
        looks=_look_rows(seen),
        first="after" not in request.args,
        next=url_for("portal_me.show", after=after) if after else "",
        consents=[_consent_row(one) for one in own_data.consents_of(citizen.id)],
        bound=chinese_full_day(local_date(bound.bound_at)) if bound is not None else "",
        phone=mask_phone(citizen.phone),
        sent=sent,
        errors=errors or {},
        form_token=new_token(12),
        back=url_for("portal_me.show") if sent else HOME,
    )
    return page, status


def _look_rows(seen: list[Look]) -> list[dict[str, Any]]:
    known = offices()
    return [
        {
            "label": f"{known[one.office_code].name} · {role_word(one.role)}",
            "value": own_data.look_words(one),
            "note": chinese_moment(one.at),
        }
        for one in seen
    ]


def _consent_row(one: Consent) -> dict[str, Any]:
    ended = f"，{chinese_moment(one.withdrawn_at)}撤回" if one.withdrawn_at is not None else ""
    return {
        "label": own_data.AGREED.get(one.purpose, one.purpose),
        "value": one.words,
        "note": f"{chinese_moment(one.at)}同意{ended}",
    }


@bp.post("/code")
@citizen_required
def send_code() -> ResponseReturnValue:
    """Send the code that a download of everything is proved by."""
    change = Change(clock.now())
    try:
        codes.send(the_citizen().phone, own_data.PURPOSE, web.client_address(), change)
    except TooMany as fault:
        rollback()
        return _page(429, {"code": [fault.sentence]})
    change.write()
    commit()
    return _page(sent=True)


@bp.post("/export")
@citizen_required
def export() -> ResponseReturnValue:
    """Everything about the person as JSON or PDF, for a fresh code from their phone: a screen left open is no key."""
    citizen = the_citizen()
    try:
        given = OWN_DATA_FORM.load(form_data(request.form, OWN_DATA_FORM))
        right = codes.check(citizen.phone, own_data.PURPOSE, given["code"], web.client_address())
    except ValidationError as fault:
        return _page(422, fault.messages, sent=True)
    except TooMany as fault:
        rollback()
        return _page(429, {"code": [fault.sentence]}, sent=True)
    commit()
    if not right:
        return _page(422, {"code": ["验证码不对或已失效。可以重新获取，旧的验证码随之失效。"]}, sent=True)
    document = everything(the_citizen())
    if given["kind"] == "pdf":
        answer = Response(pdf(paper_of(document)), mimetype="application/pdf")
    else:
        written = json.dumps(document, ensure_ascii=False, indent=2, default=_text)
        answer = Response(written, mimetype="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="my-data.{given["kind"]}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _text(value: Any) -> str:
    """Days and moments in ISO form."""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@bp.post("/unbind")
@citizen_required
def unbind() -> ResponseReturnValue:
    """End the binding of the person's WeChat; they are logged out everywhere, here too."""
    try:
        own_data.unbind(the_citizen())
    except BindingOver:
        rollback()
        return render_error(409, text="现在没有绑定微信，或者刚刚在别处已经解除。", back=url_for("portal_me.show"))
    commit()
    flash("微信已经解除绑定，所有登录都已退出。再用微信办事，请重新绑定。", "ok")
    return redirect(url_for("portal_login.page"), 303)
