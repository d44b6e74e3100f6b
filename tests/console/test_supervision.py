"""Supervision: whoever answers for an office sees what runs out, gives it to others, and can stand by each figure."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from app import recurring
from citizen_services import clock
from citizen_services.cases import figures, operations, ratings, visits
from citizen_services.cases.figure_models import Escalation
from citizen_services.cases.models import Case
from citizen_services.database import Change, commit, db
from citizen_services.parts import parts
from citizen_services.people import administration_record
from citizen_services.people.actors import Actor
from citizen_services.people.administration_models import AdminAct
from citizen_services.people.models import Look
from tests import factories
from tests.console.applications import case_now, due, permit
from tests.console.conftest import Desk

Desks = Callable[[str], Desk]
STATION = "330213001000"
DONE = ("accept", "approve", "make", "parcel_ordered", "post")


def row(page: str, figure: str) -> list[str]:
    """The cells of one row of figures as the page shows them."""
    found = re.search(rf'<tr data-figure="{figure}">(.*?)</tr>', page, re.S)
    assert found, f"no figures of {figure}"
    return re.findall(r"<td>(.*?)</td>", found.group(1))


def complete(name: str, trips: int) -> Case:
    """A permit that its person has in hand, who came to the station so many times."""
    case_id, person = permit(name, done=DONE)
    for _ in range(trips):
        change = Change(clock.now())
        visits.check_in(
            change, person.id, factories.staff("yl-clerk"), [case_now(case_id)], known_by="id_number", again=True
        )
        change.write()
        commit()
    operations.perform(parts().catalogue, case_id, "complete", Actor.system("ems"), None, {})
    commit()
    return case_now(case_id)


@pytest.mark.usefixtures("app")
def test_a_supervisor_sees_what_runs_out_once_and_gives_it_to_somebody_who_can(desk: Desks) -> None:
    late, _ = permit("阿卜杜拉·买买提")
    due(late, -2)
    today, _ = permit("韦小花")
    due(today, 0)
    later, _ = permit("王大明")
    due(later, 5)
    for _ in range(2):
        recurring()["clocks to supervisors"][1]()
    kinds = db.session.execute(
        select(Escalation.case_id, Escalation.kind).order_by(Escalation.due, Escalation.id)
    ).all()
    assert [tuple(one) for one in kinds] == [(late, "late"), (today, "today")]
    clerk, boss = desk("yl-clerk"), desk("fw-supervisor")
    clerk.open(f"/console/cases/{late}")
    clerk.submit("claim")
    assert clerk.open("/console/supervision").status_code == 403
    boss.open("/console/supervision")
    assert [case_now(one).number in boss.page.text for one in (late, today)] == [True, True]
    boss.submit("seen")
    assert "已阅知 2 条时限提醒" in boss.words
    assert 'data-action="seen"' not in boss.page.text
    boss.open("/console/supervision/clocks?span=late")
    assert case_now(late).number in boss.page.text
    assert "陈静" in boss.words
    # A case is given only to somebody who may take its next step, by the engine's own rule.
    boss.open(f"/console/supervision/cases/{late}")
    offered = dict(re.findall(r'<option value="([0-9a-f-]{36})">([^<(]+)', boss.page.text))
    assert "孙浩" in offered.values()
    assert "周建国" not in offered.values()
    stranger = str(factories.staff("jp-clerk").id)
    boss.submit("assign", to=stranger, reason="陈静请假")
    assert boss.page.status_code == 409
    assert case_now(late).claimed_by == factories.staff("yl-clerk").id
    boss.submit("assign", to=next(key for key, name in offered.items() if name == "孙浩"), reason="陈静请假")
    assert "已指派" in boss.words
    held = case_now(late)
    assert held.claimed_by == factories.staff("yl-auxiliary").id
    assert held.claimed_until is not None
    assert held.claimed_until > clock.protocol_now() + timedelta(hours=23)
    boss.submit("release", reason="明天再分")
    assert case_now(late).claimed_by is None
    told = db.session.scalars(select(AdminAct).order_by(AdminAct.id)).all()
    assert [(act.what, act.before, act.after) for act in told[1:]] == [
        ("case_assigned", {"经办": "陈静"}, {"经办": "孙浩", "理由": "陈静请假"}),
        ("case_released", {"经办": "孙浩"}, {"经办": "无人领取", "理由": "明天再分"}),
    ]
    # Whoever answers for one station sees nothing of another's.
    assert administration_record.verify() == []
    db.session.execute(text("UPDATE admin_act SET target = 'x' WHERE id = 2"))
    db.session.expire_all()
    assert [fault["seq"] for fault in administration_record.verify()] == [2]


def test_each_figure_of_a_month_rests_on_recorded_visits_and_is_exported_as_text(desk: Desks) -> None:
    cases = [complete("韦小花", 0), complete("龙阿强", 1), complete("王大明", 2)]
    declined, _ = permit("张三丰")
    reasons = {"reasons": "=经核实，不符合办理条件，请补齐后再申请。", "ground": "《居住证暂行条例》第二条"}
    operations.perform(parts().catalogue, declined, "decline", factories.staff("yl-both"), 1, reasons)
    change = Change(clock.now())
    ratings.rate(change, cases[2], 1, "=1+1 跑了两次", "web")
    change.write()
    commit()
    recurring()["figures of months"][1]()
    boss = desk("fw-supervisor")
    boss.open("/console/supervision", query_string={"office": STATION})
    shown = row(boss.page.text, str(figures.month_of(clock.today())))
    assert shown[:5] == ["4", "4", "33.3%（1/3）", "66.7%（2/3）", "1"]
    assert shown[10:] == ["1（1）", "1.00"]
    assert row(boss.page.text, "居住证首次申领")[:5] == shown[:5]
    boss.open("/console/supervision", query_string={"office": "330213002000"})
    assert row(boss.page.text, str(figures.month_of(clock.today())))[:2] == ["0", "0"]
    boss.open("/console/supervision/visits")
    assert [case.number in boss.page.text for case in cases] == [False, True, True]
    # Without a reason nothing leaves the house; with one each person may see that it did.
    boss.open("/console/supervision/export")
    boss.submit("export", reason="")
    assert boss.page.status_code == 422
    assert db.session.scalars(select(Look).where(Look.what == "exported")).all() == []
    for _ in range(2):
        boss.submit("export", reason="=月度考核", follow=False)
        assert boss.page.status_code == 200
        book = zipfile.ZipFile(io.BytesIO(boss.page.data))
        boss.open("/console/supervision/export")
    sheets = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/")]
    assert len(sheets) == 4
    # No cell is a formula, whatever people typed.
    assert not [sheet for sheet in sheets if "<f>" in sheet or "<f " in sheet]
    assert ">=1+1 跑了两次</t>" in sheets[3]
    assert all(case.number in sheets[2] for case in cases)
    looks = db.session.scalars(select(Look.reason).where(Look.what == "exported")).all()
    assert looks == ["=月度考核"] * 8


def plans_of(app: Flask, ask: Callable[[], object]) -> list[tuple[str, str]]:
    """Each statement about cases that ``ask`` runs, with PostgreSQL's plan for it."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")) and '"case"' in statement:
            seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    with db.engine.connect() as connection:
        return [
            (statement, "\n".join(line[0] for line in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)))
            for statement, parameters in seen
        ]


