"""Names of any people of China, and the mobile numbers that SMS can reach."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizen_services.rules.errors import RuleError
from citizen_services.rules.names import MAX_LENGTH, normalise_name, same_name
from citizen_services.rules.phones import invent_mobile, parse_mobile


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("王小明", "王小明"),  # the usual three
        ("王", "王"),  # one character is a name
        ("欧阳 若 兰", "欧阳若兰"),  # blanks to align columns
        (" 张　三 ", "张三"),  # ideographic blank
        ("阿卜杜热合曼·麦麦提吐尔逊", "阿卜杜热合曼·麦麦提吐尔逊"),  # thirteen characters
        ("阿里木•买买提", "阿里木·买买提"),  # bullet for the separator
        ("阿里木・买买提", "阿里木·买买提"),  # Japanese middle dot
        ("阿里木．买买提", "阿里木·买买提"),  # full-width full stop
        ("阿里木.买买提", "阿里木·买买提"),  # plain full stop
        ("阿里木 · 买买提", "阿里木·买买提"),  # blanks around it
        ("〇秀英", "〇秀英"),  # the character zero occurs in names
        ("𠮷野家", "𠮷野家"),  # beyond the basic plane
        ("\ue863", "\ue863"),  # rare character kept in the private area by older registers
        ("⺀⼀", None),  # radicals without a character behind it
        ("王⼩明", "王小明"),  # Kangxi radical from a copied PDF
        ("Ｊｏｈｎ　Smith", "John Smith"),  # Latin in full width
        ("Mary-Jane O'Neill Jr.", "Mary-Jane O'Neill Jr."),  # signs of Latin names
        ("José", "José"),  # combining accent is composed
        ("ئابدۇرېھىم", "ئابدۇرېھىم"),  # Uyghur script
        ("བཀྲ་ཤིས།", None),  # Tibetan with a sentence mark: punctuation, not name
        ("བཀྲཤིས", "བཀྲཤིས"),  # Tibetan letters with vowel signs
        ("王\u200d小\ufe00明", "王小明"),  # invisible joiner and variation selector
        ("王小明\u202e", "王小明"),  # bidi override
        ("", None),  # nothing
        ("···", None),  # separators only
        ("王小明1", None),  # digit
        ("王小明（先生）", None),  # title in brackets
        ("<b>王</b>", None),  # markup
        ("王" * MAX_LENGTH, "王" * MAX_LENGTH),  # the longest
        ("王" * (MAX_LENGTH + 1), None),  # one more
    ],
)
def test_names_are_normalised_or_refused(typed: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(RuleError, match="姓名"):
            normalise_name(typed)
    else:
        assert normalise_name(typed) == name


@given(st.text(max_size=60))
def test_a_normalised_name_stays_as_it_is(text: str) -> None:
    try:
        name = normalise_name(text)
    except RuleError:
        return
    assert normalise_name(name) == name


def test_the_same_name_typed_in_two_ways_is_the_same() -> None:
    assert same_name("阿里木·买买提", "阿里木 • 买买提")
    assert same_name("JOHN SMITH", "john  smith")
    assert not same_name("王小明", "王晓明")


@pytest.mark.parametrize(
    "typed",
    ["13812345678", "138 1234 5678", "138-1234-5678", "+86 13812345678", "008613812345678", "１３８１２３４５６７８"],
)
def test_usual_ways_of_typing_a_mobile_number(typed: str) -> None:
    assert parse_mobile(typed) == "13812345678"


@pytest.mark.parametrize(
    "typed",
    [
        "",  # nothing
        "1381234567",  # a digit lost
        "138123456789",  # one too many
        "0574-88951234",  # landline of Fenghua
        "12812345678",  # no such range
        "14812345678",  # numbers of machines: no person reads an SMS there
        "+852 6123 4567",  # Hong Kong
        "+1 202 555 0123",  # abroad
        "13812345678 转 12",  # with an extension
        "abc",  # words
        "13812345678;13912345678",  # two numbers
    ],
)
def test_what_cannot_receive_an_sms_is_refused(typed: str) -> None:
    with pytest.raises(RuleError, match="手机号码"):
        parse_mobile(typed)


@given(st.randoms(use_true_random=False))
def test_invented_numbers_are_mobile_numbers(rng: random.Random) -> None:
    number = invent_mobile(rng)
    assert parse_mobile(number) == number
