"""WeChat's stand-in: pushes that wechatpy can read, tokens, template messages, menu, and the authorize page."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from citizen_services.sandbox.wechat_crypto import sha1_of_sorted
from citizen_services.sandbox.wechat_values import data_error, menu_error
from tests.sandbox.kit import CREDENTIALS, Arrived, OurSide, Sandbox, until

CONTENT = "办理事项：{{thing1.DATA}}\n办理进度：{{phrase2.DATA}}\n更新时间：{{time3.DATA}}"
DATA = {
    "thing1": {"value": "居住证首次申领"},
    "phrase2": {"value": "已受理"},
    "time3": {"value": "2026年1月5日 09:30"},
}


def crypto() -> WeChatCrypto:
    token, key, app = (CREDENTIALS[f"WECHAT_{name}"] for name in ("TOKEN", "ENCODING_AES_KEY", "APP_ID"))
    return WeChatCrypto(token, key, app)


def opened(arrived: Arrived) -> Any:
    """What wechatpy makes of a push, after checking both of its signatures."""
    query = dict(parse_qsl(arrived.query))
    check_signature(CREDENTIALS["WECHAT_TOKEN"], query["signature"], query["timestamp"], query["nonce"])
    assert query["encrypt_type"] == "aes"
    xml = crypto().decrypt_message(arrived.body, query["msg_signature"], query["timestamp"], query["nonce"])
    return parse_message(xml)


def answer_with(text: str) -> Any:
    """Our side's answer to every push: an encrypted text reply."""

    def answer(arrived: Arrived) -> tuple[int, str]:
        query = dict(parse_qsl(arrived.query))
        reply = create_reply(text, opened(arrived)).render()
        return 200, crypto().encrypt_message(reply, query["nonce"], query["timestamp"])

    return answer


def new_follower(sandbox: Sandbox, **body: Any) -> str:
    openid = f"o{uuid.uuid4().hex[:27]}"
    assert sandbox.put(f"followers/{openid}", body)["subscribed"]
    return openid


def token(sandbox: Sandbox, family: str = "stable_token", **body: Any) -> dict[str, Any]:
    credentials = {"appid": CREDENTIALS["WECHAT_APP_ID"], "secret": CREDENTIALS["WECHAT_APP_SECRET"]}
    asked = {"grant_type": "client_credential", **credentials, **body}
    url = f"{sandbox.url}/wechat_api/cgi-bin/{family}"
    got = sandbox.http.post(url, json=asked) if family == "stable_token" else sandbox.http.get(url, params=asked)
    result: dict[str, Any] = got.json()
    return result


def api(sandbox: Sandbox, path: str, body: Any = None, access_token: str = "", **params: str) -> dict[str, Any]:
    access_token = access_token or token(sandbox)["access_token"]
    url, params = f"{sandbox.url}/wechat_api/cgi-bin/{path}", {"access_token": access_token, **params}
    if body is None:
        answer = sandbox.http.get(url, params=params, timeout=20)
    else:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        answer = sandbox.http.post(url, params=params, data=raw, timeout=20)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result


def send(sandbox: Sandbox, openid: str, **other: Any) -> dict[str, Any]:
    sandbox.put("templates/wechat_api/tpl-progress", {"title": "办件进度提醒", "content": CONTENT})
    return api(
        sandbox, "message/template/send", {"touser": openid, "template_id": "tpl-progress", "data": DATA} | other
    )


