"""What others do to a resident's case while the tests look at the resident's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from citizen_services import clock
from citizen_services.cases import corrections, operations
from citizen_services.cases.automatic import lapse_overdue
from citizen_services.cases.models import Case, Correction
from citizen_services.database import commit, db
from citizen_services.parts import parts
from tests import factories
from tests.portal.conftest import Resident

#: What the clerk of 岳林派出所 asks to be mended.
ASKED: dict[str, Any] = {
    "items": [
        {"code": "delivery.postal_address", "why": "请写明楼栋和房间号"},
        {"code": "delivery.receiver_phone", "why": "这个号码打不通，请换一个"},
    ]
}
MENDED: dict[str, Any] = {"postal_address": "岳林街道金钟路18号9幢101室", "receiver_phone": "139 0013 9000"}
REASONS: dict[str, Any] = {
    "reasons": "社会保险登记显示您已离职，目前没有合法稳定就业。",
    "ground": "《居住证暂行条例》第二条",
}


def staff_acts(person: Resident, case_id: UUID, action: str, login: str, data: dict[str, Any] | None = None) -> None:
    """A member of the staff takes a step on the case as it stands."""
    with person.app.app_context():
        version = db.session.get_one(Case, case_id).version
        operations.perform(parts().catalogue, case_id, action, factories.staff(login), version, data or {})
        commit()


def asked(person: Resident, data: dict[str, Any] | None = None) -> UUID:
    """A permit of the person's that waits for a correction."""
    case_id = person.apply()
    staff_acts(person, case_id, "request_correction", "yl-clerk", data or ASKED)
    return case_id


def lapsed(person: Resident, case_id: UUID) -> None:
    """The date passes, and the person knew."""
    with person.app.app_context():
        corrections.note_reached(case_id, clock.now())
        db.session.execute(update(Correction).values(due=clock.now() - timedelta(seconds=1)))
        commit()
        assert lapse_overdue() == 1
