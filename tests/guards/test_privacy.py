"""Nothing personal stands in a log, a queue or a dump of the database, whatever happens to an application."""

from __future__ import annotations

import base64
import json
import logging
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import redis
from flask import Flask
from psycopg.types.json import Jsonb

from citizen_services import journey
from citizen_services.database import db
from notifications import tasks
from tests.console.conftest import Desk
from tests.guards import privacy
from tests.guards.privacy import LogLines, assert_nothing_personal, dump, faults_of_logs, numbers_in, traces
from tests.guards.schema import new_database
from tests.house import House
from tests.people.browser import Browser, photo, upload
from tests.people.conftest import Invented, Phones, application, browser, invented, later, phones
from tests.portal.conftest import Resident, resident
from tests.wechat.kit import WeChatSide, event, message

__all__ = ["application", "browser", "invented", "later", "phones", "resident"]

WORKER = {"name": "韦小花", "id_number": "52260119940523002X", "phone": "13800138000", "code": "402917"}


# --- the helpers see what they are for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("bound 韦小花 today", "name in clear"),
        ("GET /h5/cases?q=%E9%9F%A6%E5%B0%8F%E8%8A%B1", "name as an address"),
        (r'{"name": "\u97e6\u5c0f\u82b1"}', "name as JSON"),
        ("52260119940523002x is unknown", "id_number in clear"),
        (f"\\x{b'52260119940523002X'.hex()}", "id_number in hex"),
        (base64.b64encode("ab韦小花c".encode()).decode(), "name in base64"),
        (base64.b64encode(b"phone=13800138000&").decode(), "phone in base64"),
        ("code 402917 was sent", "code in clear"),
    ],
)
def test_a_planted_word_is_seen_however_it_is_written(planted: str, found: str) -> None:
    assert found in traces(f"line one\n{planted}\nline three", WORKER)
    with pytest.raises(AssertionError, match=found):
        assert_nothing_personal(planted, WORKER)


def test_what_is_none_of_the_persons_words_is_let_through() -> None:
    assert not traces("韦* 5226**********002X 138****8000 x402917y 1402917", WORKER)


def test_a_planted_number_in_a_processs_log_is_seen_whoever_it_belongs_to() -> None:
    assert numbers_in("ok\nsent to 13900139000\nof 11010519491231002X") == ["2: a phone", "3: an identity number"]
    assert not numbers_in("0192f0c1-1380-7138-8013-13800138000a 20261109090012345678 11010519491231002")
    assert faults_of_logs({"web.log": "bound 韦小花"}, [WORKER]) == ["web.log: name in clear"]


def test_planted_lines_of_any_logger_and_tracebacks_are_collected_before_they_are_scrubbed(log_lines: LogLines) -> None:
    logging.getLogger("citizen_services.people").debug("looked up %s", WORKER["id_number"])
    try:
        raise ValueError(WORKER["name"])
    except ValueError:
        logging.getLogger("anything.else").exception("it broke")
    assert set(traces(log_lines.text, WORKER)) == {"id_number in clear", "name in clear"}


@pytest.mark.parametrize(
    "plant",
    [
        lambda value: ("text", value),
        lambda value: ("bytea", value.encode()),
        lambda value: ("text", base64.b64encode(f"1{value}".encode()).decode()),
        lambda value: ("bytea", value.encode().hex().encode()),
        lambda value: ("jsonb", Jsonb({"told": {"who": value}})),
        lambda value: ("text", json.dumps({"who": value})),
        lambda value: ("text[]", ["x", value]),
    ],
)
def test_a_planted_plain_column_is_found_in_the_dump(servers: dict[str, str], plant: Callable[[str], Any]) -> None:
    with new_database(servers["postgres"]) as url, psycopg.connect(url) as connection:
        for number, value in enumerate(WORKER.values()):
            kind, content = plant(value)
            connection.execute(f"CREATE TABLE planted_{number} (a int, b {kind})")
            connection.execute(f"INSERT INTO planted_{number} VALUES (1, %s)", (content,))
        found = traces(dump(connection), WORKER)
    assert {one.partition(" ")[0] for one in found} >= {"name", "id_number", "phone"}


# --- a whole story ----------------------------------------------------------------------------------------------------


