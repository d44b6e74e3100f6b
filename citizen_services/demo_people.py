"""Invented people for a demo or a load test: known to the stand-in registers, bound to followers, logged in."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import requests

from citizen_services import clock
from citizen_services.database import commit, db, new_id
from citizen_services.database.installation import note_demo_data
from citizen_services.demo import DISTRICT, OFFICES, NotInProduction
from citizen_services.journey import PORTRAIT
from citizen_services.parts import parts
from citizen_services.people.models import Citizen, WeChatBinding
from citizen_services.people.sessions import open_session
from citizen_services.registers.models import ResidenceRegistration
from citizen_services.rules.identity import invent
from citizen_services.rules.names import name_key
from citizen_services.rules.phones import invent_mobile
from citizen_services.security import keyring
from citizen_services.wechat.models import Follower

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = (
    "伟",
    "芳",
    "秀英",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "勇",
    "艳",
    "杰",
    "娟",
    "涛",
    "明",
    "超",
    "霞",
    "平",
    "刚",
)
_HUKOU = (
    ("522601", "贵州省凯里市"),
    ("341225", "安徽省阜南县"),
    ("411481", "河南省永城市"),
    ("362329", "江西省余干县"),
)
#: Registered for longer than half a year, so that they may apply for a permit at once.
_REGISTERED_DAYS = 240


@dataclass(frozen=True)
class _Invented:
    name: str
    number: str
    phone: str
    born: date
    hukou: tuple[str, str]
    address_code: str
    address: str
    office: str


def invite(count: int) -> list[dict[str, Any]]:
    """Invent citizens who may apply at once; returns ``{id, name, id_number, phone, openid, token}`` of each.

    ``token`` is what their browser's cookie holds. Needs the stand-ins to run. Raises NotInProduction.
    """
    settings = parts().settings
    if settings.production:
        raise NotInProduction("invented people don't live in production")
    note_demo_data()
    control = settings.partner("population").base_url.rsplit("/", 1)[0] + "/_control"
    rng = random.Random(secrets.randbits(64))
    made = []
    with requests.Session() as outside:
        outside.trust_env = False
        for _ in range(count):
            person = _invent(rng)
            openid = f"oDemo{secrets.token_hex(12)}"[:28]
            _tell_the_registers(outside, control, person, openid)
            made.append(_settle(person, openid))
            commit()
    return made


def _invent(rng: random.Random) -> _Invented:
    hukou = rng.choice(_HUKOU)
    born = date(1970, 1, 1) + timedelta(days=rng.randrange(12_500))
    stations = [row for row in OFFICES if row[2] == "station"]
    station = rng.choice(stations)
    return _Invented(
        name=rng.choice(_SURNAMES) + rng.choice(_GIVEN),
        number=invent(rng, hukou[0], born, male=rng.random() < 0.5),
        phone=invent_mobile(rng),
        born=born,
        hukou=hukou,
        address_code=f"{DISTRICT}{rng.randrange(10**13):013d}",
        address=f"浙江省宁波市奉化区{rng.choice(('金钟路', '南山路', '桃源街'))}{rng.randrange(1, 300)}号",
        office=station[0],
    )


def _tell_the_registers(outside: requests.Session, control: str, person: _Invented, openid: str) -> None:
    given = {
        f"people/{person.number}": {
            "name": person.name,
            "phone": person.phone,
            "hukou_code": person.hukou[0],
            "hukou_address": person.hukou[1],
            "portrait": "".join(PORTRAIT.split()),
            "face": "match",
        },
        f"employment/{person.number}": {
            "employer": "奉化区东海气动有限公司",
            "credit_code": "91330283MA2AH0001N",
            "since": "2024-03-01",
            "until": None,
        },
        f"addresses/{person.address_code}": {
            "text": person.address,
            "station": person.office,
            "community": "金钟社区",
            "grid": "01",
        },
        f"followers/{openid}": {},
    }
    for path, body in given.items():
        outside.put(f"{control}/{path}", json=body, timeout=20).raise_for_status()


def _settle(person: _Invented, openid: str) -> dict[str, Any]:
    now = clock.now()
    citizen = Citizen(
        id=new_id(),
        name=person.name,
        name_lookup=keyring().lookup("name", name_key(person.name)),
        id_number=person.number,
        id_lookup=keyring().lookup("id_number", person.number),
        phone=person.phone,
        phone_lookup=keyring().lookup("phone", person.phone),
        hukou_code=person.hukou[0],
        hukou_address=person.hukou[1],
        gender="male" if int(person.number[16]) % 2 else "female",
        birth_date=person.born,
        proved_by="face",
        proved_at=now,
    )
    db.session.add(citizen)
    db.session.flush()
    db.session.add(WeChatBinding(id=new_id(), openid=openid, citizen_id=citizen.id, bound_at=now))
    if db.session.get(Follower, openid) is None:
        db.session.add(Follower(openid=openid, followed_at=now))
    db.session.add(
        ResidenceRegistration(
            id=new_id(),
            number=f"JD{now.astimezone(clock.SHANGHAI):%Y%m%d}-D{secrets.token_hex(4)}",
            citizen_id=citizen.id,
            case_id=new_id(),
            address_code=person.address_code,
            address=person.address,
            kind="rented",
            office_code=person.office,
            district=DISTRICT,
            since=clock.today() - timedelta(days=_REGISTERED_DAYS),
            at=now,
        )
    )
    db.session.flush()
    opened = open_session("citizen", citizen=citizen.id, openid=openid)
    return {
        "id": str(citizen.id),
        "name": person.name,
        "id_number": person.number,
        "phone": person.phone,
        "openid": openid,
        "token": opened.token,
    }
