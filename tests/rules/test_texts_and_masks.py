"""What comes in is cleaned, what is shown is masked, what is logged is scrubbed."""

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizen_services.rules.errors import RuleError
from citizen_services.rules.identity import invent
from citizen_services.rules.masking import mask_address, mask_id, mask_name, mask_phone, scrub
from citizen_services.rules.phones import invent_mobile
from citizen_services.rules.text import clip_bytes, compact, normalise_text, utf16_length

ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates and controls included


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("  中山路  12 号 ", "中山路 12 号"),  # blanks at the edges and doubled
        ("中山路\u3000\xa012号", "中山路 12号"),  # other blanks
        ("第一行\r\n第二行", "第一行 第二行"),  # lines where none belong
        ("a\x00b\x1bc\x7f", "abc"),  # control characters
        ("\u202e倒\u2066序\u2069", "倒序"),  # direction overrides
        ("零\u200b宽\ufeff", "零宽"),  # zero width
        ("半\ud800个", "半个"),  # half of a surrogate pair: UTF-8 can't hold it
        ("末\ufffe尾\U0001ffff", "末尾"),  # noncharacters
        ("Cafe\u0301", "Café"),  # composed
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),  # joiners of emoji stay
        ("６０２室，南山社区", "６０２室，南山社区"),  # punctuation and width are the writer's own
    ],
)
def test_free_text_is_cleaned(typed: str, text: str) -> None:
    assert normalise_text(typed, limit=100) == text


def test_lines_are_kept_where_they_may_be() -> None:
    assert normalise_text(" 一 \r\n\r\n\r\n\r\n二\u2028三\r四\n", limit=100, newlines=True) == "一\n\n二\n三\n四"


def test_too_long_a_text_is_refused_with_both_numbers() -> None:
    assert normalise_text("字" * 20 + "  ", limit=20) == "字" * 20
    with pytest.raises(RuleError, match="最多20个字，现在是21个字"):
        normalise_text("字" * 21, limit=20)


@given(ANY_TEXT, st.booleans())
def test_cleaned_text_is_storable_and_stays_as_it_is(text: str, newlines: bool) -> None:
    clean = normalise_text(text, limit=500, newlines=newlines)
    assert clean.encode().decode() == clean
    assert "\x00" not in clean
    assert newlines or "\n" not in clean
    assert normalise_text(clean, limit=500, newlines=newlines) == clean


def test_numbers_are_folded() -> None:
    assert compact(" ａｂ １２\u200d３ \t") == "AB123"


@given(ANY_TEXT.map(lambda text: normalise_text(text, limit=500)), st.integers(3, 60))
def test_clipped_text_fits_and_is_whole_characters(text: str, limit: int) -> None:
    clipped = clip_bytes(text, limit)
    assert len(clipped.encode()) <= limit
    assert clipped == text or (clipped.endswith("…") and text.startswith(clipped[:-1]))


def test_an_ending_longer_than_the_limit_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="ending"):
        clip_bytes("很长的文字", 2)


def test_rare_characters_count_twice_on_phones() -> None:
    assert utf16_length("𠮷野") == 3


# ---------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王*明"),
        ("陈静", "陈*"),
        ("欧阳若兰", "欧**兰"),
        ("阿里木·买买提", "阿***提"),  # never more than three stars
        ("王", "*"),  # nothing to keep
        ("", ""),
    ],
)
def test_names_keep_first_and_last(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_numbers_keep_their_ends() -> None:
    assert mask_id("33021319900101012X") == "3302**********012X"
    assert mask_phone("13812341234") == "138****1234"
    assert mask_id("12345678") == "********"
    assert mask_phone("1381234") == "*******"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("浙江省宁波市奉化区锦屏街道南山社区中山路12号3幢402室", "浙江省宁波市奉化区锦屏街道南山社区***"),
        ("奉化区岳林街道大成社区中山路小区5幢", "奉化区岳林街道大成社区***"),  # 小区 is no 区
        ("浙江省宁波市奉化区西坞街道后方村3组12号", "浙江省宁波市奉化区西坞街道后方村***"),
        ("贵州省毕节市威宁彝族回族苗族自治县草海镇", "贵州省毕节市威宁彝族回族苗族自治县草海镇"),  # nothing to hide
        ("内蒙古自治区呼和浩特市新城区海拉尔东路1号", "内蒙古自治区呼和浩特市新城区***"),
        ("上海市浦东新区张江镇环科路555弄", "上海市浦东新区张江镇***"),
        ("台州市路桥区路北街道", "台州市路桥区路北街道"),  # 路 in the name of a district
        ("溪口镇武岭路5号", "溪口镇***"),
        ("宁波市翠湖小区5幢", "宁波市***"),  # 小区 without any 区
        ("奉化3区5幢", "***"),  # a numbered quarter is no district
        ("中山路12号", "***"),  # no district at all: all of it hidden
        ("", ""),
    ],
)
def test_addresses_keep_the_community_and_lose_the_house(address: str, masked: str) -> None:
    assert mask_address(address) == masked


