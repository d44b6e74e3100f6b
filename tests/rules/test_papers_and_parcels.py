"""Numbers printed on papers, vehicles and parcels: vectors of their standards, faults that the check must see."""

import contextlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from citizen_services.rules import credit_code, tracking, vin
from citizen_services.rules.errors import RuleError
from citizen_services.rules.plates import parse_plate

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


# ---------------------------------------------------------------------------------------------- credit codes


@pytest.mark.parametrize(
    ("first17", "check"),
    [
        ("91350100M000100Y4", "3"),  # worked example of GB 32100; the Z often printed behind it is no such character
        ("91110108551385082", "Q"),  # a genuine company
        ("91310115MA1H8R7C6", "7"),  # an article prints D: that code is wrong
    ],
)
def test_credit_codes_have_the_check_character_of_the_standard(first17: str, check: str) -> None:
    assert credit_code.check_character(first17) == check
    assert credit_code.parse_credit_code(first17 + check).warning is None


def test_a_genuine_code_that_fails_its_check_is_taken_with_a_warning() -> None:
    code = credit_code.parse_credit_code("91350211m0000xuf46")
    assert code == credit_code.CreditCode("91350211M0000XUF46", credit_code.CHECK_FAILED)


@given(
    st.text("0123456789", min_size=17, max_size=17),
    st.integers(0, 17),
    st.sampled_from(CREDIT_ALPHABET),
    st.booleans(),
)
def test_wrong_and_swapped_characters_never_pass_silently(body: str, place: int, wrong: str, swap: bool) -> None:
    code = body + credit_code.check_character(body)
    assert credit_code.parse_credit_code(code).warning is None
    if swap:
        place = min(place, 16)
        faulty = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    else:
        faulty = code[:place] + wrong + code[place + 1 :]
    assume(faulty != code)
    with contextlib.suppress(RuleError):  # a letter among the digits of the division is refused outright
        assert credit_code.parse_credit_code(faulty).warning


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("", "请填写"),  # nothing
        ("9111010855138508", "16位"),  # two lost
        ("9111010855138508O2", "没有字母"),  # the letter O for a zero
        ("91110108551385O82I", "没有字母"),  # the letters O and I
        ("911101Z8551385082Q", "没有字母"),  # the letter Z
        ("9111A108551385082Q", "第3至8位"),  # a letter among the digits of the division
        ("91110108551385082中", "数字和大写字母"),  # a Chinese character
    ],
)
def test_what_is_no_credit_code_is_refused(typed: str, hint: str) -> None:
    with pytest.raises(RuleError, match=hint):
        credit_code.parse_credit_code(typed)


# ---------------------------------------------------------------------------------------------- VIN


@pytest.mark.parametrize("number", ["1M8GDM9AXKP042788", "1m8gdm9axkp042788", "11111111111111111"])
def test_known_vins_pass(number: str) -> None:
    assert vin.parse_vin(number) == vin.Vin(number.upper(), None)


@given(st.integers(0, 16), st.sampled_from("0123456789"))
def test_a_wrong_digit_in_a_vin_is_warned_of(place: int, wrong: str) -> None:
    number = "1M8GDM9AXKP042788"
    assume(number[place].isdigit() and number[place] != wrong)
    assert vin.parse_vin(number[:place] + wrong + number[place + 1 :]).warning == vin.CHECK_FAILED


def test_a_model_year_that_does_not_exist_is_warned_of() -> None:
    number = "1M8GDM9A0UP042788"
    number = number[:8] + vin.check_character(number) + number[9:]
    assert vin.parse_vin(number).warning == vin.CHECK_FAILED


@pytest.mark.parametrize(
    "typed", ["", "1M8GDM9AXKP04278", "IM8GDM9AXKP042788", "1M8GDM9AXKP04278Q", "1M8GDM9AXKP04278中"]
)
def test_what_is_no_vin_is_refused(typed: str) -> None:
    with pytest.raises(RuleError, match="车辆识别代号"):
        vin.parse_vin(typed)


