"""What followers are told: services, their own cases and nobody else's, something kind where they aren't understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import xmltodict
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from citizen_services.cases.models import Case
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.wechat import texts
from citizen_services.wechat.conversation import _MATTER_WORDS
from citizen_services.wechat.envelope import Received, text_reply
from citizen_services.wechat.finding import meant
from citizen_services.wechat.matters import MATTERS
from tests import factories
from tests.wechat.kit import ACCOUNT, ALICE, WeChatSide, event, message
from tests.wechat.test_once import BOB, bind


def links(answer: str) -> dict[str, str]:
    """Words and paths of an answer's links; each is whole and leads to us."""
    base = parts().settings.public_base_url
    found = re.findall(r'<a href="([^"<>]*)">([^<>]+)</a>', answer)
    assert answer.count("<a ") == answer.count("</a>") == len(found), "a link was cut"
    assert all(url.startswith(f"{base}/h5/") for url, _ in found)
    return {words: url.removeprefix(base) for url, words in found}


# --- Following ----------------------------------------------------------------------------------------------------


def test_who_follows_is_shown_what_can_be_done_and_how_to_bind(wechat: WeChatSide) -> None:
    welcome = wechat.tap("subscribe")
    assert links(welcome)["绑定身份"] == "/h5/bind"
    for item in parts().catalogue.items()[: texts._SHOWN_ITEMS]:
        assert links(welcome)[item.name] == f"/h5/items/{item.code}"
    assert "/h5/" in links(welcome).values(), "the others are on our pages"
    bind(BOB, factories.citizen())
    assert "已经绑定" in wechat.tap("subscribe", sender=BOB)
    assert "欢迎" in wechat.tap("subscribe", EventKey="last_trade_no_420000"), "followed after a payment"


def test_a_scanned_code_leads_to_the_service_that_it_names(wechat: WeChatSide) -> None:
    for name, key in (("subscribe", "qrscene_residence-permit-first"), ("SCAN", "residence-permit-first")):
        answer = wechat.tap(name, EventKey=key, Ticket="t")
        assert "【居住证首次申领】" in answer
        assert "/h5/items/residence-permit-first" in links(answer).values()
    assert "您可以发送" in wechat.tap("SCAN", EventKey="123", Ticket="t")
    assert "欢迎" in wechat.tap("subscribe", EventKey="qrscene_123", Ticket="t", sender=BOB)
    assert "绑定" in wechat.tap("SCAN", EventKey="bind", Ticket="t")


# --- One's own cases ----------------------------------------------------------------------------------------------


def test_progress_is_told_to_the_bound_person_and_to_nobody_else(wechat: WeChatSide) -> None:
    person = factories.citizen()
    case = db.session.get_one(Case, factories.submitted_permit(person))
    for asked in (wechat.say("进度"), wechat.say(case.number), wechat.tap("CLICK", EventKey="progress")):
        assert case.number not in asked
        assert links(asked)["身份绑定"] == "/h5/bind"
    bind(ALICE, person)
    for asked in (
        wechat.say("进度"),
        wechat.say("我的办件办到哪了？"),
        wechat.tap("CLICK", created=1, EventKey="progress"),
    ):
        for told in ("居住证首次申领", case.number, "待受理", "11月9日"):
            assert told in asked
        assert f"/h5/cases/{case.id}" in links(asked).values()
    for typed in (
        case.number,
        f"请查一下 {case.number.lower()}。",
        case.number.replace("-", "－"),
        case.number.replace("-", " "),
    ):
        one = wechat.say(typed)
        assert "1个工作日内答复" in one, "what it waits for"
        assert "最迟11月10日（周二）答复" in one
        assert person.name not in one
    bind(BOB, factories.citizen())
    refused = wechat.say(case.number, sender=BOB)
    assert refused == wechat.say("JZ20261109-999999", sender=BOB), "no answer tells whether a number exists"
    assert case.number not in wechat.say("进度", sender=BOB)
    assert "还没有办件" in wechat.say("进度", sender=BOB)


def test_many_cases_are_told_newest_first_and_no_link_is_cut(wechat: WeChatSide) -> None:
    person = factories.citizen()
    newest = factories.submitted_permit(person)
    case = db.session.get_one(Case, newest)
    told = texts.progress([case] * 9)
    assert len(links(told)) == 2
    assert links(told)["查看全部办件"] == "/h5/"
    assert told.count(case.number) == texts.SHOWN_CASES


