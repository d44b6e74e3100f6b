"""From what was not told to what the console's page of telling shows: tables of one office, masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import load_only

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.models import Case
from citizen_services.cases.queries import applicant_names
from citizen_services.console.guards import current_actor
from citizen_services.console.listed import case_url
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from citizen_services.rules.dates import last_day
from citizen_services.rules.masking import mask_name, scrub
from notifications import platform, queries, told
from notifications.models import Delivery, Notice, Parcel
from notifications.platform import CHANNEL as PLATFORM
from notifications.reports import CHANNEL as REPORTS
from notifications.writeback import CHANNEL as WRITE_BACK

#: After so many days without news a parcel is asked after.
SILENT_DAYS = 3
CHANNELS: Mapping[str, str] = {
    "wechat": "微信消息", "sms": "短信", "ems": "邮政下单", "registration": "省流动人口登记库",
    "wechat_tag": "公众号菜单", "one_window": "省一窗受理平台", "platform": "交管综合平台",
    "sms_aliyun": "短信：阿里云账户（已改由另一家发送）", "sms_tencent": "短信：腾讯云账户（已改由另一家发送）",
    "call": "电话告知", "visit": "上门告知", "letter": "EMS 信函",
}  # fmt: skip
#: How reasons begin, and what that means to whoever reads the page.
REASONS: Sequence[tuple[str, str]] = (
    ("never", "对方拒绝接收"),
    ("reported failed", "运营方回执：没有送到"),
    ("given up", "多次重试没有结果"),
    ("set aside", "内容无法处理"),
    ("expired", "发出前已过有效期"),
    ("operator", "等运维处理"),
    ("not reached", "多次没有联系上本人"),
    ("refused", "本人不愿听"),
)
COURSES: Mapping[str, str] = {
    "other": "他人签收，请向本人核实",
    "lost": "邮件遗失",
    "moving": "投递不成功，原因要向邮政查询",
    "refused": "拒收，正在退回",
    "back": "正在退回",
    "returned": "已退回本中心",
}


# --- Whose ------------------------------------------------------------------------------------------------------------


def cases_of(actor: Actor) -> ColumnElement[bool]:
    """Cases that belong to the actor's office or lie on its desk."""
    return and_(Case.district == actor.district, or_(Case.office_code == actor.office, Case.desk_code == actor.office))


def parcels_seen_by(actor: Actor) -> ColumnElement[bool]:
    """Cases whose parcels the actor sees: the service centre, which hands them over, sees its district's."""
    return Case.district == actor.district if actor.office_kind == "service_centre" else cases_of(actor)


def tries_seen_by(actor: Actor) -> ColumnElement[bool]:
    """Tries that the actor sees: those of their office's cases, and of the parcels that they see.

    What is about no case (a code to log in) is the service centre's.
    """
    own = cases_of(actor)
    notice = select(Notice.id).join(Case, Case.id == Notice.case_id).where(Notice.id == Delivery.notice_id, own)
    parcel = select(Parcel.id).join(Case, Case.id == Parcel.case_id)
    parcel = parcel.where(Parcel.id == Delivery.parcel_id, parcels_seen_by(actor))
    seen: list[ColumnElement[bool]] = [notice.exists(), parcel.exists()]
    for register in (ResidenceRegistration, ResidencePermit):
        row = select(register.id).join(Case, Case.id == register.case_id)
        seen.append(row.where(register.id == Delivery.about, own).exists())
    case = select(Case.id).where(Case.id == Delivery.about, own)
    seen.append(and_(Delivery.channel.in_((REPORTS, PLATFORM)), case.exists()))
    if actor.office_kind == "service_centre":
        without_case = select(Notice.id).where(Notice.id == Delivery.notice_id, Notice.case_id.is_(None))
        seen.append(without_case.exists())
    return or_(*seen)


def tries_to_mend(actor: Actor) -> ColumnElement[bool]:
    """Those that can be tried once more: what partners rejected has lists of its own."""
    # What has lost its use is not tried again, so nobody need look at it.
    useful = or_(Delivery.expires_at.is_(None), Delivery.expires_at > func.now())
    return and_(tries_seen_by(actor), Delivery.channel.not_in((WRITE_BACK, REPORTS, PLATFORM)), useful)


