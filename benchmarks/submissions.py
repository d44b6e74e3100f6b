"""``submit``: complete drafts of a first residence permit are sent, each by its own citizen, logged in, once.

``submit-reported``: the same where each case is reported to the province's one-window platform (a row of the outbox).
"""

from __future__ import annotations

import contextlib
import random
import secrets
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import func, insert, select

from benchmarks.ground import SERVE_SHOWN, BenchFailed, Ground
from benchmarks.report import Row, in_turn, row
from citizen_services import clock
from citizen_services.cases import drafts
from citizen_services.cases.models import Case, CaseEvent, Draft
from citizen_services.database import commit, db, new_id
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.journey import PORTRAIT
from citizen_services.parts import parts
from citizen_services.people import web
from citizen_services.people.models import Citizen, Session, WeChatBinding
from citizen_services.registers.models import ResidenceRegistration
from citizen_services.rules.identity import invent
from citizen_services.rules.names import name_key
from citizen_services.rules.phones import invent_mobile
from citizen_services.security import digest, keyring, new_token
from citizen_services.wechat.models import Follower
from notifications.models import Delivery

_ITEM = "residence-permit-first"
STATION = "330213001000"
_DELIVERY = {
    "receiver": "韦小花",
    "receiver_phone": "13800138000",
    "province": "浙江省",
    "city": "宁波市",
    "county": "奉化区",
    "postal_address": "岳林街道金钟路18号3幢502室",
}
_FORMS: dict[str, dict[str, str]] = {
    "ground": {"ground": "employment"},
    "employment": {"employment_correct": "yes", "employment_remark": ""},
    "portrait": {"portrait_correct": "yes"},
    "delivery": _DELIVERY,
}


def _answers(citizen: Citizen, today: date) -> dict[str, Any]:
    """What the registers said of a person, as the pages before have kept it."""
    return {
        "population.person": {
            "name": citizen.name,
            "gender": citizen.gender,
            "hukou_code": citizen.hukou_code,
            "hukou_address": citizen.hukou_address,
            "same_name": True,
        },
        "population.portrait": {"portrait": "".join(PORTRAIT.split())},
        "migrants.history": None,
        "social_insurance.employment": {
            "employer": "奉化区宏达机械有限公司",
            "credit_code": "91330283MA2AH0001N",
            "since": (today - timedelta(days=400)).isoformat(),
            "until": None,
        },
    }


class People:
    """Invents applicants and writes them, many rows a statement, as if each had come by way of the pages."""

    def __init__(self) -> None:
        self._rng = random.Random(secrets.randbits(64))
        self._rows: dict[type[Any], list[dict[str, Any]]] = {}
        self._sending: list[tuple[str, str]] = []
        self._numbers: set[str] = set()
        #: The columns of the draft that was filled in.
        self._filled: dict[str, Any] = {}

    def add(self) -> None:
        """One more applicant with a complete draft."""
        now, machine, today = clock.now(), clock.protocol_now(), clock.today()
        born, number = self._invented()
        phone, openid, token = invent_mobile(self._rng), f"oBench{secrets.token_hex(11)}", new_token()
        citizen = Citizen(
            id=new_id(), name="韦小花", id_number=number, phone=phone, hukou_code="522601", epoch=0, gender="female",
            hukou_address="贵州省凯里市三棵树镇", birth_date=born, proved_by="face", proved_at=now,
            name_lookup=keyring().lookup("name", name_key("韦小花")), id_lookup=keyring().lookup("id_number", number),
            phone_lookup=keyring().lookup("phone", phone),
        )  # fmt: skip
        self._row(Citizen, **{column.name: getattr(citizen, column.name) for column in Citizen.__table__.columns})
        self._row(Follower, openid=openid, followed_at=now, left_at=None)
        self._row(WeChatBinding, id=new_id(), openid=openid, citizen_id=citizen.id, bound_at=now, ended_at=None)
        self._row(
            ResidenceRegistration, id=new_id(), number=f"JD{secrets.token_hex(8)}", citizen_id=citizen.id,
            case_id=new_id(), address_code="330213001000000001", address="宁波市奉化区岳林街道金钟路18号3幢502室",
            kind="rented", office_code=STATION, district="330213", since=today - timedelta(days=240), at=now,
        )  # fmt: skip
        self._row(
            Session, id=new_id(), token=digest(token), kind="citizen", citizen_id=citizen.id, openid=openid, epoch=0,
            created_at=machine, seen_at=machine, expires_at=machine + timedelta(days=1),
        )  # fmt: skip
        kept = {}
        for key, content in _answers(citizen, today).items():
            source, _, topic = key.partition(".")
            kept[key] = new_id()
            self._row(
                RegisterAnswer, id=kept[key], citizen_id=citizen.id, source=source, topic=topic, our_ref="bench",
                outcome="none" if content is None else "found", content=content, at=now,
                fresh_until=machine + timedelta(minutes=30),
            )  # fmt: skip
        self._sending.append((str(self._draft(citizen.id, {key: str(id_) for key, id_ in kept.items()})), token))

    def _invented(self) -> tuple[date, str]:
        """A day of birth, and an identity number of it that nobody here has yet."""
        while True:
            born = date(1970, 1, 1) + timedelta(days=self._rng.randrange(12_500))
            number = invent(self._rng, "522601", born, male=False)
            if number not in self._numbers:
                self._numbers.add(number)
                return born, number

    def _draft(self, citizen_id: UUID, answers: dict[str, str]) -> UUID:
        """The first draft is filled in group by group, as the pages do it; the others are copies of it."""
        columns = Draft.__table__.columns.keys()
        if not self._filled:
            self.written()
            item = parts().catalogue.item(_ITEM)
            draft = drafts.begin(item, citizen_id, "wechat", answers)
            for code, form in _FORMS.items():
                wrong = drafts.save(item, draft, item.group(code), form, draft.version)
                if wrong:
                    raise BenchFailed(f"the form of {code} is not complete: {wrong}")
            commit()
            self._filled = {name: getattr(draft, name) for name in columns}
            return draft.id
        made = new_id()
        now = clock.now()
        self._row(
            Draft,
            **self._filled
            | {"id": made, "citizen_id": citizen_id, "answers": answers, "started_at": now, "saved_at": now},
        )
        return made

    def _row(self, table: type[Any], **values: Any) -> None:
        self._rows.setdefault(table, []).append(values)

    def written(self) -> None:
        """Write what was gathered, and commit."""
        for table, rows in self._rows.items():
            for start in range(0, len(rows), 500):
                db.session.execute(insert(table), rows[start : start + 500])
        self._rows = {}
        commit()

    def sending(self, ground: Ground, count: int) -> list[str]:
        """The requests by which ``count`` new applicants send what they filled in."""
        self._sending = []
        for _ in range(count):
            self.add()
        self.written()
        return [request_of(ground, draft, token, self._filled["version"]) for draft, token in self._sending]


