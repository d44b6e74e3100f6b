"""Long exports: made by a worker, fetched by whoever asked, gone after a while, and whole whatever is killed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select, text, update

from app import recurring
from citizen_services.cases import exports, operations
from citizen_services.cases.export_models import ExportJob, ExportPiece
from citizen_services.clock import protocol_now
from citizen_services.console import export_views, export_work
from citizen_services.console import supervision_sheets as sheets
from citizen_services.database import commit, db
from citizen_services.materials import store
from citizen_services.materials.errors import StoreAway
from citizen_services.parts import parts
from citizen_services.people.administration_models import AdminAct
from citizen_services.people.models import Attempt, Look
from notifications import scheduler, tasks
from tests import factories
from tests.console.applications import permit
from tests.console.conftest import Desk
from tests.pages_kit import check_page, pages_browser, serving

Desks = Callable[[str], Desk]


class Killed(BaseException):
    """The worker's process is gone: nothing of it is tidied up."""


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cases are more than one answer holds; they are read one at a time, and kept in small pieces."""
    monkeypatch.setattr(export_views, "MOST_EXPORTED", 1)
    monkeypatch.setattr("citizen_services.cases.figures.BATCH", 1)
    monkeypatch.setattr(exports, "PIECE", 4096)


@pytest.fixture
def declined(app: Flask) -> list[str]:
    """Two cases that ended this month."""
    numbers = []
    for name in ("韦小花", "龙阿强"):
        case_id, _ = permit(name)
        reasons = {"reasons": "=经核实，不符合办理条件，请补齐后再申请。", "ground": "《居住证暂行条例》第二条"}
        done = operations.perform(parts().catalogue, case_id, "decline", factories.staff("yl-both"), 1, reasons)
        numbers.append(done.number)
    commit()
    return numbers


def asked(boss: Desk) -> ExportJob:
    """The export that a supervisor just asked for by the form."""
    boss.open("/console/supervision/export")
    boss.submit("export", reason="=月度考核")
    assert boss.page.status_code == 200, boss.words
    return job_now()


def job_now() -> ExportJob:
    """The newest export as it is now."""
    db.session.rollback()
    query = select(ExportJob).order_by(ExportJob.at.desc(), ExportJob.id.desc()).limit(1)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def lease_over() -> None:
    """As if the time of the worker that has it were over."""
    db.session.rollback()
    db.session.execute(update(ExportJob).values(due_at=protocol_now() - timedelta(seconds=1)))
    commit()


@pytest.mark.usefixtures("long")
def test_a_long_export_is_made_by_a_worker_and_fetched_only_by_whoever_asked(
    desk: Desks, declined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr("notifications.queue.wake", lambda queue, **_: woken.append(queue))
    boss, other = desk("fw-supervisor"), desk("yl-clerk")
    job = asked(boss)
    assert woken == ["exports"]
    assert "排队中" in boss.words
    place = f"/console/supervision/export/{job.id}"
    assert boss.at == place
    # The reason is counted and recorded once, at the request.
    assert [act.what for act in db.session.scalars(select(AdminAct))] == ["exported"]
    assert len(db.session.scalars(select(Attempt).where(Attempt.kind == "look_exported")).all()) == 1
    assert scheduler.exports.due_since() is not None
    steps = []

    def look(*_: Any) -> bool:
        boss.open(place, headers={"HX-Request": "true"})
        steps.append(boss.words)
        return False

    assert export_work.make_next(look)
    assert any("已写 1 条，共 2 条" in words for words in steps)
    assert export_work.make_next(look) is False
    boss.open(place)
    assert "文件已生成，共 2 条" in boss.words
    # In the store nothing can be read, and nobody else is told that there is such an export.
    files = [path for path in (parts().settings.var_dir / "uploads").rglob("*.export") if path.is_file()]
    assert len(files) == len(db.session.scalars(select(ExportPiece)).all()) > 1
    assert not any(b"PK\x03\x04" in path.read_bytes() for path in files)
    assert other.open(f"{place}/file").status_code == 403
    db.session.execute(update(ExportJob).values(staff_id=factories.staff("fw-clerk").id))
    commit()
    assert [boss.open(one).status_code for one in (place, f"{place}/file")] == [404, 404]
    db.session.execute(update(ExportJob).values(staff_id=factories.staff("fw-supervisor").id))
    commit()
    for _ in range(2):
        boss.open(f"{place}/file")
        assert boss.page.headers["Content-Type"] == sheets.XLSX
        assert int(boss.page.headers["Content-Length"]) == len(boss.page.data)
        assert "no-store" in boss.page.headers["Cache-Control"]
        book = zipfile.ZipFile(io.BytesIO(boss.page.data))
    written = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/")]
    assert len(written) == 4
    assert not [sheet for sheet in written if "<f>" in sheet or "<f " in sheet]
    assert all(number in written[2] for number in declined)
    assert db.session.scalars(select(Look.reason).where(Look.what == "exported")).all() == ["=月度考核"] * 2
    whats = db.session.scalars(select(AdminAct.what).order_by(AdminAct.id)).all()
    assert whats == ["exported", "export_fetched", "export_fetched"]
    # Fetched, it goes after some minutes, the files with it.
    job = job_now()
    assert job.expires_at is not None
    assert job.expires_at <= protocol_now() + exports.KEPT_FETCHED
    db.session.execute(update(ExportJob).values(expires_at=protocol_now()))
    commit()
    recurring()["exports over"][1]()
    assert not [path for path in files if path.exists()]
    assert db.session.scalars(select(ExportPiece)).all() == []
    boss.open(f"{place}/file")
    assert "已经删除" in boss.words


@pytest.mark.usefixtures("long", "declined")
def test_a_killed_worker_leaves_an_export_that_another_finishes_and_each_person_is_looked_at_once(
    desk: Desks,
) -> None:
    boss = desk("fw-supervisor")
    asked(boss)
    turns = iter([False])

    def dies_at_the_second() -> bool:
        try:
            return next(turns)
        except StopIteration:
            raise Killed from None

    with pytest.raises(Killed):
        export_work.make_next(dies_at_the_second)
    job = job_now()
    assert (job.state, job.done, job.tries) == ("running", 1, 1)
    first = job.lease
    # Its lease keeps everybody else away; after it another worker begins anew.
    assert export_work.make_next(bool) is False
    assert exports.due_since() is None
    lease_over()
    tasks.export()
    job = job_now()
    assert (job.state, job.done, job.tries) == ("ready", 2, 2)
    assert len(db.session.scalars(select(Look).where(Look.what == "exported")).all()) == 2
    # Back from the dead the first one changes nothing any more.
    assert first is not None
    with pytest.raises(exports.LeaseLost):
        exports.go_on(job, first, set(), 1)
    db.session.rollback()
    # Asked to end, a worker gives it back, and no try counts.
    asked(boss)
    assert export_work.make_next(lambda: True)
    job = job_now()
    assert (job.state, job.tries) == ("waiting", 0)


@pytest.mark.usefixtures("long", "declined")
def test_an_export_that_fails_again_and_again_says_so(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    boss = desk("fw-supervisor")
    job = asked(boss)

    def away(*_: Any) -> bytes:
        raise StoreAway("away")

    with monkeypatch.context() as broken:
        broken.setattr(store, "put", away)
        for number in range(1, exports.MOST_TRIES + 1):
            lease_over()
            tasks.export()
            assert (job_now().state, job_now().tries) == ("waiting", number)
    lease_over()
    tasks.export()
    boss.open(f"/console/supervision/export/{job.id}")
    assert "试了几次都没有生成" in boss.words
    assert boss.open(f"/console/supervision/export/{job.id}/file", follow=False).status_code == 303
    db.session.execute(text("DELETE FROM export_job"))
    commit()


def test_rows_that_no_sheet_takes_go_on_in_another_and_no_cell_is_a_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 2)
    with (tmp_path / "x.xlsx").open("wb") as file:
        typed = ("=1+1", "+1", "@SUM(A1)", "-1", "\t=1")
        with sheets.Workbook(file, tmp_path) as book:
            book.sheet("评价", ["意见"], ([words] for words in typed))
    read = zipfile.ZipFile(tmp_path / "x.xlsx")
    written = [read.read(name).decode() for name in read.namelist() if name.startswith("xl/worksheets/")]
    assert [sheet.count("<row ") for sheet in written] == [3, 3, 2]
    assert not [sheet for sheet in written if "<f" in sheet.replace("<format", "")]
    assert '<sheet name="评价（3）"' in read.read("xl/workbook.xml").decode()


@pytest.mark.usefixtures("long", "declined")
def test_the_page_of_a_long_export_can_be_read_by_everybody(
    app: Flask, staff_logins: dict[str, dict[str, Any]], desk: Desks
) -> None:
    job = asked(desk("fw-supervisor"))
    db.session.execute(update(ExportJob).values(state="running", done=8421, total=23_000, lease=job.id))
    db.session.execute(update(ExportJob).values(due_at=protocol_now() + timedelta(hours=1)))
    commit()
    with serving(app) as address, pages_browser() as chromium:
        page = chromium.desktop(base_url=address, width=1280)
        page.goto("/console/login")
        page.fill("[name=login]", "fw-supervisor")
        page.fill("[name=password]", staff_logins["fw-supervisor"]["password"])
        page.click("form[data-action=login] button")
        expect(page.locator("form[data-action=logout]")).to_be_visible()
        page.goto(f"/console/supervision/export/{job.id}")
        expect(page.locator("progress")).to_be_visible()
        check_page(page, "console-export-job", least=24)
        chromium.close()