# --- The page -----------------------------------------------------------------------------------------------------


def everything(actor: Actor) -> dict[str, Any]:
    """The tables of the page, by name; nothing in them is in clear."""
    within, seen, letters = parcels_seen_by(actor), tries_seen_by(actor), tries_to_mend(actor)
    dead = queries.dead_letters(within=letters)
    writes = queries.rejected_writebacks(within=seen)
    reports = queries.rejected_reports(within=seen)
    applications = queries.rejected_applications(within=seen)
    unentered = platform.unentered(within=cases_of(actor))
    doubtful = queries.in_doubt(within=seen)
    calls = corrections.unreached(clock.now(), cases_of(actor), queries.PAGE)
    without = queries.parcels_without_number(within=within)
    lists = {
        "to_check": queries.parcels_to_check(within=within),
        "silent": queries.parcels_silent(SILENT_DAYS, within=within),
        "returning": [*queries.parcels_returned(within=within), *queries.parcels_coming_back(within=within)],
    }
    case_of = _cases_of_tries([*dead, *writes, *reports, *applications, *doubtful])
    texts = _texts(doubtful)
    parcels = [*without, *(parcel for rows in lists.values() for parcel in rows)]
    of_others = [*(p.case_id for p in parcels), *(one.case_id for one in unentered), *case_of.values()]
    cases = _cases([*(c.case_id for c in calls), *of_others])
    return {
        "oldest": _age(queries.oldest_due()),
        "holds": [
            {"code": hold.channel, "channel": channel_word(hold.channel), "reason": hold.reason, "since": hold.since}
            for hold in queries.holds()
        ],
        "counts": [
            {
                "channel": channel_word(c.channel),
                "why": why(c.reason),
                "code": c.reason,
                "count": c.count,
                "oldest": c.oldest,
            }
            for c in queries.dead_letter_counts(within=letters)
        ],
        "dead": [_try(row, cases.get(case_of.get(row.id))) for row in dead],
        "writes": [{**_try(row, cases.get(case_of.get(row.id))), "words": words} for row, words in _words_of(writes)],
        "reports": [{**_try(row, cases.get(case_of.get(row.id))), "words": words} for row, words in _words_of(reports)],
        "applications": [
            {**_try(row, cases.get(case_of.get(row.id))), "words": words} for row, words in _words_of(applications)
        ],
        "unentered": [
            {"case": cases[one.case_id], "answer": platform.WORDS[one.answer or ""], "when": one.answered_at}
            for one in unentered
        ],
        "doubtful": [
            {**_try(row, cases.get(case_of.get(row.id))), "text": texts.get(row.notice_id, "")} for row in doubtful
        ],
        "calls": [
            {"case": cases[c.case_id], "due": last_day(c.due), "asked": c.asked_at, "count": len(c.items)}
            for c in calls
        ],
        "without": [_parcel(parcel, cases) for parcel in without],
        **{name: [_parcel(parcel, cases) for parcel in rows] for name, rows in lists.items()},
        "silent_days": SILENT_DAYS,
        "most": queries.PAGE,
    }


@dataclass(frozen=True)
class CaseLine:
    """A case as the tables show it: its number with a link, the item's name, the applicant's masked name."""

    id: UUID
    href: str
    number: str
    item: str
    applicant: str


def _cases(ids: Iterable[UUID]) -> dict[UUID | None, CaseLine]:
    query = select(Case).where(Case.id.in_(set(ids)))
    query = query.options(load_only(Case.id, Case.number, Case.item, Case.item_version, Case.citizen_id))
    found = db.session.scalars(query).all()
    names, actor = applicant_names(found), current_actor()
    return {
        case.id: CaseLine(
            case.id,
            case_url(case.id, actor, "telling"),
            case.number,
            parts().catalogue.item(case.item, case.item_version).name,
            mask_name(names.get(case.citizen_id, "")),
        )
        for case in found
    }