def everything_in_redis(url: str) -> str:
    """Keys and values of a Redis database as text, RQ's packed jobs unpacked."""
    pieces: list[bytes] = []
    with redis.Redis.from_url(url) as connection:
        for key in connection.scan_iter():
            pieces.append(key)
            kind = connection.type(key).decode()
            read: dict[str, Callable[[], Any]] = {
                "string": lambda key=key: [connection.get(key)],
                "hash": lambda key=key: [part for pair in connection.hgetall(key).items() for part in pair],
                "list": lambda key=key: connection.lrange(key, 0, -1),
                "set": lambda key=key: connection.smembers(key),
                "zset": lambda key=key: connection.zrange(key, 0, -1),
                "stream": lambda key=key: [repr(connection.xrange(key)).encode()],
                # Its time ended since it was named.
                "none": list,
            }
            pieces += [piece for piece in read[kind]() if piece]
    for piece in list(pieces):
        if piece[:1] == b"\x78":
            pieces.append(zlib.decompress(piece))
    return b"\n".join(pieces).decode(errors="replace")


def test_a_planted_word_in_redis_is_found_in_every_kind_of_value(house: House) -> None:
    with redis.Redis.from_url(house.environ["REDIS_URL"]) as connection:
        packed = zlib.compress(json.dumps([WORKER["name"]]).encode())
        plants = (
            ("set", "planted", WORKER["phone"]),
            ("hset", "planted", "data", packed),
            ("rpush", "planted", WORKER["id_number"]),
            ("zadd", "planted", {WORKER["phone"]: 1}),
        )
        for name, *given in plants:
            getattr(connection, name)(*given)
            try:
                assert traces(everything_in_redis(house.environ["REDIS_URL"]), WORKER), name
            finally:
                connection.delete("planted")


def test_the_whole_story_leaves_nothing_personal_in_database_logs_and_redis(live: House) -> None:
    staff = json.loads((live.folder / "staff.json").read_text())
    walk = journey.Journey(live.web_url, live.sandbox_url, {"staff": staff}, 52, lambda step: None)
    walk.walk()
    worker = {**asdict(walk.worker), "code": str(walk._code_to(walk.worker.phone))}
    secrets = {kind: worker[kind] for kind in ("name", "id_number", "phone", "address", "openid", "code")}
    # Openids are WeChat's names for followers of ours alone, and are looked up by themselves.
    kept = {kind: secrets[kind] for kind in ("name", "id_number", "phone", "address")}
    with psycopg.connect(live.environ["DATABASE_URL"]) as connection:
        rows = dump(connection)
    assert walk.identifiers["case_number"] in rows
    assert_nothing_personal(rows, kept)
    assert_nothing_personal(everything_in_redis(live.environ["REDIS_URL"]), secrets)
    privacy.KNOWN.append(secrets)
    for name in ("web", "worker", "scheduler"):
        text = (live.folder / f"{name}.log").read_text()
        assert_nothing_personal(text, secrets)
        assert not numbers_in(text)


# --- errors -----------------------------------------------------------------------------------------------------------


def _token(one: Browser) -> str:
    return str(one.cookie("h5_session", "/h5"))


def _send_what_is_due(app: Flask) -> None:
    with app.app_context():
        for channel in ("wechat", "sms", "ems"):
            tasks.send(channel)
        tasks.settle()


def test_logging_in_and_binding_log_nothing_personal_even_where_everything_fails(
    browser: Callable[[], Browser],
    phones: Phones,
    invented: Callable[..., Invented],
    outside: House,
    log_lines: LogLines,
    application: Flask,
    later: Callable[[timedelta], None],
) -> None:
    person, one = invented("欧阳春燕"), browser()
    typed = {"name": person.name, "id_number": person.id_number, "phone": person.phone}
    one.open("/h5/login")
    one.submit("send_code", phone=person.phone)
    one.submit("login", phone=person.phone, code="000000")
    one.submit("login", phone=person.phone, code=phones.last(person.phone))
    outside.control("PUT", "faults/sms_aliyun", {"mode": "http_500"})
    _send_what_is_due(application)
    outside.control("PUT", "faults/sms_aliyun", {"mode": "none"})
    later(timedelta(minutes=2))
    one = browser()
    one.enter_by_wechat(person.openid, "/h5/bind")
    one.submit("send_code", **typed)
    outside.control("PUT", "faults/population", {"mode": "http_500"})
    one.submit("bind", code=phones.last(person.phone), **typed)
    assert one.page.status_code == 503
    outside.control("PUT", "faults/population", {"mode": "none"})
    # The phone is proved by now.
    one.open("/h5/bind")
    one.submit("bind", name=person.name, id_number=person.id_number)
    outside.control("PUT", "faults/population", {"mode": "slow", "delay_s": 0.1})
    one.submit("face", file=upload(b"no picture at all"), consent_face="yes")
    one.submit("face", file=upload(photo()), consent_face="yes")
    assert _token(one) != "None"
    # Whatever somebody types into the address bar, or sends without a token.
    for path in (f"/h5/cases/{person.id_number}", f"/h5/items/{person.phone}", f"/console/search?q={person.id_number}"):
        one.open(path)
    one.open("/h5/bind", "POST", data=typed)
    assert one.page.status_code == 400
    _send_what_is_due(application)
    assert log_lines.lines
    codes = {f"code {n}": code for n, code in enumerate(phones.codes[person.phone])}
    assert_nothing_personal(
        log_lines.text, {**typed, "openid": person.openid, "token": _token(one), **codes, **_secrets_of(outside)}
    )