def test_the_plain_signature_agrees_with_the_official_vector() -> None:
    assert sha1_of_sorted("AAAAA", "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"


def test_following_reaches_us_as_a_push_that_wechatpy_can_open(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox)
    message = opened(our_side.at("/wechat")[0])
    assert (message.event, message.source, message.target) == ("subscribe", openid, "gh_sandbox000001")
    sandbox.put(f"followers/{openid}", {"name": "小王"})
    assert len(our_side.at("/wechat")) == 1, "who follows already is not announced again"


def test_what_a_follower_says_is_answered_and_the_answer_read_as_wechat_reads_it(
    sandbox: Sandbox, our_side: OurSide
) -> None:
    openid = new_follower(sandbox)
    our_side.answer = answer_with("您好，请点击菜单办理。")
    result = sandbox.post("push", {"openid": openid, "kind": "text", "content": "居住证 ]]> <怎么办>"})
    assert opened(our_side.arrived[-1]).content == "居住证 ]]> <怎么办>"
    assert result["encrypted"]
    assert result["reply"] == {"type": "text", "content": "您好，请点击菜单办理。"}
    our_side.answer = lambda arrived: (200, "您好")
    assert sandbox.post("push", {"openid": openid, "content": "在吗"})["fault"].startswith("该公众号提供的服务出现故障")
    plain = create_reply("明文", opened(our_side.arrived[-1])).render()
    our_side.answer = lambda arrived: (200, plain)
    assert sandbox.post("push", {"openid": openid, "content": "在吗"})["fault"], "safe mode wants an encrypted reply"


@pytest.mark.parametrize(
    ("body", "event", "attribute", "value"),
    [
        ({"kind": "click", "key": "progress"}, "click", "key", "progress"),
        ({"kind": "view", "url": "https://example.org/h5"}, "view", "url", "https://example.org/h5"),
        ({"kind": "scan", "key": "plate-7"}, "scan", "scene_id", "plate-7"),
        ({"kind": "scancode_waitmsg", "key": "k", "content": "PL-1"}, "scancode_waitmsg", "scan_result", "PL-1"),
    ],
)
def test_what_a_follower_taps_arrives_as_its_event(
    sandbox: Sandbox, our_side: OurSide, body: dict[str, str], event: str, attribute: str, value: str
) -> None:
    openid = new_follower(sandbox)
    sandbox.post("push", {"openid": openid, **body})
    message = opened(our_side.arrived[-1])
    assert (message.event, getattr(message, attribute)) == (event, value)


def test_a_stranger_says_nothing_but_may_scan_and_so_follow(sandbox: Sandbox, our_side: OurSide) -> None:
    stranger = f"o{uuid.uuid4().hex[:27]}"
    refused = sandbox.http.post(f"{sandbox.url}/_control/push", json={"openid": stranger, "content": "在吗"})
    assert refused.status_code == 409
    sandbox.post("push", {"openid": stranger, "kind": "scan", "key": "plate-7"})
    message = opened(our_side.arrived[-1])
    assert (message.event, message.scene_id) == ("subscribe_scan", "plate-7")
    sandbox.http.delete(f"{sandbox.url}/_control/followers/{stranger}")
    assert opened(our_side.arrived[-1]).event == "unsubscribe"
    assert send(sandbox, stranger)["errcode"] == 43004


def test_a_push_without_an_answer_comes_three_times_with_the_same_bytes(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox)
    our_side.arrived.clear()
    our_side.answer = lambda arrived: (503, "")
    result = sandbox.post("push", {"openid": openid, "content": "在吗"})
    assert [one["status"] for one in result["deliveries"]] == [503, 503, 503]
    assert len({(one.query, one.body) for one in our_side.arrived}) == 1
    our_side.answer = lambda arrived: (
        (time.sleep(5.5), (200, "success"))[1] if len(our_side.arrived) == 4 else (200, "")
    )
    result = sandbox.post("push", {"openid": openid, "content": "在吗"})
    assert [one["status"] for one in result["deliveries"]] == [None, 200]
    replayed = sandbox.post("push", {"openid": openid, "content": "一次", "copies": 3})
    assert len(replayed["copies"]) == 2
    assert len({one.body for one in our_side.arrived[-3:]}) == 1


def test_a_template_message_is_checked_sent_once_and_its_receipt_comes_back(
    sandbox: Sandbox, our_side: OurSide
) -> None:
    openid = new_follower(sandbox)
    sent = send(sandbox, openid, client_msg_id="notice-1", url="https://example.org/h5/cases/1")
    assert sent["errcode"] == 0
    entry = sandbox.ledger("wechat_api")[-1]
    assert (entry["operation"], entry["our_ref"], entry["to"]) == ("message/template/send", "notice-1", openid)
    assert entry["outcome"] == "accepted"
    assert "办理事项：居住证首次申领" in entry["text"]
    receipt = until(lambda: [m for m in map(opened, our_side.arrived) if m.event == "templatesendjobfinish"])[0]
    assert (receipt.id, receipt.status, receipt.source) == (sent["msgid"], "success", openid)
    assert send(sandbox, openid, client_msg_id="notice-1")["errcode"] == 40249
    blocked = new_follower(sandbox, blocked=True)
    send(sandbox, blocked)
    until(lambda: any(getattr(m, "status", "") == "failed:user block" for m in map(opened, our_side.arrived)))


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"touser": "o-nobody"}, 40003),
        ({"template_id": ""}, 40036),
        ({"template_id": "unknown"}, 40037),
        ({"data": DATA | {"phrase2": {"value": "已经受理了呢"}}}, 47003),
        ({"data": DATA | {"thing1": {"value": ""}}}, 47003),
        ({"data": {"thing1": {"value": "居住证"}}}, 47003),
        ({"client_msg_id": "x" * 33}, 47003),
    ],
)
def test_a_template_message_that_wechat_refuses_is_refused(
    sandbox: Sandbox, our_side: OurSide, change: dict[str, Any], errcode: int
) -> None:
    refused = send(sandbox, new_follower(sandbox), **change)
    assert refused["errcode"] == errcode
    assert "rid:" in refused["errmsg"]
    assert sandbox.ledger("wechat_api")[-1]["outcome"] == str(errcode)