def _cases_of_tries(rows: Sequence[Delivery]) -> dict[UUID, UUID]:
    """The cases that tries are about, by the try's id."""
    found = {row.id: row.about for row in rows if row.channel in (REPORTS, PLATFORM) and row.about is not None}
    for model, name in (
        (Notice, "notice_id"), (Parcel, "parcel_id"), (ResidenceRegistration, "about"), (ResidencePermit, "about")
    ):  # fmt: skip
        ids = {getattr(row, name) for row in rows} - {None}
        query = select(model.id, model.case_id).where(model.id.in_(ids))
        known = {row.id: row.case_id for row in db.session.execute(query)}
        for row in rows:
            case_id = known.get(getattr(row, name))
            if case_id is not None:
                found[row.id] = case_id
    return found


def _try(row: Delivery, case: CaseLine | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "case": case,
        "channel": channel_word(row.channel),
        "why": why(row.reason or ""),
        "code": row.reason or "",
        "when": row.made_at,
    }


def _texts(rows: Sequence[Delivery]) -> dict[UUID | None, str]:
    """What each of these messages says, by its notice, as a page may show it."""
    query = select(Notice.id, Notice.text).where(Notice.id.in_({row.notice_id for row in rows} - {None}))
    return {row.id: scrub(row.text) for row in db.session.execute(query)}


def _words_of(rows: Sequence[Delivery]) -> list[tuple[Delivery, str]]:
    """Each write with the register's own words, in which the person is masked."""
    people = {row.person for row in rows} - {None}
    query = select(Citizen.id, Citizen.name).where(Citizen.id.in_(people))
    names = {row.id: row.name for row in db.session.execute(query)}
    shown = []
    for row in rows:
        words, name = row.words or "", names.get(row.person) if row.person else None
        shown.append((row, scrub(words.replace(name, mask_name(name)) if name else words)))
    return shown


def _parcel(parcel: Parcel, cases: Mapping[UUID | None, CaseLine]) -> dict[str, Any]:
    return {
        "id": parcel.id,
        "case": cases.get(parcel.case_id),
        "tracking": parcel.tracking,
        "state": parcel.state,
        "course": COURSES.get(parcel.course, ""),
        "heard": parcel.heard_at or parcel.at,
    }


# --- Words --------------------------------------------------------------------------------------------------------


def channel_word(channel: str) -> str:
    """What a channel is called on pages; the code itself where it has no word yet."""
    return CHANNELS.get(channel, channel)


def why(reason: str) -> str:
    """A reason in words, by how it begins."""
    return next((words for beginning, words in REASONS if reason.startswith(beginning)), "没有送到")


def _age(waited: timedelta | None) -> dict[str, str]:
    """For how long the oldest due thing has waited, as ``figures`` shows it; late from ten minutes on."""
    if waited is None:
        return {"value": "没有积压", "tone": "ok"}
    minutes = int(waited.total_seconds() // 60)
    if minutes < 1:
        words = "不到 1 分钟"
    elif minutes < 60:
        words = f"{minutes} 分钟"
    elif minutes < 60 * 24:
        words = f"{minutes // 60} 小时 {minutes % 60} 分"
    else:
        words = f"{minutes // (60 * 24)} 天"
    return {"value": words, "tone": "bad" if minutes >= 10 else "ok"}


# --- Lists of people to call and to visit -------------------------------------------------------------------------


def by_hand_rows(rows: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Whom to call or visit, as a list shows them: masked."""
    query = select(Notice.id, Notice.kind, Notice.citizen_id).where(
        Notice.id.in_({row.notice_id for row in rows} - {None})
    )
    notices = {notice.id: notice for notice in db.session.execute(query)}
    people = {notice.citizen_id for notice in notices.values()} - {None}
    names = {
        row.id: row.name for row in db.session.execute(select(Citizen.id, Citizen.name).where(Citizen.id.in_(people)))
    }
    case_of, titles = _cases_of_tries(rows), told.titles_of()
    cases = _cases(case_of.values())
    return [
        {
            "id": row.id,
            "case": cases.get(case_of.get(row.id)),
            "applicant": mask_name(names.get(notices[row.notice_id].citizen_id, "")),
            "title": titles.get(notices[row.notice_id].kind, "通知"),
            "attempts": row.attempts,
            "when": row.made_at,
        }
        for row in rows
        if row.notice_id in notices
    ]


def case_line(case_id: UUID | None) -> CaseLine | None:
    """A case as the tables show it; None for none."""
    return None if case_id is None else _cases([case_id]).get(case_id)
