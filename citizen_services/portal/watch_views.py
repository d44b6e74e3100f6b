"""到期提醒: what somebody wants to be reminded of before it runs out; each stopped with one tap."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.database import commit
from citizen_services.filling import one_stop
from citizen_services.people import watches
from citizen_services.people.watches import WORDS, TooManyWatches, Wish
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.registers.watch_models import Watch
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import PLATE_KINDS, parse_plate

bp = Blueprint("portal_watches", __name__, url_prefix="/h5/watches")
tell_refusals(bp)


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """What one is reminded of, and what else there is."""
    return _page()


@bp.post("")
@citizen_required
def ask() -> ResponseReturnValue:
    """Be reminded of one thing more; the sentence beside the button is what is consented to."""
    try:
        wish = _wish(request.form.get("watch", ""))
        watches.ask(the_citizen().id, wish)
    except RuleError as fault:
        return _page(422, fault.sentence)
    except TooManyWatches as fault:
        return _page(422, fault.sentence)
    commit()
    flash(f"到期前会提醒您：{WORDS[wish.kind]}。")
    return redirect(url_for("portal_watches.mine"), 303)


@bp.post("/<uuid:watch_id>/stop")
@citizen_required
def stop(watch_id: UUID) -> ResponseReturnValue:
    """No more of it. Whatever was stopped before stays so."""
    watches.stop(the_citizen().id, watch_id)
    commit()
    flash("已经停止，不会再提醒。")
    return redirect(url_for("portal_watches.mine"), 303)


def _wish(text: str) -> Wish:
    """``licence``, ``medical``, or ``02-浙B12345`` for a vehicle's inspection."""
    if text in ("licence", "medical"):
        return Wish(text)
    kind, dash, plate = text.partition("-")
    if not dash:
        raise RuleError("请选择要提醒的项目。")
    return Wish("inspection", parse_plate(kind, plate))


def _page(status: int = 200, error: str = "") -> ResponseReturnValue:
    citizen = the_citizen()
    asked = watches.current(citizen.id)
    have = {(watch.kind, f"{watch.plate_kind}-{watch.plate}") for watch in asked}
    offers = [_offer(Wish(kind)) for kind in ("licence", "medical") if (kind, "-") not in have]
    cars = one_stop.owned(citizen)
    for car in cars:
        key = f"{car['plate_kind']}-{car['plate']}"
        if ("inspection", key) not in have:
            offers.append(_offer(Wish("inspection", parse_plate(car["plate_kind"], car["plate"]))))
    page = render_template(
        "h5/watches.html",
        asked=[_row(watch) for watch in asked],
        offers=offers,
        error=error,
        errors={"watch": [error]} if error else {},
        back="/h5/",
    )
    return page, status


def _offer(wish: Wish) -> dict[str, Any]:
    title = WORDS[wish.kind]
    if wish.plate is not None:
        title = f"{wish.plate.number}（{PLATE_KINDS[wish.plate.kind]}）的{title}"
    return {"value": wish.plate.key if wish.plate else wish.kind, "title": title, "words": wish.words}


def _row(watch: Watch) -> dict[str, Any]:
    title = WORDS[watch.kind] if watch.kind != "inspection" else f"{watch.plate}的{WORDS[watch.kind]}"
    if watch.checked_at is None:
        text = "正在向交管平台查询有效期。"
    elif watch.until is None:
        text = "交管平台没有到期日：长期有效，或者没有登记。"
    else:
        text = f"有效期至{chinese_date(watch.until)}。"
        text += "已经提醒过您。" if watch.told_until == watch.until else ""
    return {"id": watch.id, "title": title, "text": text, "as_of": watch.checked_at}
