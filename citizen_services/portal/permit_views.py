"""The electronic permit: shown by its person, verified by whoever scans it."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, render_template, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.queries import own_case
from citizen_services.catalogue.vocabulary import Supplier
from citizen_services.filling import registers
from citizen_services.pages import render_error
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.people.queries import citizen as citizen_of
from citizen_services.portal.guards import citizen_required, the_citizen
from citizen_services.portal.home_views import tell_refusals
from citizen_services.registers.models import ResidencePermit
from citizen_services.registers.operations import window_opens
from citizen_services.registers.queries import current_permit, permit, permits_of
from citizen_services.registers.showing import GOOD_FOR_S, NotOurs, TooOld, permit_shown, shown_code
from citizen_services.rules import permit_years, qr
from citizen_services.rules.dates import chinese_date, chinese_full_day, chinese_moment
from citizen_services.rules.divisions import NINGBO
from citizen_services.rules.masking import mask_id

bp = Blueprint("portal_permit", __name__, url_prefix="/h5")
tell_refusals(bp)

_HISTORY = Supplier("migrants", "history")
_PORTRAIT = "population.portrait"
_ENDORSE = "residence-permit-endorse"
_ENDED = {
    "hukou_moved": "户籍已迁入本市市区，居住证不再使用。",
    "death": "持证人已去世，居住证已注销。",
    "new_permit": "已领取新的居住证，这一张不再使用。",
}
#: What whoever scans the code reads: title, tone, sentence.
_FOUND = {
    permit_years.VALID: ("居住证有效", "ok", "签注在有效期内。"),
    permit_years.SUSPENDED: ("居住证使用功能中止", "wait", "持证人没有按期签注，补办签注后恢复。"),
    permit_years.ENDED: ("居住证已失效", "bad", "这张居住证已经终止使用。"),
}


@bp.get("/permit")
@citizen_required
def show() -> ResponseReturnValue:
    """The person's electronic permit, with a code for others to scan; another district's as the register has it."""
    citizen = the_citizen()
    ours = current_permit(citizen.id)
    if ours is None:
        ended = next(iter(permits_of(citizen.id)), None)
        return render_template(
            "h5/permit.html",
            permit=None,
            ended=_ended_words(ended) if ended is not None else "",
            endorse=url_for("portal_items.guide", code=_ENDORSE),
            elsewhere=_elsewhere(citizen) if ended is None or ended.ended_reason == "new_permit" else [],
            back="/h5/",
        )
    return render_template(
        "h5/permit.html",
        permit=ours,
        standing=_standing(ours),
        portrait=_portrait(citizen, ours),
        rows=_rows(citizen, ours),
        window=chinese_full_day(window_opens(ours.endorsed_until)),
        until=chinese_full_day(ours.endorsed_until),
        open=clock.today() >= window_opens(ours.endorsed_until),
        endorse=url_for("portal_items.guide", code=_ENDORSE),
        lost=_card_void(ours.card_lost_on) if ours.card_lost_on else "",
        minutes=GOOD_FOR_S // 60,
        # The code on the page is always a fresh one while the page is looked at.
        refresh=GOOD_FOR_S - 60,
        back="/h5/",
    )


@bp.get("/permit/qr.png")
@citizen_required
def code() -> ResponseReturnValue:
    """The code of the person's permit, good for some minutes; 404 where they have none."""
    ours = current_permit(the_citizen().id)
    if ours is None or _standing(ours) == "approved":
        abort(404)
    address = url_for("portal_permit.verify", token=shown_code(ours.id))
    answer = Response(qr.png(parts().settings.public_base_url.rstrip("/") + address), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.get("/v/<token>")
def verify(token: str) -> ResponseReturnValue:
    """What a shown permit is at this moment, for whoever scanned it: no more than is needed to accept it."""
    try:
        found = permit(permit_shown(token))
    except TooOld:
        return render_error(
            410, title="这个码已经过期", text=f"二维码只在 {GOOD_FOR_S // 60} 分钟内有效，截图和照片不能代替。",
            advice="请持证人在手机上刷新电子居住证，再扫一次。",
        )  # fmt: skip
    except NotOurs:
        found = None
    holder = citizen_of(found.citizen_id) if found is not None else None
    if found is None or holder is None or found.state == "approved":
        return render_error(
            404, title="不是本局出具的码", text="没有找到对应的居住证，请不要凭这个码办事。",
            advice="请持证人打开微信公众号里的电子居住证，再扫一次。",
        )  # fmt: skip
    standing = permit_years.standing(found.state, found.endorsed_until, clock.today())
    title, tone, words = _FOUND[standing]
    if found.card_lost_on is not None and standing != permit_years.ENDED:
        title, tone = f"{title}，原卡片已挂失", "wait"
        words = f"{words}{_card_void(found.card_lost_on)}请只认持证人手机上的电子居住证。"
    return render_template(
        "h5/permit_verified.html",
        title=title,
        tone=tone,
        words=words,
        name=holder.name,
        issued_by=found.issued_by,
        at=chinese_moment(clock.now()),
        standing=standing,
    )


def _standing(ours: ResidencePermit) -> str:
    """What the permit is today; ``approved`` while its card is being made for the first time."""
    if ours.state == "approved":
        return "approved"
    return permit_years.standing(ours.state, ours.endorsed_until, clock.today())


def _rows(citizen: Citizen, ours: ResidencePermit) -> list[dict[str, Any]]:
    """What stands on the card (居住证暂行条例 art 4); the number masked, since a screen is seen by others."""
    return [
        {"label": "姓名", "value": citizen.name},
        {"label": "性别", "value": "男" if citizen.gender == "male" else "女"},
        {"label": "出生日期", "value": chinese_date(citizen.birth_date)},
        {"label": "公民身份号码", "value": mask_id(citizen.id_number)},
        {"label": "常住户口所在地", "value": citizen.hukou_address},
        {"label": "居住地住址", "value": ours.address},
        *([{"label": "服务处所", "value": ours.workplace}] if ours.workplace else ()),
        {"label": "签发机关", "value": ours.issued_by},
        {"label": "签发日期", "value": chinese_full_day(ours.issued_on)},
        {"label": "签注有效期至", "value": chinese_full_day(ours.endorsed_until)},
    ]


def _portrait(citizen: Citizen, ours: ResidencePermit) -> str:
    """The address of the portrait that the permit's case rests on; empty where there is none."""
    try:
        answer = own_case(citizen.id, ours.case_id).answers.get(_PORTRAIT)
    except NoSuchCase:
        # The register outlives the case files.
        return ""
    return url_for("portal_cases.picture", case_id=ours.case_id, answer_id=answer) if answer else ""


def _card_void(day: date) -> str:
    return f"原来的居住证卡片已于{chinese_full_day(day)}挂失作废。"


def _ended_words(ended: ResidencePermit) -> str:
    day = chinese_full_day(ended.ended_on) if ended.ended_on else ""
    return f"您的居住证已于{day}终止：{_ENDED.get(ended.ended_reason or '', '')}"


def _elsewhere(citizen: Citizen) -> list[dict[str, Any]]:
    """Permits of the other districts of the urban area, as the province's register has them."""
    answer = registers.ask(citizen, [_HISTORY]).get(_HISTORY.key) or {}
    area = parts().settings.city_area
    return [
        {
            "label": f"{NINGBO.get(row['district'], '本市市区')}签发",
            "value": f"签注有效期至{row['endorsed_until']}",
            "note": "来自浙江省流动人口登记；到期可以在本区签注，签注后电子居住证在这里显示。",
        }
        for row in (answer.get("content") or {}).get("permits", ())
        if row["state"] == "valid" and row["district"] in area and row.get("written_ref") is None
    ]