@pytest.mark.parametrize(
    ("key", "good", "wrong"),
    [
        ("thing1", "一" * 20, "一" * 21),
        ("character_string1", "330213-2026-0001", "编号1"),
        ("time1", "15:01", "2026-01-05"),
        ("date1", "2026年1月5日", "15:01"),
        ("amount1", "¥12.50元", "十二元"),
        ("phone_number1", "0574-88888888", "1" * 18),
        ("car_number1", "浙B12345", "浙B一二345"),
        ("name1", "王" * 10, "王" * 11),
        ("phrase1", "已寄出", "sent"),
        ("number1", "3.5", "3.5元"),
        ("letter1", "abc", "ab1"),
    ],
)
def test_values_are_limited_by_the_kind_of_their_key(key: str, good: str, wrong: str) -> None:
    content = f"{{{{{key}.DATA}}}}"
    assert data_error(content, {key: {"value": good}}) is None
    assert data_error(content, {key: {"value": wrong}}) == f"argument invalid! data.{key}.value invalid"
    assert "not a keyword" in str(data_error(content, {key: {"value": good}, "thing9": {"value": "x"}}))
    assert data_error(content, {key: {"value": good}, "first": {"value": "您好"}}) is None


def test_tokens_of_the_two_families_live_apart(sandbox: Sandbox, our_side: OurSide) -> None:
    stable, classic = token(sandbox)["access_token"], token(sandbox, "token")["access_token"]
    assert token(sandbox)["access_token"] == stable
    newer = token(sandbox, "token")["access_token"]
    for alive in (stable, classic, newer):
        assert api(sandbox, "menu/get", access_token=alive).get("errcode") in (None, 46003)
    token(sandbox, "token")
    assert api(sandbox, "menu/get", access_token=classic)["errcode"] == 40001, "two generations back"
    forced = token(sandbox, force_refresh=True)["access_token"]
    assert forced != stable
    assert api(sandbox, "menu/get", access_token=stable)["errcode"] == 40001
    assert token(sandbox, force_refresh=True)["access_token"] == forced, "not twice within 30 seconds"
    assert sandbox.http.get(f"{sandbox.url}/wechat_api/cgi-bin/menu/get").json()["errcode"] == 41001
    assert token(sandbox, secret="wrong")["errcode"] == 40125
    sandbox.put("faults/wechat_api", {"mode": "expired_token", "times": 1})
    assert api(sandbox, "menu/get", access_token=forced)["errcode"] == 42001
    assert token(sandbox)["access_token"] != forced


def test_a_counted_fault_meets_the_message_and_not_the_fetching_of_a_token(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox)
    sandbox.put("faults/wechat_api", {"mode": "refuse", "times": 1})
    assert "access_token" in token(sandbox)
    assert send(sandbox, openid)["errcode"] == 43004
    assert send(sandbox, openid)["errcode"] == 0
    sandbox.put("faults/wechat_api", {"mode": "http_500"})
    credentials = {"appid": CREDENTIALS["WECHAT_APP_ID"], "secret": CREDENTIALS["WECHAT_APP_SECRET"]}
    asked = {"grant_type": "client_credential", **credentials}
    assert sandbox.http.post(f"{sandbox.url}/wechat_api/cgi-bin/stable_token", json=asked).status_code == 502


def test_customer_service_messages_need_an_act_of_the_follower(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox, push=False)
    message = {"touser": openid, "msgtype": "text", "text": {"content": "您的材料已收到。"}}
    codes = [api(sandbox, "message/custom/send", message)["errcode"] for _ in range(4)]
    assert codes == [0, 0, 0, 45047], "following opens three"
    sandbox.post("push", {"openid": openid, "content": "在吗"})
    codes = [api(sandbox, "message/custom/send", message)["errcode"] for _ in range(6)]
    assert codes == [0, 0, 0, 0, 0, 45047], "a message opens five"
    long = message | {"text": {"content": "长" * 683}}
    assert api(sandbox, "message/custom/send", long)["errcode"] == 45002


