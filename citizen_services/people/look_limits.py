"""How often a day somebody of the staff may look at people's data for a reason: counted in PostgreSQL under a lock."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import func, insert, select

from citizen_services.clock import protocol_now
from citizen_services.database import db, new_id
from citizen_services.people import parameters
from citizen_services.people.errors import PeopleError
from citizen_services.people.models import Attempt
from citizen_services.rules.dates import local_date, start_of_day
from citizen_services.security import keyring

#: What is limited, as the person who comes to the limit reads it; numbers stand in the settings.
WORDS: Mapping[str, str] = {
    "opened": "打开不在本人手上和待办里的办件",
    "searched": "按人查办件",
    "unmasked": "显示隐去的信息",
    "exported": "导出",
}


class EnoughForToday(PeopleError):
    """The day's number of such looks is used up; nothing was shown."""

    def __init__(self, what: str, times: int) -> None:
        super().__init__(
            f"您今天“{WORDS[what]}”已满 {times} 次，今天不能再查看。确需继续的，请由同事办理，或请系统管理员核定次数。"
        )


def count_look(what: str, staff_id: UUID | None) -> None:
    """Count one look of a kind of WORDS for this member of the staff; raises EnoughForToday, and counts nothing then.

    Days are Shanghai's by the machine's clock. The caller commits.
    """
    most = parameters.number(f"looks_{what}")
    subject = keyring().lookup("attempt_staff", str(staff_id))
    kind = f"look_{what}"
    # Two looks at one moment must count one after the other.
    db.session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(subject[:8], signed=True))))
    now = protocol_now()
    today = select(Attempt.id).where(
        Attempt.kind == kind, Attempt.subject == subject, Attempt.at >= start_of_day(local_date(now))
    )
    if len(db.session.execute(today.limit(most)).all()) >= most:
        raise EnoughForToday(what, most)
    db.session.execute(insert(Attempt).values(id=new_id(), kind=kind, subject=subject, succeeded=True, at=now))
