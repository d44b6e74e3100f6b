"""The record of administration and supervision: who changed what, from what to what. Chained, and only ever added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from citizen_services import clock
from citizen_services.database import db
from citizen_services.people.actors import Actor
from citizen_services.people.administration_models import AdminAct
from citizen_services.security import equal, keyring

#: What can be done, and the words that whoever reads the record reads.
ACTS: Mapping[str, str] = {
    "office_added": "新增单位",
    "office_changed": "修改单位",
    "staff_added": "新增人员",
    "staff_changed": "修改人员",
    "staff_left": "人员离岗",
    "role_asked": "申请调整岗位",
    "role_approved": "批准调整岗位",
    "role_rejected": "不同意调整岗位",
    "key_asked": "申请接口密钥",
    "key_approved": "批准接口密钥",
    "key_revoked": "停用接口密钥",
    "password_changed": "修改密码",
    "reset_asked": "申请重置登录凭证",
    "reset_approved": "批准重置登录凭证",
    "reset_rejected": "不同意重置登录凭证",
    "factor_enrolled": "启用动态验证码",
    "factor_removed": "停用动态验证码",
    "recovery_code_used": "使用恢复码",
    "parameter_proposed": "提出修改参数",
    "parameter_approved": "批准修改参数",
    "parameter_rejected": "不同意修改参数",
    "hours_changed": "修改办公时间",
    "ground_changed": "修改大厅设置",
    "skills_changed": "修改人员资格",
    "week_published": "公布开窗计划",
    "calendar_loaded": "导入节假日",
    "first_admin": "开设首位管理员",
    "case_released": "放回办件",
    "case_assigned": "指派办件",
    "escalation_seen": "阅知时限提醒",
    "exported": "导出",
    "export_fetched": "下载导出文件",
}
#: Rows of a page.
PAGE = 50
#: The mark that the chain begins with.
START = b"\0" * 32
#: One writer at a time, since each mark rests on the one before: the number of the advisory lock.
_RECORD_LOCK = 33021303


def record(actor: Actor | None, what: str, target: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Write one act to the record, with what changed of it; ``actor`` is None for the command line.

    Ends the chain's other writers' turn with the caller's commit.
    """
    if what not in ACTS:
        raise ValueError(f"no act of administration is called {what}")
    db.session.execute(text(f"SELECT pg_advisory_xact_lock({_RECORD_LOCK})"))
    previous = db.session.scalar(select(AdminAct.mark).order_by(AdminAct.id.desc()).limit(1)) or START
    number = (db.session.scalar(select(func.max(AdminAct.id))) or 0) + 1
    act = AdminAct(
        id=number,
        at=clock.now(),
        staff_id=actor.id if actor else None,
        office_code=actor.office if actor else None,
        what=what,
        target=target,
        before=dict(before),
        after=dict(after),
    )
    act.mark = keyring().audit_mark(bytes(previous), _content(act))
    db.session.add(act)
    db.session.flush()


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Only what differs of both."""
    names = [name for name in {**before, **after} if before.get(name, "") != after.get(name, "")]
    return {name: before.get(name, "") for name in names}, {name: after.get(name, "") for name in names}


def acts(after: int | None = None) -> Sequence[AdminAct]:
    """The newest acts, or those older than the one of that number: one more than PAGE where there are more."""
    query = select(AdminAct).order_by(AdminAct.id.desc()).limit(PAGE + 1)
    return db.session.scalars(query.where(AdminAct.id < after) if after is not None else query).all()


def verify() -> list[dict[str, Any]]:
    """What is wrong with the chain: ``[{case: "administration", seq, why}]``, empty where nothing is."""
    previous = START
    for number, act in enumerate(_every(), start=1):
        if act.id != number:
            return [{"case": "administration", "seq": number, "why": "an act is missing"}]
        if not equal(keyring().audit_mark(previous, _content(act)), bytes(act.mark)):
            return [{"case": "administration", "seq": number, "why": "the act was altered, reordered or inserted"}]
        previous = bytes(act.mark)
    return []


def _every() -> Iterator[AdminAct]:
    last = 0
    while acts_ := db.session.scalars(
        select(AdminAct).where(AdminAct.id > last).order_by(AdminAct.id).limit(500)
    ).all():
        yield from acts_
        last = acts_[-1].id


def _content(act: AdminAct) -> dict[str, Any]:
    return {
        "id": act.id,
        "at": _plain(act.at),
        "staff_id": _plain(act.staff_id),
        "office_code": act.office_code,
        "what": act.what,
        "target": act.target,
        "before": act.before,
        "after": act.after,
    }


def _plain(value: datetime | UUID | None) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if value is not None else None