def test_the_menu_is_kept_within_its_limits(sandbox: Sandbox) -> None:
    menu = {
        "button": [
            {"name": "办事", "sub_button": [{"type": "view", "name": "居住证", "url": "https://example.org/h5"}]},
            {"type": "click", "name": "我的进度", "key": "progress"},
        ]
    }
    assert api(sandbox, "menu/create", menu)["errcode"] == 0
    assert api(sandbox, "menu/get")["menu"] == menu
    assert api(sandbox, "menu/create", json.dumps(menu).encode())["errcode"] == 40033
    assert menu_error({"button": [{"type": "click", "name": "六个字的名字", "key": "k"}]}) == (
        40018,
        "invalid button name size",
    )
    assert menu_error({"button": [{"type": "view", "name": "链接", "url": "javascript:1"}]})[0] == 40055
    assert menu_error({"button": [{"name": "多", "sub_button": [menu["button"][1]] * 6}]})[0] == 40023
    assert menu_error({"button": []})[0] == 40016


def test_user_info_tells_only_whether_somebody_follows(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox, name="小王")
    info = api(sandbox, "user/info", openid=openid)
    assert (info["subscribe"], info["nickname"]) == (1, "")
    assert api(sandbox, "user/info", openid="o-nobody")["errcode"] == 40003


def authorize(sandbox: Sandbox, **other: str) -> str:
    params = {
        "appid": CREDENTIALS["WECHAT_APP_ID"],
        "redirect_uri": sandbox._environ["PUBLIC_BASE_URL"] + "/h5/oauth?next=%2Fh5",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "abc123",
    } | other
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
    return f"{sandbox.url}/wechat_oauth/connect/oauth2/authorize?{query}"


def exchange(sandbox: Sandbox, code: str) -> dict[str, Any]:
    params = {
        "appid": CREDENTIALS["WECHAT_APP_ID"],
        "secret": CREDENTIALS["WECHAT_APP_SECRET"],
        "code": code,
        "grant_type": "authorization_code",
    }
    answer = sandbox.http.get(f"{sandbox.url}/wechat_api/sns/oauth2/access_token", params=params, timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain")
    result: dict[str, Any] = answer.json()
    return result


def test_the_authorize_page_gives_a_code_that_serves_once(sandbox: Sandbox, our_side: OurSide) -> None:
    openid = new_follower(sandbox, name="王小明")
    answer = sandbox.http.get(authorize(sandbox, _openid=openid), allow_redirects=False)
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert (query["state"], query["next"]) == (["abc123"], ["/h5"])
    told = exchange(sandbox, query["code"][0])
    assert told["openid"] == openid
    assert "is_snapshotuser" not in told
    assert exchange(sandbox, query["code"][0])["errcode"] == 40163
    assert exchange(sandbox, "invented")["errcode"] == 40029
    snapshot = sandbox.http.get(authorize(sandbox, _openid=openid, _snapshot="1"), allow_redirects=False)
    code = parse_qs(urlsplit(snapshot.headers["Location"]).query)["code"][0]
    assert exchange(sandbox, code)["is_snapshotuser"] == 1
    page = sandbox.http.get(authorize(sandbox))
    assert "王小明" in page.text
    assert f"_openid={openid}" in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"redirect_uri": "https://evil.example/h5"}, "10003"),
        ({"appid": "wx-other"}, "10013"),
        ({"scope": "snsapi_all"}, "10005"),
        ({"state": "with space"}, "10015"),
    ],
)
def test_the_authorize_page_refuses_what_wechat_refuses(sandbox: Sandbox, change: dict[str, str], why: str) -> None:
    answer = sandbox.http.get(authorize(sandbox, **change), allow_redirects=False)
    assert answer.status_code == 400
    assert why in answer.text


@pytest.mark.parametrize("mode", ["plain", "compatible"])
def test_the_other_modes_push_what_they_promise(own_pair: tuple[Callable[..., Sandbox], OurSide], mode: str) -> None:
    make, side = own_pair
    box = make(WECHAT_MODE=mode)
    openid = new_follower(box)
    arrived = side.at("/wechat")[0]
    assert parse_message(arrived.body).source == openid
    assert (b"<Encrypt>" in arrived.body) == (mode == "compatible")
    assert ("encrypt_type" in arrived.query) == (mode == "compatible")
    plain = create_reply("您好", parse_message(arrived.body)).render()
    side.answer = lambda arrived: (200, plain)
    assert box.post("push", {"openid": openid, "content": "在吗"})["reply"]["content"] == "您好"


def test_without_an_encoding_key_nothing_is_pushed_and_the_control_says_why(
    own_pair: tuple[Callable[..., Sandbox], OurSide],
) -> None:
    make, side = own_pair
    box = make(WECHAT_ENCODING_AES_KEY="")
    answer = box.http.put(f"{box.url}/_control/followers/o-any", json={}, timeout=10)
    assert (answer.status_code, side.arrived) == (409, [])
    assert "WECHAT_ENCODING_AES_KEY" in answer.json()["error"]
