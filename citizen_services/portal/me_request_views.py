"""更正和删除: what a person asks of their own data, and how each request was answered (个人信息保护法 art 46, 47)."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.cases.errors import MovedOn
from citizen_services.database import Change, commit
from citizen_services.database.base import rollback
from citizen_services.filling import own_requests
from citizen_services.people import data_requests
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.rules.dates import chinese_full_day, chinese_moment, last_day
from citizen_services.security import new_token

bp = Blueprint("portal_me_requests", __name__, url_prefix="/h5/me/requests")


_WISH = own_requests.WishSchema()


@bp.get("")
@citizen_required
def page() -> ResponseReturnValue:
    """What was asked and answered, and the forms to ask."""
    return _page()


def _page(status: int = 200, **errors: object) -> ResponseReturnValue:
    shown = render_template(
        "h5/people/me_requests.html",
        asked=[_asked(one) for one in data_requests.of_person(the_citizen().id)],
        form=request.form,
        errors=errors,
        form_token=new_token(12),
        back=url_for("portal_me.show"),
    )
    return shown, status


def _asked(one: data_requests.DataRequest) -> list[dict[str, str]]:
    answer = one.answer or f"最晚 {chinese_full_day(last_day(one.due))} 答复。"
    return [
        {"label": f"{data_requests.KINDS[one.kind]}请求", "value": one.words, "note": chinese_moment(one.at)},
        {"label": "答复", "value": answer},
    ]


@bp.post("/correction")
@citizen_required
def correct() -> ResponseReturnValue:
    """Ask that something be put right."""
    return _ask("correction", "correction_words")


@bp.post("/deletion")
@citizen_required
def delete() -> ResponseReturnValue:
    """Ask that data be deleted: drafts go at once, of the rest an answer in writing says what stays, and why."""
    return _ask("deletion", "deletion_words")


def _ask(kind: str, name: str) -> ResponseReturnValue:
    change = Change(clock.now())
    try:
        words = _WISH.load({"words": request.form.get(name, "").strip()})["words"]
        asked = own_requests.ask(the_citizen(), kind, words, change)
        change.write()
        commit()
    except ValidationError as fault:
        return _page(422, **{name: fault.normalized_messages()["words"]})
    except data_requests.AlreadyAsked as fault:
        return _page(409, **{name: [fault.sentence]})
    except IntegrityError as fault:
        # Another page of the person's, a moment ago.
        rollback()
        if not data_requests.asked_at_once(fault):
            raise
        return _page(409, **{name: [data_requests.AlreadyAsked.sentence]})
    except MovedOn as fault:
        rollback()
        return _page(409, **{name: [fault.sentence]})
    gone = "没有提交的申请已经删除。" if asked.drafts_deleted else ""
    flash(f"请求已收到。{gone}最晚 {chinese_full_day(asked.due.last_day)} 书面答复，答复后会通知您。", "ok")
    return redirect(url_for("portal_me_requests.page"), 303)