# --- Services -----------------------------------------------------------------------------------------------------


def test_a_services_name_brings_its_guide(wechat: WeChatSide) -> None:
    permit = parts().catalogue.item("residence-permit-first")
    for typed in (
        "居住证首次申领",
        "居住证",
        "我想办居住证！",
        "怎么 申领 居住证",
        "residence-permit-first",
        "“居住证首次申领”",
    ):
        answer = wechat.say(typed)
        assert "【居住证首次申领】" in answer, typed
        assert links(answer)["查看指南并开始办理"] == "/h5/items/residence-permit-first"
        for check in permit.pre_checks:
            assert check.sentence in answer
        for material in permit.materials:
            assert material.name in answer
        assert "2个工作日" in answer
        assert "15日" in answer
        assert permit.guide.fee in answer
    assert "当场办结" in wechat.say("居住登记")
    assert set(links(wechat.say("能办什么"))) >= {"居住登记", "居住证首次申领"}


def test_what_names_no_service_means_none(app: Flask) -> None:
    for typed in ("", "居", "我要", "今天天气真好", "证", "申请", "abc", "居中"):
        assert meant(typed, parts().catalogue.items(), _MATTER_WORDS) == ([], []), typed


def test_what_is_done_at_a_window_only_is_told_with_what_to_bring(wechat: WeChatSide) -> None:
    for typed, code in (("我的车要过户", "transfer"), ("新车上牌", "register"), ("车报废了", "deregister")):
        service = parts().catalogue.counter_service(f"counter-vehicle-{code}")
        answer = wechat.say(typed)
        assert f"【{service.name}】" in answer, typed
        assert all(thing in answer for thing in service.bring)
        assert links(answer)["查看指南"] == f"/h5/items/{service.code}"
    assert "必须本人来" in wechat.say("绿本丢了")
    assert "【交通违法处理】" in wechat.say("处理违章")
    assert "【驾驶人考试受理】" in wechat.say("考驾照")


#: What people type, by what it means: a service, a matter, their progress, nothing.
_MEANT = {
    "residence-permit-first": (
        "办暂住证 居住证怎么弄 我要办居住证 居住證怎麼辦 居往证怎么办 "
        "居住正 办证 暂主证 首次申领 居住卡在哪里办 居住证多少钱"
    ),
    "residence-registration": (
        "我搬家了 刚来这边打工 租房要登记吗 换了地方住 搬到新宿舍 "
        "居住登记 暂住登记 我搬傢了 地址变了 新租的房子 流动人口登记"
    ),
    "residence-permit-replace": "证丢了 居住证丢了怎么办 補辦居住證 居住证掉了",
    "residence-permit-renew": "居住证坏了 证看不清了 换领 居住证折断了怎么办",
    "residence-permit-endorse": "到期了 居住证到期 居住证年审 签注 证件快到期了 續簽",
    "licence-renew": "驾驶证到期了 驾照换证 驾照快过期了怎么办 期满换证",
    "licence-replace-damaged": "驾照坏了 驾驶证看不清了",
    "licence-replace-lost": "驾驶证丢了 驾照掉了 驾照补办",
    "licence-transfer-in": "外地驾照转入 驾驶证转到奉化",
    "licence-change": "驾驶证改名 驾照信息变更",
    "licence-medical": "提交体检证明 提交身体条件证明",
    "licence-postpone": "驾照延期 当兵了驾驶证怎么办",
    "vehicle-plate-replace": "车牌丢了 号牌坏了 补车牌",
    "vehicle-licence-replace": "行驶证丢了 补行驶证 行车证坏了",
    "vehicle-mark-replace": "检验标志丢了 补检验标志",
    "vehicle-mark-exempt": "六年免检 免检标志",
    "vehicle-contact": "车辆联系方式变更 车主手机号换了",
    "school": "孩子上学 小孩读书要居住证吗",
    "hours": "几点下班 周末上班吗 你们什么时候开门 上班时间",
    "human": "电话多少 派出所在哪 派出所地址 我要投诉 转人工 找真人 在哪办",
    "fee": "多少钱",
    "how_long": "要几天",
    "phone": "手机号换了",
    "residence-permit-change": "居住证变更 居住证改地址 换工作了 换厂了 换公司了居住证要改吗",
    "proving": "回执是真的假的 怎么核对文书 校验码在哪输",
    "others": "身份证怎么办 办护照 孩子户口",
    "posting": "能邮寄吗 包邮吗",
    "nothing": "今天天气真好 居 我要 证 申请 abc 居中 讲个笑话 哈哈 你叫什么名字",
    "progress": "快递到哪了 进度 證件辦好了嗎 批下来没 卡寄了吗 办到哪了 我的快递 证还没到",
}


