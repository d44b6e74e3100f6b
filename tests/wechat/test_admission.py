"""Who is let in: the address check, signatures, freshness, modes, keys, and bodies of every hostile shape."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from citizen_services.database import db
from citizen_services.wechat.models import Push, PushMemory
from tests.wechat.conftest import PREVIOUS_KEY
from tests.wechat.kit import ACCOUNT, ALICE, Sent, WeChatSide, event, message, sha1

Account = Callable[..., None]


def verify(wechat: WeChatSide, **query: str) -> requests.Response:
    return requests.get(wechat.url, params=query, timeout=30)


# --- The address check --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("echo", ["4375120948345356249", " 回声 \r\n<b>&amp;</b> ", ""])
def test_the_console_gets_its_echo_verbatim_and_as_plain_text(wechat: WeChatSide, echo: str) -> None:
    answer = verify(wechat, **wechat.query(), echostr=echo)
    assert (answer.status_code, answer.content) == (200, echo.encode())
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_else_gets_an_echo(wechat: WeChatSide) -> None:
    good = wechat.query()
    forged = sha1("guessed", good["timestamp"], good["nonce"])
    for bad in (
        {},
        good | {"signature": forged},
        good | {"signature": good["signature"].upper()},
        good | {"signature": "签名"},
        good | {"nonce": good["nonce"] + "1"},
        good | {"nonce": "", "signature": sha1(wechat.wechat.token, good["timestamp"])},
        good | {"timestamp": "", "signature": sha1(wechat.wechat.token, good["nonce"])},
        # Empty token and empty parameters: what a door without a token would take for right.
        {"signature": sha1(""), "timestamp": "", "nonce": ""},
        wechat.query(ago_s=301),
        wechat.query(ago_s=-302),
    ):
        answer = verify(wechat, **bad, echostr="out")
        assert (answer.status_code, answer.content) == (403, b""), bad


def test_the_signature_is_the_one_of_the_documents() -> None:
    from citizen_services.wechat.envelope import signature_of

    assert signature_of("AAAAA", "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"


# --- Signature, time, size ----------------------------------------------------------------------------------------


def test_a_push_is_refused_unless_it_is_signed_and_fresh(wechat: WeChatSide) -> None:
    good = wechat.safe(message(Content="帮助"))
    assert wechat.deliver(good.but(signature="0" * 40)).status_code == 403
    assert wechat.deliver(good.but(signature=None)).status_code == 403
    assert wechat.deliver(good.but(msg_signature="0" * 40)).status_code == 403
    assert wechat.deliver(good.but(msg_signature=None)).status_code == 403
    assert wechat.deliver(good.but(timestamp="9" * 400)).status_code == 403
    assert wechat.deliver(good.but(timestamp="１７６０")).status_code == 403
    assert wechat.deliver(wechat.safe(message(Content="帮助"), ago_s=302)).status_code == 403
    assert wechat.deliver(wechat.safe(message(Content="帮助"), ago_s=-302)).status_code == 403
    assert "进度" in wechat.read(wechat.deliver(wechat.safe(message(Content="帮助"), ago_s=295)))
    assert "进度" in wechat.read(wechat.deliver(good)), "what was refused must not have used the nonce up"


def test_a_body_over_64_kilobytes_is_refused_before_it_is_read(wechat: WeChatSide) -> None:
    large = wechat.plain(b"<xml>" + b"a" * 64 * 1024)
    assert wechat.deliver(large).status_code == 413
    assert wechat.deliver(large.but(signature="0" * 40)).status_code == 403
    chunks = requests.post(
        wechat.url, params=large.query, data=iter([large.body[:40_000], large.body[40_000:]]), timeout=30
    )
    assert chunks.status_code in (400, 413), "without a length"


# --- Modes --------------------------------------------------------------------------------------------------------


def test_safe_mode_takes_encrypted_pushes_only_and_answers_encrypted(wechat: WeChatSide) -> None:
    text = message(Content="帮助")
    assert wechat.deliver(wechat.plain(text)).status_code == 403
    assert wechat.deliver(wechat.plain(text).but(encrypt_type="raw")).status_code == 403
    assert wechat.deliver(wechat.plain(text).but(encrypt_type="aes", msg_signature="x")).status_code == 400
    # Visible fields beside the encrypted ones are not what is heard.
    sent = wechat.safe(
        text, beside=f"<FromUserName>{ALICE}</FromUserName><MsgType>text</MsgType><Content>你好</Content>"
    )
    assert wechat.deliver(sent.but(encrypt_type=None)).status_code == 403
    answer = wechat.deliver(sent)
    assert b"<Encrypt>" in answer.content
    assert "人工服务" in wechat.read(answer)


def test_plain_mode_takes_unencrypted_pushes_only(wechat: WeChatSide, account: Account) -> None:
    account(mode="plain")
    assert wechat.deliver(wechat.safe(message(Content="帮助"))).status_code == 403
    assert wechat.deliver(wechat.safe(message(Content="帮助")).but(encrypt_type=None)).status_code == 403
    assert wechat.deliver(wechat.plain(message(Content="帮助")).but(encrypt_type="AES")).status_code == 403
    answer = wechat.deliver(wechat.plain(message(Content="帮助")))
    assert b"<Encrypt>" not in answer.content
    assert "人工服务" in wechat.read(answer)


def test_compatible_mode_goes_by_what_the_push_says_of_itself(wechat: WeChatSide, account: Account) -> None:
    account(mode="compatible")
    shown = (
        f"<FromUserName>{ALICE}</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>你好</Content>"
    )
    sealed = wechat.deliver(wechat.safe(message(Content="帮助"), beside=shown))
    assert b"<Encrypt>" in sealed.content
    assert "人工服务" in wechat.read(sealed), "the encrypted fields are heard, not the visible ones"
    for query in (None, "raw"):
        plain = wechat.deliver(wechat.plain(message(Content="帮助")).but(encrypt_type=query))
        assert b"<Encrypt>" not in plain.content
        assert "人工服务" in wechat.read(plain)
    assert wechat.deliver(wechat.plain(message(Content="帮助")).but(encrypt_type="des")).status_code == 403


# --- Keys ---------------------------------------------------------------------------------------------------------


def test_the_previous_key_still_opens_and_the_answer_goes_under_the_key_that_opened(
    wechat: WeChatSide, account: Account
) -> None:
    before = wechat.safe(message(Content="帮助"), key=PREVIOUS_KEY)
    assert wechat.deliver(before).status_code == 400, "an unknown key"
    account(encoding_aes_key_previous=PREVIOUS_KEY)
    assert "人工服务" in wechat.read(wechat.deliver(before), key=PREVIOUS_KEY)
    assert "人工服务" in wechat.read(wechat.deliver(wechat.safe(message(Content="帮助"))))
    # A retry may come under the other key: the same words, under its key.
    text = message(Content="谢谢")
    first = wechat.read(wechat.deliver(wechat.safe(text, key=PREVIOUS_KEY)), key=PREVIOUS_KEY)
    assert wechat.read(wechat.deliver(wechat.safe(text))) == first


def test_a_push_to_another_account_is_refused(wechat: WeChatSide) -> None:
    assert wechat.deliver(wechat.safe(message(Content="帮助"), app_id="wxffffffffffffffff")).status_code == 403


# --- What can't be read -------------------------------------------------------------------------------------------

_LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)
MALFORMED = {
    "nothing": b"",
    "no XML": b"hello",
    "JSON": b'{"ToUserName": "x"}',
    "cut off": message(Content="x").encode()[:-8],
    "another root": b"<html><MsgType>text</MsgType></html>",
    "an empty root": b"<xml></xml>",
    "only text": b"<xml>text</xml>",
    "no MsgType": f"<xml><ToUserName>{ACCOUNT}</ToUserName><FromUserName>{ALICE}</FromUserName></xml>".encode(),
    "an empty MsgType": message(kind="").encode(),
    "MsgType twice": message(MsgType="text").encode(),
    "a nested MsgType": message().replace("<![CDATA[text]]>", "<a>text</a>").encode(),
    "an empty Event": event("").encode(),
    "Event twice": event("CLICK").replace("</xml>", "<Event>SCAN</Event></xml>").encode(),
    "a nested Event": event("x").replace("<![CDATA[x]]>", "<a>x</a>").encode(),
    "EventKey twice": event("subscribe").replace("</xml>", "<EventKey>x</EventKey></xml>").encode(),
    "invalid UTF-8": message(Content="x").encode() + b"<!-- \xff -->",
    "half a surrogate": message(Content="@").encode().replace(b"@", b"\xed\xa0\x80"),
    "a NUL": message(Content="@").encode().replace(b"@", b"\0"),
    "no sender": message(sender="").encode(),
    "sender twice": message(FromUserName=ALICE).encode(),
    "an impossible sender": message(sender="a]]><b>").encode(),
    "sender of another script": message(sender="张三").encode(),
    "no time": message().replace("<CreateTime>", "<X>").replace("</CreateTime>", "</X>").encode(),
    "a time in words": message(CreateTime="now").encode(),
    "a number in words": message(MsgId="abc").encode(),
    "a number twice": message().replace("</xml>", "<MsgId>1</MsgId></xml>").encode(),
    "a DOCTYPE": b"<!DOCTYPE xml [<!ENTITY e 'x'>]>" + message(Content="帮助").encode(),
    "a file of ours": b"<!DOCTYPE xml [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml><MsgType>&e;</MsgType></xml>",
    "a billion laughs": f"{_LAUGHS}]><xml><MsgType>&j;</MsgType></xml>".encode(),
    "deep nesting": b"<a>" * 6_000 + b"</a>" * 6_000,
    "deep nesting in xml": b"<xml>" + b"<a>" * 6_000 + b"</a>" * 6_000 + b"</xml>",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_refused_in_every_mode(wechat: WeChatSide, account: Account, name: str) -> None:
    body = MALFORMED[name]
    assert wechat.deliver(wechat.plain(body)).status_code in (400, 403), "unencrypted in safe mode"
    assert wechat.deliver(wechat.plain(body).but(encrypt_type="aes", msg_signature="0" * 40)).status_code in (400, 403)
    inner = base64.b64encode(wechat.crypto().key)  # any 32 bytes: not a push either
    assert wechat.deliver(wechat.sealed(inner.decode())).status_code in (400, 403)
    if "UTF-8" not in name and "surrogate" not in name:
        assert wechat.deliver(wechat.safe(body.decode())).status_code == 400, "encrypted rightly"
    account(mode="plain")
    assert wechat.deliver(wechat.plain(body)).status_code == 400


@pytest.mark.parametrize(
    "sealed",
    ["", "!!!!", "AAAA", "A", base64.b64encode(bytes(15)).decode(), base64.b64encode(bytes(16)).decode(),
     base64.b64encode(bytes(32)).decode(), base64.b64encode(secrets.token_bytes(160)).decode(), "中文"],
)  # fmt: skip
def test_ciphertext_that_is_none_is_refused(wechat: WeChatSide, account: Account, sealed: str) -> None:
    assert wechat.deliver(wechat.sealed(sealed)).status_code in (400, 403)
    account(encoding_aes_key_previous=PREVIOUS_KEY)
    assert wechat.deliver(wechat.sealed(sealed)).status_code in (400, 403)


def test_a_field_nested_deeply_is_ignored(wechat: WeChatSide) -> None:
    deep = "<Content>" + "<a>" * 5_000 + "</a>" * 5_000 + "</Content>"
    for xml in (message(), message().replace("MsgId", "Extra")):
        assert "您可以发送" in wechat.read(wechat.deliver(wechat.safe(xml.replace("</xml>", f"{deep}</xml>"))))


def test_encrypt_of_another_shape_is_refused(wechat: WeChatSide) -> None:
    query = wechat.query() | {"encrypt_type": "aes", "msg_signature": "0" * 40}
    for inner in ("", "<Encrypt/>", "<Encrypt><a>b</a></Encrypt>", "<Encrypt>a</Encrypt><Encrypt>b</Encrypt>"):
        body = f"<xml><ToUserName>{ACCOUNT}</ToUserName>{inner}</xml>".encode()
        assert wechat.deliver(Sent(query, body)).status_code == 400, inner


_SCALARS = st.text(st.characters(codec="utf-8"), max_size=40)
_TREES = st.recursive(
    _SCALARS, lambda below: st.dictionaries(st.sampled_from(["a", "Event", "MsgType"]), below), max_leaves=5
)
_RIGHT = {
    "ToUserName": ACCOUNT,
    "FromUserName": ALICE,
    "CreateTime": "1760000000",
    "MsgType": "event",
    "Event": "CLICK",
}
_OTHERS = ["EventKey", "Content", "MsgId", "MsgID", "Status", "Ticket", "ScanCodeInfo", "Latitude"]
_LIKELY = ["1", "event", "text", "image", "subscribe", "unsubscribe", "SCAN", "TEMPLATESENDJOBFINISH", "progress"]
_FIELDS = st.dictionaries(
    st.sampled_from([*_RIGHT, *_OTHERS]), st.lists(_TREES | st.sampled_from(_LIKELY), max_size=2), max_size=4
)


def _as_xml(name: str, value: object) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_as_xml(key, inner) for key, inner in value.items())}</{name}>"
    return f"<{name}>{value}</{name}>"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=_FIELDS)
def test_no_signed_push_of_any_fields_brings_the_door_down(wechat: WeChatSide, fields: dict[str, list[object]]) -> None:
    said = {name: [value] for name, value in _RIGHT.items()} | fields
    xml = f"<xml>{''.join(_as_xml(name, value) for name, values in said.items() for value in values)}</xml>"
    assert wechat.deliver(wechat.safe(xml)).status_code in (200, 400, 403)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=300),
    query=st.dictionaries(st.sampled_from(["encrypt_type", "msg_signature", "openid"]), _SCALARS),
)
def test_no_bytes_bring_the_door_down(wechat: WeChatSide, body: bytes, query: dict[str, str]) -> None:
    assert wechat.deliver(wechat.plain(body).but(None, **query)).status_code in (400, 403)
    assert wechat.deliver(wechat.sealed(base64.b64encode(body).decode())).status_code in (400, 403)


# --- Nonces -------------------------------------------------------------------------------------------------------


def test_a_nonce_used_with_another_body_is_refused(wechat: WeChatSide, account: Account) -> None:
    account(mode="plain")
    first = wechat.plain(message(Content="帮助"))
    assert wechat.deliver(first).status_code == 200
    assert wechat.deliver(first.but(body=message(Content="谢谢").encode())).status_code == 403
    assert wechat.deliver(first.but(body=event("subscribe").encode())).status_code == 403, (
        "what changes something as well"
    )
    assert db.session.query(Push).count() == 0
    assert wechat.deliver(first).status_code == 200, "WeChat's own retry is let in"


def test_a_nonce_is_remembered_in_postgresql_while_redis_is_away(
    wechat: WeChatSide, account: Account, no_redis: None
) -> None:
    account(mode="plain")
    for first, second in (
        (message(Content="帮助"), message(Content="谢谢")),
        (message(Content="帮助"), event("subscribe")),
        (event("subscribe", created=1), message(Content="帮助")),
    ):
        sent = wechat.plain(first)
        answer = wechat.deliver(sent)
        assert answer.status_code == 200
        assert wechat.deliver(sent.but(body=second.encode())).status_code == 403
        assert wechat.deliver(sent).content == answer.content
    assert db.session.query(Push).count() == 1
    assert db.session.query(PushMemory).count() == 3 + 2
