"""Staff are told once a working day what is stuck at their office: on the front page, and by SMS who asked for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from citizen_services.cases.clocks import calendar
from citizen_services.clock import SHANGHAI
from citizen_services.database import commit, db
from citizen_services.people.queries import offices
from notifications import digests, tasks, texts
from notifications.models import Delivery, Notice, StaffDigest
from notifications.receipts.settlement import move
from tests import factories as make
from tests.console.conftest import Desk
from tests.notifications.conftest import Outside, business_time, parcels_now, somebody
from tests.notifications.test_by_hand import desk as desk
from tests.notifications.test_console_page import rejected_write, session_of
from tests.notifications.test_letters import refused
from tests.notifications.test_letters_again import came_back, in_vain
from tests.pages_kit import check_page, pages_browser, serving

CENTRE, PHONE = "330213000000", "13805741234"
#: A Tuesday on which people work, and the Saturday after it.
TUESDAY, SATURDAY = date(2026, 11, 10), date(2026, 11, 14)


def at(day: date, hour: int) -> datetime:
    """That hour in Ningbo."""
    return datetime(day.year, day.month, day.day, hour, 30, tzinfo=SHANGHAI)


def made() -> list[StaffDigest]:
    """Every digest there is."""
    db.session.rollback()
    return list(db.session.scalars(select(StaffDigest).order_by(StaffDigest.day, StaffDigest.office_code)))


def sent() -> list[tuple[str, str]]:
    """The SMS of digests: to whom, and what the page would show of it."""
    db.session.rollback()
    query = select(Notice).where(Notice.kind == texts.STAFF_DIGEST.key).order_by(Notice.id)
    return [(notice.values["phone"], notice.text) for notice in db.session.scalars(query)]


def counts(office: str) -> dict[str, int]:
    """How much of each kind is stuck at an office."""
    found: dict[str, int] = {}
    for line in digests.stuck_at(offices()[office]):
        found[line.kind] = found.get(line.kind, 0) + line.count
    return found


def fails(case_id: UUID, kind: str) -> None:
    """The SMS of a notice did not arrive. Committed."""
    query = select(Delivery.id).join(Notice, Notice.id == Delivery.notice_id)
    query = query.where(Notice.case_id == case_id, Notice.kind == kind, Delivery.channel == "sms")
    (row,) = db.session.scalars(query).all()
    move(row, False, "UNDELIVERABLE", None)
    commit()


def trouble() -> None:
    """Something of each kind is stuck: at the station, and at the service centre. Committed."""
    back, brought = refused(somebody()), refused(somebody())
    came_back(parcels_now(back)[0].id)
    in_vain(brought)
    tasks.send("sms")
    fails(back, "refused")
    fails(back, "accepted")
    rejected_write()


def test_what_is_stuck_is_counted_by_office_and_reason(app: Flask, partners: Outside) -> None:
    trouble()
    assert counts(make.STATION) == {"untold": 1, "call": 1, "serving": 1, "writes": 1}
    assert counts(CENTRE) == {"letters": 1}
    assert counts("330213002000") == {}
    (untold,) = [line for line in digests.stuck_at(offices()[make.STATION]) if line.kind == "untold"]
    assert (untold.why, untold.count) == ("短信：运营方回执：没有送到", 1)


def test_each_working_day_has_one_digest_from_its_hour_on_however_late_or_often(app: Flask, partners: Outside) -> None:
    trouble()
    known = calendar()
    assert known.is_working_day(TUESDAY)
    assert not known.is_working_day(SATURDAY)
    digests.wish(make.staff("fw-supervisor").id or UUID(int=0), PHONE)
    commit()
    with business_time(at(TUESDAY, 7)):
        digests.make_due()
    with business_time(at(SATURDAY, 9)):
        digests.make_due()
    assert made() == []
    for hour in (9, 9, 15):
        with business_time(at(TUESDAY, hour)):
            digests.make_due()
    assert [(one.day, one.office_code) for one in made()] == [(TUESDAY, code) for code in sorted(offices())]
    assert sent() == [(PHONE, "奉化行政服务中心今天有5件告知和寄递没有办成，请登录工作台，在首页查看每日摘要。")]
    # The scheduler was down until the evening.
    with business_time(at(TUESDAY.replace(day=11), 20)):
        digests.make_due()
        digests.wish(make.staff("fw-supervisor").id or UUID(int=0), None)
        commit()
    with business_time(at(TUESDAY.replace(day=12), 9)):
        digests.make_due()
    assert {one.day.day for one in made()} == {10, 11, 12}
    assert len(sent()) == 2, "whoever wants none is sent none"
    tasks.send("sms")
    arrived = [entry["to"] for entry in partners.arrived("sms_aliyun", "SendSms") if "每日摘要" in entry["text"]]
    assert arrived == [PHONE, PHONE]


def test_two_schedulers_at_the_same_moment_make_one(app: Flask, partners: Outside) -> None:
    trouble()
    digests.wish(make.staff("fw-supervisor").id or UUID(int=0), PHONE)
    commit()
    both = threading.Barrier(2)

    def scheduler() -> None:
        with app.app_context():
            both.wait()
            digests.make_due()

    with business_time(at(TUESDAY, 9)):
        threads = [threading.Thread(target=scheduler) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made()) == len(offices())
    assert len(sent()) == 1


def test_a_day_on_which_nothing_is_stuck_sends_nothing(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    digests.wish(make.staff("fw-supervisor").id or UUID(int=0), PHONE)
    commit()
    with business_time(at(TUESDAY, 9)):
        digests.make_due()
        assert sent() == []
        supervisor = desk("fw-supervisor")
        supervisor.open("/console/cases")
        assert "data-digest" not in supervisor.page.text
        supervisor.open("/console/digest")
        assert "没有卡住的" in supervisor.words


def test_supervisors_see_it_on_the_front_page_and_ask_for_an_sms(
    app: Flask, partners: Outside, desk: Callable[[str], Desk]
) -> None:
    trouble()
    with business_time(at(TUESDAY, 9)):
        digests.make_due()
        supervisor = desk("fw-supervisor")
        supervisor.open("/console/cases")
        for words in ("每日摘要", "岳林派出所", "寄不到的文书 1 件"):
            assert words in supervisor.words
        supervisor.open("/console/digest")
        form = supervisor.form("digest_wish")
        supervisor.open(form.url, "POST", data=form.inputs | {"phone": "12345"})
        assert (supervisor.page.status_code, 'data-error="phone"' in supervisor.page.text) == (422, True)
        supervisor.open("/console/digest")
        supervisor.submit("digest_wish", phone=PHONE)
        assert "138****1234" in supervisor.words
        assert PHONE not in supervisor.page.text
        supervisor.submit("digest_end")
        assert "发短信给我" in supervisor.words
        clerk = desk("yl-clerk")
        clerk.open("/console/cases")
        assert "data-digest" not in clerk.page.text
        clerk.open("/console/digest")
        assert clerk.page.status_code == 403
        token = session_of("fw-supervisor")
        with serving(app) as address, pages_browser() as browser:
            host = urlsplit(address)
            page = browser.desktop(base_url=address)
            page.context.add_cookies(
                [{"name": "console_session", "value": token, "url": f"{host.scheme}://{host.netloc}/console"}]
            )
            page.goto("/console/digest")
            check_page(page, "console-digest", least=24)
            page.goto("/console/cases")
            check_page(page, "console-cases-digest", least=24)