@pytest.mark.parametrize("code", _MEANT)
def test_ordinary_words_find_what_they_mean_and_a_way_to_a_person(wechat: WeChatSide, code: str) -> None:
    for typed in _MEANT[code].split():
        answer = wechat.say(typed)
        links(answer)
        assert "人工服务" in answer, typed
        if code == "nothing":
            assert texts.NOT_UNDERSTOOD in answer, typed
        elif code == "progress":
            assert "绑定身份后才能" in answer, typed
        elif code in MATTERS:
            assert answer == MATTERS[code].say(), typed
        else:
            assert f"/h5/items/{code}" in links(answer).values(), typed
            assert answer.startswith("【"), typed


@pytest.mark.parametrize("away", [False, True], ids=["with Redis", "without Redis"])
def test_where_two_fit_we_ask_back_and_a_digit_answers(
    wechat: WeChatSide, request: pytest.FixtureRequest, away: bool
) -> None:
    if away:
        request.getfixturevalue("no_redis")
    asker, other = ("oAsker_without_redis", "oOther_without_redis") if away else ("oAsker_0", "oOther_0")
    asked = wechat.say("居住", sender=asker)
    offered = re.findall(r"^(\d)\. (.+)$", asked, re.MULTILINE)
    assert {name for _, name in offered} >= {"居住登记", "居住证首次申领"}
    for digit, name in offered:
        for typed in (digit, f"第{digit}个", f"{digit}。"):
            assert f"【{name}】" in wechat.say(typed, sender=asker)
    assert wechat.say("9", sender=asker) == asked, "beyond what was offered we ask again"
    assert "对不上" in wechat.say("1", sender=other), "another's choice is not one's own"
    every = re.findall(r"^\d\. (.+)$", wechat.say("要带什么材料", sender=other), re.MULTILINE)
    assert every == [item.name for item in parts().catalogue.items()[: texts.CHOICES]]
    assert f"【{every[1]}】" in wechat.say("二", sender=other)


# --- Everything else ----------------------------------------------------------------------------------------------


def test_common_words_are_answered_in_kind(wechat: WeChatSide) -> None:
    for typed, told in (
        ("帮助", "人工服务"),
        ("HELP", "人工服务"),
        ("？", "人工服务"),
        ("你好", "您好"),
        ("谢谢！", "不客气"),
        ("太感谢你们了", "不客气"),
        ("怎么绑定", "只需一次"),
        ("今天天气真好", "没有明白"),
        ("[微笑]", "没有明白"),
        ("a" * 5_000, "没有明白"),
    ):
        answer = wechat.say(typed)
        assert told in answer, typed
        links(answer)


def test_who_types_an_identity_number_is_asked_not_to(wechat: WeChatSide) -> None:
    for typed in (
        "330283199405230017",
        "我叫李雷，电话13800138000",
        "身份证 330283199405230017 查进度",
        "x" * 200 + "13800138000",
    ):
        answer = wechat.say(typed)
        assert "请不要在聊天中发送身份证号" in answer
        assert not re.search(r"\d{11}", answer), "it is not said again"


_KINDS: dict[str, dict[str, Any]] = {
    "image": {"PicUrl": "http://mmbiz.qpic.cn/x", "MediaId": "m"},
    "voice": {"MediaId": "m", "Format": "amr", "Recognition": ""},
    "video": {"MediaId": "m", "ThumbMediaId": "t"},
    "shortvideo": {"MediaId": "m", "ThumbMediaId": "t"},
    "location": {"Location_X": "29.6", "Location_Y": "121.4", "Scale": "16", "Label": "某路18号"},
    "link": {"Title": "t", "Description": "d", "Url": "http://example.com"},
    "miniprogrampage": {"AppId": "wx", "Title": "t", "PagePath": "p", "ThumbUrl": "u", "ThumbMediaId": "m"},
    "file": {"Title": "a.pdf", "FileKey": "k"},
    "transfer_biz": {"Anything": "x"},
}