@given(st.text("浙江省宁波市奉化区锦屏街道南山社区村路巷号幢室0123456789０１２三", max_size=40))
def test_no_digit_survives_in_a_masked_address(address: str) -> None:
    assert not any(char.isdigit() for char in mask_address(address))


# ---------------------------------------------------------------------------------------------- logs


@given(
    st.randoms(use_true_random=False),
    st.dates(date(1900, 1, 1), date(2026, 1, 1)),
    st.sampled_from(["", " ", "=", "%3D", "%22", "%20", "'", "，", "phone", "id："]),
    st.sampled_from(["", " ", "&", "%26", '"', "。", "元"]),
    st.sampled_from(["", "+86", "86", "0086", "%2B86"]),
)
def test_no_identity_or_phone_number_survives_in_a_log_line(
    rng: random.Random, born: date, before: str, after: str, country: str
) -> None:
    number, phone = invent(rng, "330213", born, True), invent_mobile(rng)
    for variant in (number, number.lower(), f"{number[:6]} {number[6:14]} {number[14:]}"):
        line = scrub(f"GET /{before}{variant}{after}x")
        assert variant not in line
        assert number[6:14] not in line
    for variant in (phone, f"{phone[:3]} {phone[3:7]} {phone[7:]}", f"{phone[:3]}-{phone[3:7]}-{phone[7:]}"):
        line = scrub(f"GET /{before}{country}{variant}{after}x")
        assert variant not in line
        assert phone[-4:] not in line


@pytest.mark.parametrize(
    ("line", "scrubbed"),
    [
        ("/sns?appid=wx1&secret=abc&code=0a1&grant_type=x", "/sns?appid=wx1&secret=***&code=***&grant_type=x"),
        ("/cgi-bin?access_token=7_x-Y&lang=zh", "/cgi-bin?access_token=***&lang=zh"),
        ("?refresh_token=r1&appsecret=s", "?refresh_token=***&appsecret=***"),
        ('{"access_token": "7_x", "expires_in": 7200}', '{"access_token": "***", "expires_in": 7200}'),
        ("{'code': '041523', 'errcode': 0}", "{'code': '***', 'errcode': 0}"),
        ("redirect=%2Fcb%3Fcode%3Dabc", "redirect=%2Fcb%3Fcode%3D***"),
        ("WECHAT_APP_SECRET=abc", "WECHAT_APP_SECRET=***"),
        ("Authorization: Bearer eyJh.bGci.x", "Authorization: Bearer ***"),
        ("Exception on /receipts/sms_aliyun/vP5J-xze_0bd [POST]", "Exception on /receipts/sms_aliyun/*** [POST]"),
        ("postgresql://app:p4ss@127.0.0.1/db", "postgresql://app:***@127.0.0.1/db"),
    ],
)
def test_secrets_do_not_survive_in_a_log_line(line: str, scrubbed: str) -> None:
    assert scrub(line) == scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "line",
    [
        "errcode=40001 status_code=200 Code=OK exit code: 5",  # what logs are for
        "tracking 1119044791429 delivered",  # thirteen digits, 119… inside
        "biz_id 900619746936498440^0 msgid 3487542469355618313",  # long numbers of partners
        "at 1764030000.123456 took 13.812 s",  # time stamps
        "case 0198f3a2-7c1e-7d3b-9a51-13f8a2b4c6d7 version 4",  # ids of ours
    ],
)
def test_what_operators_need_stays_in_the_log(line: str) -> None:
    assert scrub(line) == line


@given(st.text(max_size=200))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)