def scans(plan: str) -> list[str]:
    """What of a plan reads every case: a scan of the whole table, or of a whole index."""
    lines = plan.splitlines()
    bad = [line.strip() for line in lines if re.search(r"Seq Scan on \"?case\"?( |$)", line)]
    for at, line in enumerate(lines):
        # Of the cases that somebody holds there are no more than hands.
        if "using ix_case_claimed" in line:
            continue
        if re.search(r"Index (Only )?Scan.* on \"?case\"?( |$)", line) and "Index Cond" not in lines[at + 1]:
            bad.append(line.strip())
    return bad


def test_no_page_of_supervision_reads_all_cases(app: Flask, desk: Desks) -> None:
    copied, _ = permit("韦小花", done=DONE)
    operations.perform(parts().catalogue, copied, "complete", Actor.system("ems"), None, {})
    commit()
    names = [column.name for column in Case.__table__.columns]
    other = {
        "id": "gen_random_uuid()",
        "number": "'JZ' || n",
        "submitted_at": "submitted_at - n * interval '40 minutes'",
        "ended_at": "ended_at - n * interval '40 minutes'",
    }
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(other.get(name, f'"{name}"') for name in names)
    db.session.execute(
        text(f'INSERT INTO "case" ({columns}) SELECT {values} FROM "case", generate_series(1, 20000) n WHERE id = :id'),
        {"id": copied},
    )
    commit()
    db.session.execute(text('ANALYZE "case"'))
    commit()
    recurring()["figures of months"][1]()
    boss = desk("fw-supervisor")
    asked = [
        "/console/supervision", f"/console/supervision?office={STATION}", "/console/supervision/clocks?span=late",
        "/console/supervision/clocks?span=tomorrow", "/console/supervision/visits",
        "/console/supervision/refusals",
    ]  # fmt: skip

    def ask() -> None:
        for address in asked:
            assert boss.open(address).status_code == 200
        recurring()["clocks to supervisors"][1]()

    plans = plans_of(app, ask)
    assert len(plans) > 20
    assert [(statement, bad) for statement, plan in plans if (bad := scans(plan))] == []
    month = plans_of(app, lambda: figures.add_up_month(figures.month_of(clock.today())))
    assert [bad for _, plan in month if (bad := scans(plan))] == []
    # The test itself notices a page that reads them all.
    assert any(
        scans(plan) for _, plan in plans_of(app, lambda: db.session.execute(text('SELECT max(visits) FROM "case"')))
    )


def test_looks_for_a_reason_end_with_the_day_s_number_and_the_next_ones_show_nothing(
    app: Flask, desk: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(parts().settings, daily_looks={"opened": 1, "searched": 1, "unmasked": 1, "exported": 1})
    monkeypatch.setitem(app.extensions, "citizen_services", replace(parts(), settings=settings))
    own, person = permit("韦小花")
    elsewhere = [permit(name)[0] for name in ("龙阿强", "王大明")]
    officer, other, boss = desk("yl-clerk"), desk("jp-clerk"), desk("fw-supervisor")

    def search() -> None:
        officer.open("/console/search")
        officer.submit("search", q=person.phone, reason="call")

    def unmask() -> None:
        officer.open(f"/console/cases/{own}")
        form = officer.form("reveal")
        data = form.inputs | {"field": "applicant.id_number", "reason": "核对申请人身份"}
        officer.open(form.url, "POST", data=data)

    def open_elsewhere() -> None:
        case_id = elsewhere.pop()
        other.open(f"/console/cases/{case_id}")
        other.submit("reason", why="applicant", reason="")

    def export() -> None:
        boss.open("/console/supervision/export")
        boss.submit("export", reason="月度考核")

    for browser, act in ((officer, search), (officer, unmask), (other, open_elsewhere), (boss, export)):
        act()
        assert browser.page.status_code == 200, act.__name__
        known = len(db.session.scalars(select(Look.id)).all())
        act()
        assert browser.page.status_code == 429, act.__name__
        assert "已满 1 次" in browser.words
        db.session.rollback()
        opened = 1 if browser is officer and act is unmask else 0
        assert len(db.session.scalars(select(Look.id)).all()) <= known + opened
