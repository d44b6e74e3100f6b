"""The demo district's traffic office: groups, counters, partners' desks, rules, and weeks that are published."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.people.models import Staff
from citizen_services.people.sessions import staff_actor
from citizen_services.windows import desks, plans, publishing
from citizen_services.windows.hall_models import StaffSkill
from citizen_services.windows.models import Counter, DeskHours, OpeningRule, PartnerDesk, ServiceGroup, Slot

OFFICE = "330213000100"
#: code, name, letter, services
_GROUPS = (
    (
        "vehicle",
        "机动车业务",
        "A",
        (
            "counter-vehicle-register",
            "counter-vehicle-transfer",
            "counter-vehicle-deregister",
            "counter-vehicle-certificate",
            "vehicle-plate-replace",
            "vehicle-licence-replace",
            "vehicle-mark-replace",
            "vehicle-mark-exempt",
            "vehicle-contact",
        ),
    ),
    (
        "licence",
        "驾驶证业务",
        "B",
        (
            "counter-exam",
            "licence-renew",
            "licence-replace-damaged",
            "licence-replace-lost",
            "licence-transfer-in",
            "licence-change",
            "licence-medical",
            "licence-postpone",
        ),
    ),
    ("violations", "违法处理", "C", ("counter-violations",)),
)
#: number, name, groups
_COUNTERS = (
    (1, "机动车窗口", ("vehicle",)),
    (2, "机动车窗口", ("vehicle",)),
    (3, "机动车窗口", ("vehicle", "licence")),
    (4, "驾驶证窗口", ("licence",)),
    (5, "违法处理窗口", ("violations",)),
    (6, "综合窗口", ("vehicle", "licence", "violations")),
)
#: partner, name, where, hours from Monday to Friday, on Saturday
_DESKS = (
    ("ems", "邮政EMS窗口", "大厅东侧 8 号", ("08:30-17:00",), ("09:00-12:00",)),
    ("purchase_tax", "购置税窗口", "大厅东侧 9 号", ("08:30-11:30", "13:30-17:00"), ("09:00-12:00",)),
    ("insurance", "保险窗口", "大厅东侧 10 号", ("08:30-17:00",), ("09:00-12:00",)),
    ("medical", "体检窗口", "大厅二楼", ("08:30-11:30", "13:30-16:30"), ()),
)
#: group, weekdays, from, to, counters, booked, walk-in
_RULES = (
    ("vehicle", range(5), time(8, 30), time(11, 30), (1, 2, 3), 4, 2),
    ("vehicle", range(5), time(11, 30), time(13, 30), (1,), 1, 1),
    ("vehicle", range(5), time(13, 30), time(17), (1, 2, 3), 4, 2),
    ("vehicle", (5,), time(9), time(12), (1, 2), 3, 1),
    ("licence", range(5), time(8, 30), time(11, 30), (4,), 2, 1),
    ("licence", range(5), time(13, 30), time(17), (4,), 2, 1),
    ("licence", (5,), time(9), time(12), (4,), 2, 1),
    ("violations", range(5), time(8, 30), time(11, 30), (5,), 2, 2),
    ("violations", range(5), time(11, 30), time(13, 30), (5,), 1, 1),
    ("violations", range(5), time(13, 30), time(17), (5,), 2, 2),
    ("violations", (5,), time(9), time(12), (5,), 2, 2),
)
#: Which groups the clerks are qualified for; what penalty points follow from is an officer's.
_SKILLS = (
    ("cg-clerk", ("vehicle", "licence")),
    ("cg-window", ("vehicle", "licence", "violations")),
    ("cg-auxiliary", ("vehicle", "licence")),
    ("cg-auxiliary2", ("vehicle", "licence")),
)
#: How many weeks from the present one on are published.
WEEKS = 3


def seed() -> None:
    """Set the traffic office up where it is missing, and publish the weeks that are not. Commits."""
    if not plans.groups_of(OFFICE):
        _set_up()
        commit()
    planner = db.session.scalars(select(Staff).where(Staff.login == "cg-planner")).one()
    actor = staff_actor(planner, frozenset({"planner"}))
    for ahead in range(WEEKS):
        week = plans.week_of(OFFICE, plans.monday_of(clock.today()) + timedelta(days=7 * ahead), lock=True)
        if week.published_at is None and plans.lay_out(week):
            publishing.publish(actor, week, week.version)
        commit()


def _set_up() -> None:
    for place, (code, name, letter, services) in enumerate(_GROUPS):
        db.session.add(
            ServiceGroup(office_code=OFFICE, code=code, name=name, letter=letter, services=list(services), place=place)
        )
    db.session.flush()
    for number, name, groups in _COUNTERS:
        row = {"office_code": OFFICE, "number": number, "name": name, "groups": list(groups)}
        db.session.add(Counter(id=new_id(), active=True, **row))
    for partner, name, where, weekdays, saturday in _DESKS:
        desk = PartnerDesk(id=new_id(), office_code=OFFICE, partner=partner, name=name, where=where)
        db.session.add(desk)
        db.session.flush()
        db.session.add_all(DeskHours(desk_id=desk.id, weekday=n, spans=list(weekdays)) for n in range(5))
        if saturday:
            db.session.add(DeskHours(desk_id=desk.id, weekday=5, spans=list(saturday)))
    clerks = {one.login: one.id for one in db.session.scalars(select(Staff).where(Staff.office_code == OFFICE))}
    for login, skills in _SKILLS:
        db.session.add_all(StaffSkill(staff_id=clerks[login], group_code=code) for code in skills)
    for group, days, starts, ends, counters, booked, walk_in in _RULES:
        for weekday in days:
            db.session.add(
                OpeningRule(
                    id=new_id(), office_code=OFFICE, group_code=group, weekday=weekday, starts=starts, ends=ends,
                    slot_minutes=30, counters=list(counters), booked=booked, walk_in=walk_in, release_days=21,
                    release_time=time(7), release_spread_s=20, from_day=date(2026, 1, 1), until_day=None,
                )
            )  # fmt: skip


def slot(capacity: int) -> dict[str, object]:
    """A slot of its own for trials, three days from now (later over a holiday), with so many places.

    ``{slot_id, service, office, start, end, capacity}``. Commits.
    """
    day = clock.today() + timedelta(days=3)
    while desks.is_closed(OFFICE, day):
        day += timedelta(days=1)
    taken = set(db.session.scalars(select(Slot.starts_at).where(Slot.office_code == OFFICE, Slot.state == "open")))
    start = datetime.combine(day, time(18), clock.SHANGHAI)
    while start in taken:
        start += timedelta(minutes=1)
    end = start + timedelta(minutes=30)
    made = Slot(
        id=new_id(), office_code=OFFICE, group_code="violations", starts_at=start, ends_at=end,
        released_at=clock.now(), capacity=capacity, walk_in=0,
    )  # fmt: skip
    db.session.add(made)
    commit()
    return {
        "slot_id": str(made.id),
        "service": "counter-violations",
        "office": OFFICE,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "capacity": capacity,
    }