def test_an_application_and_its_officers_log_nothing_personal_even_where_everything_fails(
    resident: Callable[..., Resident],
    staff_logins: dict[str, dict[str, Any]],
    outside: House,
    log_lines: LogLines,
    app: Flask,
    house: House,
) -> None:
    person = resident("上官若兰")
    case_id = person.apply()
    person.browser.open(f"/h5/cases/{case_id}")
    desk = Desk(app, house.web_url)
    desk.open("/console/login")
    desk.submit("login", login="yl-clerk", password="Wrong-password-1")
    desk.submit("login", login="yl-clerk", password=staff_logins["yl-clerk"]["password"])
    desk.open("/console/search")
    desk.submit("search", q=person.id_number)
    desk.open(f"/console/cases/{case_id}")
    desk.submit("claim")
    desk.submit("accept")
    for mode in ("http_500", "refuse", "accept_then_cut", "none"):
        for partner in ("sms_aliyun", "ems", "wechat_api"):
            outside.control("PUT", f"faults/{partner}", {"mode": mode})
        _send_what_is_due(app)
    receipt = json.dumps([{"phone_number": person.phone, "send_time": "soon"}])
    for path in ("/receipts/sms_aliyun/wrong", f"/receipts/sms_aliyun/{house.environ['SMS_ALIYUN_RECEIPT_TOKEN']}"):
        app.test_client().post(path, data=receipt, content_type="application/json")
    app.test_client().post(
        f"/receipts/ems/{house.environ['EMS_RECEIPT_TOKEN']}", data=f"logitcsInterface={person.name}"
    )
    assert log_lines.lines
    words = {"name": person.name, "id_number": person.id_number, "phone": person.phone, "token": person.token}
    staff = {"password": staff_logins["yl-clerk"]["password"], "session": desk.cookie("console_session", "/console")}
    assert_nothing_personal(log_lines.text, {**words, **staff, **_secrets_of(outside)})


def test_what_followers_write_to_the_account_is_logged_nowhere(live: House) -> None:
    side = WeChatSide(f"{live.web_url}/wechat", live.settings.wechat)
    before = (live.folder / "web.log").read_text()
    openid = "oGuard_-0123456789abcdefghij"
    words = {"name": "诸葛小明", "id_number": WORKER["id_number"], "phone": WORKER["phone"], "openid": openid}
    said = f"我是{words['name']}，{words['id_number']}，{words['phone']}"
    told = [message(sender=openid, Content=words) for words in (said, "进度")]
    for xml in (event("subscribe", openid), *told):
        sent = side.safe(xml)
        assert side.deliver(sent).ok
        assert side.deliver(sent.but(msg_signature="0" * 40)).status_code in (400, 403)
        assert side.deliver(sent.but(body=sent.body[:-40])).status_code in (400, 403)
    logged = (live.folder / "web.log").read_text().removeprefix(before)
    assert_nothing_personal(logged, words)


def test_a_crash_tells_the_log_where_it_was_and_nothing_of_the_row(
    resident: Callable[..., Resident], log_lines: LogLines, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from citizen_services.people.models import Citizen

    person = resident("司马长青")

    def twice(*_: Any, **__: Any) -> None:
        row = db.session.get_one(Citizen, person.id)
        same = {column.key: getattr(row, column.key) for column in Citizen.__table__.columns}
        db.session.execute(Citizen.__table__.insert(), [same])

    monkeypatch.setitem(app.view_functions, "portal_cases.mine", twice)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    assert person.browser.open("/h5/cases").status_code == 500
    assert "pk_citizen" in log_lines.text
    assert_nothing_personal(log_lines.text, {k: getattr(person, k) for k in ("name", "id_number", "phone", "token")})


def _secrets_of(house: House) -> dict[str, str]:
    """The installation's own secrets, which are nobody's business either."""
    secret = re.compile(r"_(KEYS?|SECRET|TOKEN|AUTHORIZATION)$")
    return {name: value for name, value in house.environ.items() if secret.search(name)}
