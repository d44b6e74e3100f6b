"""Identity numbers: what is put right, what is refused with which words, and that slips of the pen are caught."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from citizen_services.rules import identity
from citizen_services.rules.errors import RuleError

TODAY = date(2026, 11, 25)

people = st.builds(
    identity.invent,
    st.randoms(use_true_random=False),
    st.sampled_from(["330213", "330283", "522401", "110105", "440524", "654321", "830000"]),
    st.dates(date(1900, 1, 1), TODAY),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("first17", "check"),
    [
        ("11010519491231002", "X"),  # vector printed in GB 11643
        ("44052418800101001", "4"),  # vector printed in GB 11643
    ],
)
def test_check_characters_are_those_of_the_standard(first17: str, check: str) -> None:
    assert identity.check_character(first17) == check


@given(st.randoms(use_true_random=False), st.dates(date(1900, 1, 1), TODAY), st.booleans())
def test_an_invented_person_reads_back_as_invented(rng: random.Random, born: date, male: bool) -> None:
    person = identity.parse_identity(identity.invent(rng, "330213", born, male), TODAY)
    assert (person.born, person.gender, person.first_division) == (born, "male" if male else "female", "330213")


@given(people, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_every_single_wrong_character_is_caught(number: str, place: int, wrong: str) -> None:
    assume(number[place] != wrong)
    with pytest.raises(RuleError):
        identity.parse_identity(number[:place] + wrong + number[place + 1 :], TODAY)


@given(people, st.integers(0, 16))
def test_every_swap_of_neighbours_is_caught(number: str, place: int) -> None:
    assume(number[place] != number[place + 1])
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    with pytest.raises(RuleError):
        identity.parse_identity(swapped, TODAY)


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002x",  # small x
        " 110105 19491231 002X ",  # grouped with blanks, as forms print it
        "１１０１０５１９４９１２３１００２Ｘ",  # typed with a Chinese keyboard in full width
        "110105-19491231-002X",  # hyphens
        "\u200b11010519491231002X\u202c",  # invisible characters that copying brings along
    ],
)
def test_usual_ways_of_typing_are_put_right(typed: str) -> None:
    assert identity.parse_identity(typed, TODAY).number == "11010519491231002X"


def with_check(first17: str) -> str:
    return first17 + identity.check_character(first17)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "请填写"),  # nothing
        ("   ", "请填写"),  # only blanks
        ("110105491231002", "15位"),  # number of the generation before 2000
        ("1101051949123100", "16位"),  # two characters lost
        ("11010519491231002XX", "19位"),  # one too many
        ("1101051949123100AX", "应为数字"),  # letter inside
        ("X1010519491231002X", "应为数字"),  # X at the wrong end
        (with_check("99010519900101001"), "前两位"),  # no such province
        (with_check("33021319900230001"), "不是存在的日期"),  # 30 February
        (with_check("33021319000229001"), "不是存在的日期"),  # 1900 was no leap year
        (with_check("33021319901301001"), "不是存在的日期"),  # month 13
        (with_check("33021320261126001"), "不合理"),  # born tomorrow
        (with_check("33021318691231001"), "不合理"),  # 156 years old
        ("110105194912310020", "校验不符"),  # right shape, wrong check character
    ],
)
def test_what_is_wrong_is_said_without_repeating_the_number(typed: str, hint: str) -> None:
    with pytest.raises(RuleError, match=hint) as refused:
        identity.parse_identity(typed, TODAY)
    assert not typed.strip() or typed not in str(refused.value)


@pytest.mark.parametrize("division", ["330283", "330204", "512301"])
def test_numbers_first_given_in_abolished_divisions_are_accepted(division: str) -> None:
    # 奉化市 (now 奉化区), 江东区 (dissolved 2016), 涪陵 while it was in Sichuan
    number = identity.invent(random.Random(1), division, date(1990, 5, 23), True)
    assert identity.parse_identity(number, TODAY).first_division == division


def test_born_today_is_the_youngest_person_accepted() -> None:
    number = identity.invent(random.Random(1), "330213", TODAY, False)
    assert identity.parse_identity(number, TODAY).age_on(TODAY) == 0
    with pytest.raises(RuleError):
        identity.parse_identity(number, TODAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2010, 11, 25), date(2026, 11, 24), 15),  # the day before the birthday
        (date(2010, 11, 25), date(2026, 11, 25), 16),  # the birthday itself
        (date(2008, 2, 29), date(2026, 2, 28), 17),  # leapling, common year: not yet
        (date(2008, 2, 29), date(2026, 3, 1), 18),  # leapling, common year: of age on 1 March
        (date(2008, 2, 29), date(2024, 2, 29), 16),  # leapling, leap year: on the day
        (date(2026, 11, 25), date(2026, 11, 25), 0),  # newborn
    ],
)
def test_age_is_full_years_on_the_day(born: date, day: date, age: int) -> None:
    assert identity.age_on(born, day) == age


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(1, 120))
def test_the_day_of_an_age_is_the_first_day_with_that_age(born: date, years: int) -> None:
    day = identity.day_of_age(born, years)
    assert identity.age_on(born, day) == years
    assert identity.age_on(born, day - timedelta(days=1)) == years - 1


def test_nobody_has_an_age_before_birth() -> None:
    with pytest.raises(ValueError, match="not yet born"):
        identity.age_on(TODAY, TODAY - timedelta(days=1))


@given(people)
def test_a_number_does_not_show_in_repr(number: str) -> None:
    assert number not in repr(identity.parse_identity(number, TODAY))
    assert number not in str(identity.parse_identity(number, TODAY))
