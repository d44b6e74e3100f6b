"""The day's digest for staff: what is stuck at each office, counted once a working day from a configured hour on.

Whoever answers for an office sees it on the console's front page; supervisors who asked for it get one SMS a day. It is
made in one transaction with its messages: however often schedulers run, or late, a day has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases import corrections
from citizen_services.cases.clocks import calendar
from citizen_services.clock import SHANGHAI
from citizen_services.console.supervision_scope import answers_for
from citizen_services.database import Change, commit, db, new_id
from citizen_services.people import parameters
from citizen_services.people.actors import Actor
from citizen_services.people.models import Office, RoleGrant, Staff
from citizen_services.people.queries import offices
from citizen_services.rules.templates import fill
from notifications import by_hand, console_rows, in_person, letters, queries, rows, texts
from notifications.models import DigestWish, Notice, StaffDigest
from notifications.reports import CHANNEL as REPORTS
from notifications.writeback import CHANNEL as WRITE_BACK

#: What is counted, as it is called; of ``untold`` and ``undone`` each reason apart.
KINDS: Mapping[str, str] = {
    "untold": "没有告知到",
    "undone": "没有办成的发送",
    "doubtful": "不知道有没有送到的消息",
    "corrections": "补正期限已过，要打电话",
    "call": "要打电话告知",
    "visit": "要上门告知",
    "without_number": "没有运单号的邮件",
    "silent": "没有消息的邮件",
    "letters": "寄不到的文书",
    "serving": "要上门送达的文书",
    "writes": "省库退回的登记",
    "reports": "一窗平台退回的上报",
}
_TELLING = frozenset({"wechat", "sms", "call", "visit"})
#: A digest that could not be sent that day has lost its use.
_OF_USE_FOR = timedelta(hours=12)


@dataclass(frozen=True)
class Line:
    """How much of one thing is stuck; ``why`` is the reason in words, where there are several."""

    kind: str
    why: str
    count: int


def stuck_at(place: Office) -> list[Line]:
    """What is stuck at an office now, nothing where nothing is; as its page of telling shows it."""
    of = Actor("system", name="digest", office=place.code, office_kind=place.kind, district=place.district)
    tries, parcels, cases = (seen(of) for seen in (
        console_rows.tries_seen_by, console_rows.parcels_seen_by, console_rows.cases_of
    ))  # fmt: skip
    lines: Counter[tuple[str, str]] = Counter()
    for dead in queries.dead_letter_counts(within=console_rows.tries_to_mend(of)):
        kind = "untold" if dead.channel in _TELLING else "undone"
        lines[kind, f"{console_rows.channel_word(dead.channel)}：{console_rows.why(dead.reason)}"] += dead.count
    lines["doubtful", ""] = queries.count_of(queries.doubtful(tries))
    lines["corrections", ""] = corrections.count_unreached(clock.now(), cases)
    lines["call", ""], lines["visit", ""] = by_hand.count("call", tries), by_hand.count("visit", tries)
    lines["without_number", ""] = queries.count_of(queries.without_number(parcels))
    lines["silent", ""] = queries.count_of(queries.silent(console_rows.SILENT_DAYS, parcels))
    lines["letters", ""] = letters.undeliverable_count(parcels) if place.kind == "service_centre" else 0
    lines["serving", ""] = in_person.count(cases)
    lines["writes", ""] = queries.count_of(queries.rejected(WRITE_BACK, tries))
    lines["reports", ""] = queries.count_of(queries.rejected(REPORTS, tries))
    order = list(KINDS)
    found = [Line(kind, why, count) for (kind, why), count in lines.items() if count]
    return sorted(found, key=lambda line: (order.index(line.kind), -line.count, line.why))


# --- Making -----------------------------------------------------------------------------------------------------------


def make_due() -> None:
    """Make today's digests once the hour has come, of a working day; commits. Twice, or late, is once."""
    now, today = clock.now(), clock.today()
    known = calendar()
    working = known.is_working_day(today) if known.is_known(today) else today.isoweekday() < 6
    if not working or now.astimezone(SHANGHAI).hour < parameters.number("staff_digest_hour"):
        return
    made = set(db.session.scalars(select(StaffDigest.office_code).where(StaffDigest.day == today)))
    fresh = [
        {"office_code": place.code, "day": today, "made_at": now, "counts": [vars(line) for line in stuck_at(place)]}
        for place in offices().values()
        if place.code not in made
    ]
    if fresh:
        # Another scheduler that was as fast is waited for here, and has made and told them.
        rows_ = insert(StaffDigest).values(fresh).on_conflict_do_nothing().returning(StaffDigest.office_code)
        ours = set(db.session.scalars(rows_))
        if ours:
            _send(ours, today)
    commit()


