"""Texts for WeChat and SMS: placeholders, and the limits that the channels hold against us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizen_services.rules.errors import RuleError
from citizen_services.rules.templates import (
    aliyun_template,
    check_sms_template,
    check_value,
    fill,
    fit_sms_value,
    fit_value,
    longest,
    placeholders,
    sms_length,
    value_kind,
)
from citizen_services.rules.text import utf16_length


def test_placeholders_are_found_filled_and_measured() -> None:
    text = "您好，{item}（{number}）已受理，{{预计}}{day}办结。{item}"
    assert placeholders(text) == ("item", "number", "day")
    assert (
        fill(text, {"item": "居住证", "number": "F1", "day": "{x}"})
        == "您好，居住证（F1）已受理，{预计}{x}办结。居住证"
    )
    assert longest("{a}：{b}", {"a": 10, "b": 35}) == 46


def test_a_value_that_is_missing_is_a_fault_not_an_empty_place() -> None:
    with pytest.raises(KeyError):
        fill("{item}已受理", {})


@pytest.mark.parametrize("text", ["{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{A}", "{未知}", "{a", "a}"])
def test_anything_but_a_plain_name_in_braces_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        placeholders(text)


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [
        ("thing1", "居住证申领（首次）", True),
        ("thing1", "字" * 20, True),
        ("thing1", "字" * 21, False),
        ("thing1", "两\n行", False),
        ("character_string2", "FH-20261125-000123-7", True),
        ("character_string2", "x" * 33, False),
        ("character_string2", "编号1", False),  # no Chinese characters
        ("number3", "12", True),
        ("number3", "-12.50", True),
        ("number3", "1" * 33, False),
        ("number3", "12元", False),
        ("letter4", "AB", True),
        ("letter4", "A1", False),
        ("symbol5", "+-", True),
        ("symbol5", "++++++", False),
        ("time6", "2026年11月25日 09:12", True),
        ("time6", "09:12", True),
        ("time6", "2026年11月25日 09:00~2026年11月25日 11:00", True),
        ("time6", "2026-11-25", False),  # a bare ISO date is refused by WeChat
        ("time6", "24:30", False),
        ("date7", "2026年11月25日", True),
        ("date7", "2026年11月25日 09:12", True),
        ("date7", "11月25日（周三）", False),
        ("amount8", "¥20.00", True),
        ("amount8", "20元", True),
        ("amount8", "12345678901元", False),
        ("phone_number9", "+86-0574-88951234", True),
        ("phone_number9", "+86-0574-889512345", False),
        ("car_number10", "浙BD12345", True),
        ("car_number10", "浙B1234挂", True),
        ("car_number10", "浙BD1234567", False),
        ("name11", "王*明", True),
        ("name11", "字" * 10, True),
        ("name11", "字" * 11, False),
        ("name11", "John Smith", True),
        ("name11", "John Smith the Younger", False),
        ("name11", "王Abcdefghij", False),  # mixed counts as Chinese
        ("phrase12", "已受理", True),
        ("phrase12", "已受理了吗呢", False),
        ("phrase12", "OK", False),
        ("const13", "已受理", True),
        ("thing1", "", False),  # empty is refused for every kind
        ("thing1", "  ", False),
    ],
)
def test_values_are_held_to_the_limits_of_their_kind(key: str, value: str, fits: bool) -> None:
    if fits:
        check_value(key, value)
        assert fit_value(key, value) == value
    else:
        with pytest.raises(RuleError, match=key):
            check_value(key, value)


def test_a_const_is_one_of_the_words_of_the_template() -> None:
    check_value("const1", "已受理", {"已受理", "已办结"})
    with pytest.raises(RuleError, match="取值"):
        check_value("const1", "已寄出", {"已受理", "已办结"})


@pytest.mark.parametrize("key", ["first", "remark", "keyword1", "thing", "1thing", "colour2"])
def test_keys_of_templates_that_wechat_gave_up_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        value_kind(key)


@given(st.text(max_size=80))
def test_a_fitted_thing_is_taken_whatever_it_was(text: str) -> None:
    fitted = fit_value("thing1", f"事项{text}")
    check_value("thing1", fitted)
    assert fitted.startswith("事项")


def test_long_names_are_shortened_rather_than_not_told() -> None:
    assert fit_value("name1", "阿卜杜热合曼·麦麦提吐尔逊") == "阿卜杜热合曼·麦麦…"
    with pytest.raises(RuleError):
        fit_value("phrase1", "已经受理完毕")


# ---------------------------------------------------------------------------------------------- SMS


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        ("您的{item}（{number}）已受理，{day}前办结，请到公众号“奉化公安”查看进度。", None),
        ("{item}已受理", None),  # may begin with a variable
        ("您的{item}{number}已受理", "相邻"),
        ("您的{item}已受理，{item}", "只能出现一次"),
        ("{item}", "不能只有变量"),
        ("【奉化】您的{item}已受理", "【】"),
        ("请点 https://gat.example.org 查看{item}", "网址"),
        ("请看fenghua.gov.cn的{item}", "网址"),
        ("请打13812345678问{item}", "手机号码"),
        ("请打0574-88951234问{item}", None),  # landlines may stand in a notice
        ("字" * 460 + "{item}", "短信过长"),
        ("您车辆的年检将于{day}到期", "检验有效期"),  # the carriers refuse the word
        ("您车辆的检验有效期将于{day}届满", None),
    ],
)
def test_sms_templates_keep_the_rules_of_the_carrier(template: str, hint: str | None) -> None:
    if hint is None:
        check_sms_template("奉化公安", template)
    else:
        with pytest.raises(RuleError, match=hint):
            check_sms_template("奉化公安", template)


def test_a_template_at_the_limit_passes_and_one_more_fails() -> None:
    room = 500 - len("【奉化公安】") - 35
    check_sms_template("奉化公安", "字" * room + "{item}")
    with pytest.raises(RuleError, match="501字"):
        check_sms_template("奉化公安", "字" * (room + 1) + "{item}")


def test_a_template_is_registered_in_aliyuns_own_notation() -> None:
    assert aliyun_template("您的{item}已受理") == "您的${item}已受理"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("居住证申领", "居住证申领"),
        ("【紧急】居住证", "紧急居住证"),  # brackets would look like a signature
        ("两\n行", "两 行"),
        ("字" * 35, "字" * 35),
        ("字" * 36, "字" * 34 + "…"),
        ("𠮷" * 18, "𠮷" * 17 + "…"),  # two units each
    ],
)
def test_sms_values_are_made_to_fit(value: str, sent: str) -> None:
    assert fit_sms_value(value) == sent


@pytest.mark.parametrize("value", ["", " ", "【】", "www.example.org", "http://x", "a.cn"])
def test_sms_values_that_would_be_refused_are_refused_here(value: str) -> None:
    with pytest.raises(RuleError, match="短信变量"):
        fit_sms_value(value)


@given(st.text(st.characters(exclude_characters=".:"), max_size=80))  # without them nothing is a link
def test_a_fitted_sms_value_keeps_the_limit(text: str) -> None:
    assert 1 <= utf16_length(fit_sms_value(f"事项{text}")) <= 35


def test_the_signature_counts_with_its_brackets() -> None:
    assert sms_length("奉化公安", "您好") == 8