@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_of_message_is_answered_kindly(wechat: WeChatSide, kind: str) -> None:
    answer = wechat.read(wechat.deliver(wechat.safe(message(kind, **_KINDS[kind]))))
    assert answer.startswith(texts.OF_KIND.get(kind, "抱歉，这类消息暂时看不了"))
    assert "您可以发送" in answer
    assert "某路" not in answer


_SILENT: dict[str, dict[str, Any]] = {
    "VIEW": {"EventKey": "http://127.0.0.1/h5/", "MenuId": "1"},
    "view_miniprogram": {"EventKey": "pages/index", "MenuId": "1"},
    "LOCATION": {"Latitude": "29.6", "Longitude": "121.4", "Precision": "10"},
    "scancode_push": {"EventKey": "k"},
    "pic_sysphoto": {"EventKey": "k"},
    "location_select": {"EventKey": "k"},
    "MASSSENDJOBFINISH": {"MsgID": "1", "Status": "send success"},
    "subscribe_msg_popup_event": {},
    "subscribe_msg_change_event": {},
    "subscribe_msg_sent_event": {},
    "kf_create_session": {"KfAccount": "a@b"},
    "user_authorize_invoice": {},
    "an_event_of_tomorrow": {},
}


@pytest.mark.parametrize("name", _SILENT)
def test_events_that_ask_nothing_are_taken_in_silence(wechat: WeChatSide, name: str) -> None:
    assert wechat.tap(name, **_SILENT[name]) == ""


def test_events_without_a_name_and_of_devices_are_taken_in_silence(wechat: WeChatSide) -> None:
    nameless = event("x").replace("<Event><![CDATA[x]]></Event>", "")
    assert wechat.read(wechat.deliver(wechat.safe(nameless))) == ""
    device = message("device_event", Event="bind", DeviceType="d", DeviceID="1")
    assert "您可以发送" in wechat.read(wechat.deliver(wechat.safe(device)))


def test_an_unknown_key_of_an_old_menu_is_answered_with_help(wechat: WeChatSide) -> None:
    assert "您可以发送" in wechat.tap("CLICK", EventKey="of_last_year")
    assert "您可以发送" in wechat.tap("scancode_waitmsg", EventKey="k")


# --- The answer's XML ---------------------------------------------------------------------------------------------

_ASKED = Received(ACCOUNT, ALICE, 1_760_000_000, "text", "", {}, "")


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=3_000) | st.text("]>![CDATA[<evil>&\r\n \x00\x0b", max_size=200))
@example("a]]><evil>1</evil><![CDATA[b")
@example("]]>" * 1_000)
@example("\x00\x08\x1f\ufffe")
@example("𠮷" * 700)
def test_no_text_breaks_out_of_the_answer(text: str) -> None:
    unshown = {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF} - {0x09, 0x0A}
    lines_unified = text.replace("\r\n", "\n").replace("\r", "\n")
    expected = "".join(char for char in lines_unified if ord(char) not in unshown).strip()
    xml = text_reply(_ASKED, text)
    if not expected:
        assert xml == ""
        return
    fields = xmltodict.parse(xml, strip_whitespace=False)["xml"]
    assert set(fields) - {"#text"} == {"MsgType", "FromUserName", "ToUserName", "CreateTime", "Content"}
    said = fields["Content"]
    assert len(said.encode()) <= 2048
    assert said == expected or (said.endswith("…") and expected.startswith(said[:-1]) and len(said) > 500)


@given(lines=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=300), max_size=40))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_an_answer_too_long_loses_whole_lines(lines: list[str]) -> None:
    told = texts.lines(*lines)
    assert len(told.encode()) <= 2048
    given_lines = "\n".join(lines).split("\n")
    assert told.split("\n") == given_lines or (
        told.split("\n")[-1] == "……" and told.split("\n")[:-1] == given_lines[: told.count("\n")]
    )


def test_the_guide_of_a_wordy_service_keeps_its_link(
    app: Flask, change_parts: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    item = parts().catalogue.item("residence-permit-first")
    wordy: ServiceItem = dataclasses.replace(item, guide=dataclasses.replace(item.guide, fee="按规定收取。" * 500))
    told = texts.guide(wordy)
    assert len(told.encode()) <= 2048
    assert links(told) == {"查看指南并开始办理": "/h5/items/residence-permit-first"}
