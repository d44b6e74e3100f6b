"""Demo data: an invented district office with staff of each role and standing. Never in production."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from sqlalchemy import select

from citizen_services.database import commit, db, new_id
from citizen_services.database.installation import note_demo_data
from citizen_services.parts import parts
from citizen_services.people.models import Office, RoleGrant, Staff
from citizen_services.people.queries import forget_offices
from citizen_services.security import hash_password

DISTRICT = "330213"
OFFICES = (
    ("330213000000", "奉化行政服务中心", "service_centre", "宁波市奉化区大成东路277号", "0574-88580110", ""),
    ("330213000100", "奉化交警大队车管所", "traffic", "宁波市奉化区东环路168号", "0574-88580120", ""),
    ("330213001000", "岳林派出所", "station", "宁波市奉化区岳林东路88号", "0574-88580111", "岳林街道、江口街道"),
    ("330213002000", "锦屏派出所", "station", "宁波市奉化区南山路26号", "0574-88580112", "锦屏街道、西坞街道"),
    ("330213003000", "溪口派出所", "station", "宁波市奉化区溪口镇中兴东路5号", "0574-88580113", "溪口镇、大堰镇"),
)  # fmt: skip

#: login, name, standing, office, roles, under whom (login)
STAFF: tuple[tuple[str, str, str, str, tuple[str, ...], str | None], ...] = (
    ("yl-clerk", "陈静", "civilian", "330213001000", ("clerk",), None),
    ("yl-officer", "周建国", "officer", "330213001000", ("approver",), None),
    ("yl-auxiliary", "孙浩", "auxiliary", "330213001000", ("clerk",), "yl-officer"),
    ("yl-both", "郑卫东", "officer", "330213001000", ("clerk", "approver"), None),
    ("yl-community", "何伟", "officer", "330213001000", ("community_officer",), None),
    ("jp-clerk", "林晓燕", "civilian", "330213002000", ("clerk",), None),
    ("jp-officer", "徐志强", "officer", "330213002000", ("approver", "clerk"), None),
    ("jp-community", "马骏", "officer", "330213002000", ("community_officer",), None),
    ("xk-clerk", "毛丽娜", "civilian", "330213003000", ("clerk",), None),
    ("xk-officer", "蒋国平", "officer", "330213003000", ("approver",), None),
    ("fw-clerk", "王芳", "civilian", "330213000000", ("clerk",), None),
    ("fw-supervisor", "沈明", "officer", "330213000000", ("supervisor",), None),
    ("fw-planner", "吴倩", "civilian", "330213000000", ("planner",), None),
    ("fw-cashier", "朱敏", "civilian", "330213000000", ("cashier",), None),
    ("fw-editor", "胡佳", "civilian", "330213000000", ("editor",), None),
    ("fw-reception", "江涛", "civilian", "330213000000", ("reception",), None),
    ("fw-data", "程远", "officer", "330213000000", ("data_officer",), None),
    ("cg-planner", "顾平", "civilian", "330213000100", ("planner",), None),
    ("cg-officer", "冯立", "officer", "330213000100", ("approver",), None),
    ("cg-approver", "汤明", "officer", "330213000100", ("approver", "supervisor"), None),
    ("cg-clerk", "邱月", "civilian", "330213000100", ("clerk",), None),
    ("cg-window", "夏雨", "officer", "330213000100", ("clerk",), None),
    ("cg-auxiliary", "柯勇", "auxiliary", "330213000100", ("clerk",), "cg-officer"),
    ("cg-auxiliary2", "严冬", "auxiliary", "330213000100", ("clerk",), "cg-officer"),
    ("cg-cashier", "钱多", "civilian", "330213000100", ("cashier",), None),
    ("fw-system", "金磊", "civilian", "330213000000", ("system_admin",), None),
    ("fw-security", "曹颖", "officer", "330213000000", ("security_admin",), None),
    ("fw-audit", "魏强", "officer", "330213000000", ("audit_admin",), None),
)


class NotInProduction(Exception):
    """Demo data was asked for where real people are served."""


def seed() -> list[dict[str, Any]]:
    """Load offices and staff where they are missing; passwords are random per installation and stand in ``staff.json``.

    Returns the logins as ``run.json`` shows them: ``{login, password, roles, standing, office}``.
    """
    settings = parts().settings
    if settings.production:
        raise NotInProduction("demo data is never loaded in production")
    note_demo_data()
    _seed_offices()
    logins = _seed_staff(settings.var_dir / "staff.json")
    commit()
    forget_offices()
    return logins


def _seed_offices() -> None:
    known = set(db.session.scalars(select(Office.code)))
    for code, name, kind, address, phone, serves in OFFICES:
        if code not in known:
            row = {"code": code, "name": name, "kind": kind, "address": address, "phone": phone, "serves": serves}
            db.session.add(Office(**row, district=DISTRICT))
    db.session.flush()


def _seed_staff(path: Path) -> list[dict[str, Any]]:
    passwords = {row["login"]: row["password"] for row in json.loads(path.read_text())} if path.is_file() else {}
    known = {staff.login: staff for staff in db.session.scalars(select(Staff))}
    logins = []
    for login, name, standing, office, roles, under in STAFF:
        password = passwords.get(login)
        if password is None or login not in known:
            password = password or secrets.token_urlsafe(9)
            staff = known.get(login)
            if staff is None:
                staff = Staff(id=new_id(), login=login, name=name, standing=standing, office_code=office)
                staff.under_id = known[under].id if under else None
                known[login] = staff
            staff.password_hash = hash_password(password)
            db.session.add(staff)
            db.session.flush()
            granted = set(db.session.scalars(select(RoleGrant.role).where(RoleGrant.staff_id == staff.id)))
            db.session.add_all(RoleGrant(staff_id=staff.id, role=role) for role in roles if role not in granted)
            db.session.flush()
        row = {"login": login, "password": password, "roles": list(roles), "standing": standing, "office": office}
        logins.append(row)
    _write_private(path, json.dumps(logins, ensure_ascii=False, indent=1))
    return logins


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