def request_of(ground: Ground, draft: str, token: str, version: int) -> str:
    """The check page's form as the citizen's browser sends it."""
    app = ground.app
    path = f"/h5/drafts/{draft}"
    with app.app_context(), app.test_request_context(path):
        web._tie_forms_to(token)
        csrf = generate_csrf()
        serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        cookie = f"{app.config['SESSION_COOKIE_NAME']}={serializer.dumps(dict(session))}; h5_session={token}"
    body = urlencode(
        {
            "csrf_token": csrf,
            "form_token": secrets.token_urlsafe(16),
            "version": str(version),
            "action": "submit",
            "commitment": "yes",
        }
    )
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Cookie: {cookie}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def submit(ground: Ground) -> Row:
    """Applications sent a second; BenchFailed unless each left a case with its event and its notice."""
    return _submit(ground, "submit", "")


def submit_reported(ground: Ground) -> Row:
    """The same where each step is reported outward: BenchFailed unless each left its report as well."""
    # Nobody answers there: what is to be reported waits in the outbox.
    return _submit(ground, "submit-reported", f"http://127.0.0.1:{ground.gateway_port}")


def _submit(ground: Ground, name: str, platform: str) -> Row:
    size = ground.size
    warming = max(20, size.submissions // 4)
    people = People()
    # Applicants are made just before they send, since registers' answers are fresh for minutes only; both sides get
    # the same requests, and the floor, which knows no draft, may get them first.
    prepared: dict[int, list[str]] = {}

    def run(port: int, number: int) -> float:
        if number not in prepared:
            prepared.clear()
            prepared[number] = people.sending(ground, size.submissions if number >= 0 else warming)
        return ground.load(port, prepared[number], 303).rate

    before = _counts()
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(ground.served(f"{name}-ours", "app:web()", ONE_WINDOW_BASE_URL=platform))
        bare = stack.enter_context(ground.served(f"{name}-floor", "benchmarks.floors.orm_insert:app"))
        for port in (ours, bare):
            run(port, -1)
        runs = in_turn(size.runs, lambda number: run(ours, number), lambda number: run(bare, number))
    made = [after - earlier for after, earlier in zip(_counts(), before, strict=True)]
    sent = warming + size.runs * size.submissions
    if min(made) < sent or made[0] != sent:
        raise BenchFailed(f"{sent} applications were answered; cases, events, notices that came: {made}")
    reports = select(func.count()).select_from(Delivery).where(Delivery.channel == "one_window")
    reported = db.session.scalar(reports) or 0
    db.session.rollback()
    if reported != (sent if platform else 0):
        raise BenchFailed(f"{sent} applications were answered, and {reported} are to be reported")
    return row(
        name,
        "applications/s",
        runs,
        floor_is="Flask-SQLAlchemy, one row inserted by the ORM",
        floor_file="benchmarks/floors/orm_insert.py",
        command=SERVE_SHOWN,
        processes=size.processes,
        threads=size.threads,
    )


def _counts() -> list[int]:
    found = [db.session.scalar(select(func.count()).select_from(table)) or 0 for table in (Case, CaseEvent, Delivery)]
    db.session.rollback()
    return found