# ---------------------------------------------------------------------------------------------- tracking numbers


def test_the_check_digit_is_that_of_upu_s10() -> None:
    assert tracking.check_digit("47312482") == "9"


@pytest.mark.parametrize(
    "number",
    [
        "1119044791429",  # public samples of domestic EMS
        "1119188661129",
        "1136281381675",
        "1128840230208",
        "1059105904127",
        "1186465887499",
        "EE473124829CN",  # S10
        "em263999513jp",  # S10 in small letters
        " 1119 0447 91429 ",  # as printed on the label
        "9812345678901",  # parcel whose check is not known: taken without a word
    ],
)
def test_genuine_tracking_numbers_pass_without_a_warning(number: str) -> None:
    assert tracking.check_tracking(number).warning is None


@given(st.integers(0, 99_999_999))
def test_a_made_number_passes_its_own_check(serial: int) -> None:
    number = tracking.make_number(serial)
    assert tracking.check_tracking(number) == tracking.Tracking(number, None)
    assert f"{serial:08d}" in number


@given(st.integers(0, 99_999_999), st.integers(2, 9), st.sampled_from("0123456789"), st.booleans())
def test_faults_in_the_serial_are_warned_of(serial: int, place: int, wrong: str, swap: bool) -> None:
    number = tracking.make_number(serial)
    # S10 gives 5 for two remainders; a fault that leads from the one to the other can't be seen by anybody.
    assume(number[10] != "5")
    if swap:
        place = min(place, 8)
        faulty = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    else:
        faulty = number[:place] + wrong + number[place + 1 :]
    assume(faulty != number)
    assert tracking.check_tracking(faulty).warning == tracking.CHECK_FAILED


@pytest.mark.parametrize(
    "typed", ["", "111904479142", "11190447914290", "EE47312482CN", "E1473124829CN", "中通123456789012"]
)
def test_what_is_no_tracking_number_is_refused(typed: str) -> None:
    with pytest.raises(RuleError, match="运单号"):
        tracking.check_tracking(typed)


@pytest.mark.parametrize("serial", [-1, 100_000_000])
def test_a_serial_has_eight_digits(serial: int) -> None:
    with pytest.raises(ValueError, match="eight digits"):
        tracking.make_number(serial)


# ---------------------------------------------------------------------------------------------- plates, portraits


@pytest.mark.parametrize(
    ("kind", "typed", "number"),
    [
        ("02", "浙B12345", "浙B12345"),  # small car
        ("02", "浙b·1 2a45", "浙B12A45"),  # as printed, with a dot
        ("01", "浙B1234学", "浙B1234学"),  # driving school
        ("15", "浙B1234挂", "浙B1234挂"),  # trailer
        ("52", "浙BD12345", "浙BD12345"),  # small electric
        ("52", "浙BFA1234", "浙BFA1234"),  # small hybrid with a letter in second place
        ("52", "浙BK12345", "浙BK12345"),  # letters added later
        ("51", "浙B12345D", "浙B12345D"),  # large electric
        ("52", "浙BD1234", None),  # one lost
        ("02", "浙BD12345", None),  # electric plate under the ordinary kind
        ("52", "浙B12345", None),  # ordinary plate under the electric kind
        ("52", "浙BG1234A", None),  # letter among the last four
        ("52", "浙BL12345", None),  # L is no letter of new energy
        ("01", "浙B1234挂", None),  # trailer under another kind
        ("02", "浙B1234O", None),  # the letter O
        ("02", "淅B12345", None),  # a character that looks like 浙
        ("99", "浙B12345", None),  # no such kind
        ("02", "", None),  # nothing
    ],
)
def test_plates_agree_with_their_kind(kind: str, typed: str, number: str | None) -> None:
    if number is None:
        with pytest.raises(RuleError, match="号牌"):
            parse_plate(kind, typed)
    else:
        assert parse_plate(kind, typed).key == f"{kind}-{number}"
