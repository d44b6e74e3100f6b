"""What can happen at the desk besides going well: corrections, a refusal, going back, going elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy import select

from citizen_services.cases import corrections, operations
from citizen_services.cases.models import Document
from citizen_services.database import commit, db
from citizen_services.parts import parts
from tests import factories
from tests.console.applications import case_now, permit
from tests.console.conftest import Desk

Desks = Callable[[str], Desk]


def mark(desk: Desk, **marked: str) -> int:
    """Mark rows of the check list as to be corrected (``group__field="why"``) and send it; the answer's status."""
    form = desk.form("request_correction")
    data = {name: value for name, value in form.inputs.items() if not name.startswith(("check-", "reason-"))}
    for row, why in marked.items():
        code = row.replace("__", ".")
        data |= {f"check-{code}": "correct", f"reason-{code}": why}
    # A row that was found right may have words left in it from before: they are not sent on.
    data |= {"check-portrait": "ok", "reason-portrait": "不用改"}
    return desk.open(form.url, "POST", data=data | {"new_because": data.get("new_because", "")}).status_code


def test_everything_to_be_corrected_is_asked_for_at_once_in_the_officers_words(desk: Desks) -> None:
    case_id, person = permit()
    clerk = desk("yl-clerk")
    clerk.open(f"/console/cases/{case_id}")
    assert mark(clerk) == 422
    assert clerk.errors == {"items"}
    assert "请至少选择一项要补正的内容" in clerk.words
    assert mark(clerk, delivery__postal_address="", delivery__receiver_phone="打不通，请换一个") == 422
    assert clerk.errors == {"delivery.postal_address"}
    assert 'value="打不通，请换一个"' in clerk.page.text
    assert mark(clerk, delivery__no_such_field="请改") == 422
    assert case_now(case_id).version == 1
    clerk.open(f"/console/cases/{case_id}")
    assert (
        mark(clerk, delivery__postal_address="请写明楼栋和房间号", delivery__receiver_phone="打不通，请换一个") == 200
    )
    case = case_now(case_id)
    assert case.state == "correcting"
    asked = corrections.open_correction(case_id)
    assert asked is not None
    assert asked.items == [
        {"code": "delivery.postal_address", "why": "请写明楼栋和房间号"},
        {"code": "delivery.receiver_phone", "why": "打不通，请换一个"},
    ]
    assert "等申请人补正" in clerk.words
    assert "详细地址 请写明楼栋和房间号" in clerk.words
    assert "还没有确认本人已知晓" in clerk.words
    answer = {"delivery": {"postal_address": "岳林街道金钟路18号9幢101室", "receiver_phone": "13900139000"}}
    given = {"answers": answer}
    operations.perform(
        parts().catalogue, case_id, "answer_correction", factories.applicant(person), case.version, given
    )
    commit()
    clerk.open(f"/console/cases/{case_id}")
    assert "已补正" in clerk.words
    # Something that was not named the first time needs a reason of its own.
    assert mark(clerk, delivery__receiver="请填本人姓名") == 422
    assert clerk.errors == {"new_because"}


def test_what_cannot_be_undone_is_asked_again_and_needs_reasons(desk: Desks) -> None:
    case_id, _ = permit(done=("accept",))
    officer = desk("yl-officer")
    path = f"/console/cases/{case_id}"
    officer.open(path)
    assert "refuse" not in officer.actions
    assert f'href="{path}/actions/refuse"' in officer.page.text
    officer.open(f"{path}/actions/refuse")
    assert "办了就不能撤回" in officer.words
    officer.submit("refuse", reasons="短", ground="《居住证暂行条例》第二条")
    assert (officer.page.status_code, officer.errors) == (422, {"reasons"})
    assert officer.form("refuse").inputs["ground"] == "《居住证暂行条例》第二条"
    officer.submit("refuse", reasons="社会保险登记显示已离职，没有合法稳定就业。", ground="《居住证暂行条例》第二条")
    assert case_now(case_id).state == "refused"
    assert "已经结束，不用再办" in officer.words
    written = db.session.scalars(select(Document).where(Document.case_id == case_id)).all()
    assert [one.title in officer.words for one in written] == [True] * len(written)
    auxiliary, clerk = desk("yl-auxiliary"), desk("yl-clerk")
    other, _ = permit("韦小花")
    for desk_ in (auxiliary, clerk):
        # Declining is for officers only: neither the link nor the page is there for others.
        desk_.open(f"/console/cases/{other}")
        assert "/actions/decline" not in desk_.page.text
        desk_.open(f"/console/cases/{other}/actions/decline", follow=False)
        assert desk_.page.status_code == 303


def test_a_case_goes_back_to_the_clerk_with_a_note_and_is_decided_only_afterwards(desk: Desks) -> None:
    case_id, _ = permit(done=("accept",))
    officer, clerk = desk("yl-officer"), desk("yl-clerk")
    path = f"/console/cases/{case_id}"
    clerk.open(path)
    assert "resubmit" not in clerk.actions
    officer.open(path)
    assert {"approve", "send_back"} <= set(officer.actions)
    officer.submit("send_back", note="请核对参保单位")
    assert "approve" not in officer.actions
    clerk.open(path)
    assert "请核对参保单位" in clerk.words
    clerk.submit("resubmit")
    assert "请核对参保单位" not in clerk.words
    officer.open(path)
    officer.submit("approve")
    assert case_now(case_id).state == "approved"


def test_a_misrouted_case_is_handed_over_to_another_station_of_the_district(desk: Desks) -> None:
    case_id, _ = permit()
    clerk = desk("yl-clerk")
    path = f"/console/cases/{case_id}"
    clerk.open(path)
    stations = re.findall(r'name="office" value="(\d+)"', clerk.page.text)
    assert stations == ["330213002000", "330213003000"]
    clerk.submit("hand_over", office="330213000000")
    assert (clerk.page.status_code, clerk.errors) == (422, {"office"})
    clerk.submit("hand_over", office="330213002000")
    assert case_now(case_id).office_code == "330213002000"
    # Who handed it over still sees where it is, and has nothing more to do.
    assert clerk.page.status_code == 200
    assert clerk.actions == ["reveal"]
    receiver = desk("jp-clerk")
    assert case_now(case_id).number in receiver.words
    receiver.open(path)
    assert "accept" in receiver.actions