def _send(made: set[str], today: date) -> None:
    """Add the SMS to supervisors who asked, one a person, where anything of theirs is stuck."""
    change = Change(clock.now())
    totals = {one.office_code: sum(line["count"] for line in one.counts) for one in of_day(today)}
    for member, phone in _who_asked():
        codes = {place.code for place in answered_by(member)}
        about = uuid5(NAMESPACE_OID, f"{member.id} {today.isoformat()}")
        count = sum(totals.get(code, 0) for code in codes)
        if count and codes & made and not _told(about):
            _add(change, member, phone, about, count)
    change.write()


def _told(about: UUID) -> bool:
    sent = select(Notice.id).where(Notice.kind == texts.STAFF_DIGEST.key, Notice.about == about)
    return db.session.scalars(sent).first() is not None


def _add(change: Change, member: Staff, phone: str, about: UUID, count: int) -> None:
    values = {"office": offices()[member.office_code].name, "count": str(count)}
    template, notice_id = texts.STAFF_DIGEST, new_id()
    sms = rows.sms_content(template, {name: f"{{{name}}}" for name in values}, values)
    expires_at = clock.protocol_now() + _OF_USE_FOR
    change.add(
        Notice,
        id=notice_id,
        kind=template.key,
        citizen_id=None,
        case_id=None,
        about=about,
        values={"sms": sms, "phone": phone},
        text=fill(template.text, values),
        state="pending",
        at=change.at,
        expires_at=expires_at,
    )
    rows.add_delivery(change, "sms", notice_id=notice_id, payload={"phone": phone, **sms}, expires_at=expires_at)


def _who_asked() -> Sequence[tuple[Staff, str]]:
    """Supervisors of today who want an SMS, with their phones."""
    query = (
        select(Staff, DigestWish.phone)
        .join(DigestWish, DigestWish.staff_id == Staff.id)
        .join(RoleGrant, (RoleGrant.staff_id == Staff.id) & (RoleGrant.role == "supervisor"))
        .where(Staff.active)
        .order_by(Staff.id)
    )
    return [(row[0], row[1]) for row in db.session.execute(query)]


def answered_by(member: Staff) -> list[Office]:
    """The offices for which a supervisor of that office answers."""
    place = offices()[member.office_code]
    return answers_for(Actor("staff", member.id, office=place.code, office_kind=place.kind, district=place.district))


# --- Reading ----------------------------------------------------------------------------------------------------------


def of_day(day: date) -> Sequence[StaffDigest]:
    """The digests of a day."""
    return db.session.scalars(select(StaffDigest).where(StaffDigest.day == day).order_by(StaffDigest.office_code)).all()


def newest(codes: Sequence[str]) -> Sequence[StaffDigest]:
    """The last digest of each of these offices, those of a week at most, in order of their codes."""
    week = (StaffDigest.office_code.in_(codes), StaffDigest.day > clock.today() - timedelta(days=7))
    last = select(StaffDigest.office_code, func.max(StaffDigest.day)).where(*week).group_by(StaffDigest.office_code)
    query = select(StaffDigest).where(tuple_(StaffDigest.office_code, StaffDigest.day).in_(last))
    return db.session.scalars(query.order_by(StaffDigest.office_code)).all()


# --- Who wants it by SMS ----------------------------------------------------------------------------------------------


def wish_of(staff_id: UUID) -> str | None:
    """The phone to which somebody wants the digest; None where they don't."""
    return db.session.scalar(select(DigestWish.phone).where(DigestWish.staff_id == staff_id))


def wish(staff_id: UUID, phone: str | None) -> None:
    """Want the digest on a phone, or no longer (None). The caller commits."""
    found = db.session.get(DigestWish, staff_id)
    if found is not None:
        db.session.delete(found)
        db.session.flush()
    if phone is not None:
        db.session.add(DigestWish(staff_id=staff_id, phone=phone, at=clock.now()))
        db.session.flush()
