"""Who is a migrant in Fenghua: left the county, or the urban area of the city, of the household registration."""

import pytest

from citizen_services.rules.divisions import FENGHUA, NINGBO, NINGBO_CITY_AREA, is_migrant
from citizen_services.rules.errors import RuleError


@pytest.mark.parametrize(
    ("hukou", "migrant"),
    [
        ("330213", False),  # 奉化区 itself
        ("330203", False),  # 海曙区: the same urban area
        ("330205", False),  # 江北区
        ("330206", False),  # 北仑区
        ("330211", False),  # 镇海区
        ("330212", False),  # 鄞州区
        ("330204", False),  # 江东区, dissolved into 鄞州区 in 2016
        ("330283", False),  # 奉化市, the same place before 2016
        ("330225", True),  # 象山县: a county of the same city
        ("330226", True),  # 宁海县
        ("330281", True),  # 余姚市
        ("330282", True),  # 慈溪市
        ("330106", True),  # 杭州市西湖区: a district, but of another city
        ("522427", True),  # 贵州省威宁县
        ("330213001000", False),  # twelve digits, as statistics write it
    ],
)
def test_who_counts_as_a_migrant_in_fenghua(hukou: str, migrant: bool) -> None:
    assert is_migrant(hukou, FENGHUA) is migrant


def test_in_a_county_its_own_people_only_are_no_migrants() -> None:
    assert not is_migrant("330281", "330281")
    assert is_migrant("330213", "330281")
    assert is_migrant("330282", "330281")


@pytest.mark.parametrize(
    ("hukou", "hint"),
    [
        ("", "代码有误"),  # the register gave none
        ("33021", "代码有误"),  # cut off
        ("３３０２１３", "代码有误"),  # full width: no register writes that
        ("990213", "代码有误"),  # no such province
        ("330200", "只到市一级"),  # the whole city: 余姚 or 海曙?
        ("520000", "只到市一级"),  # the whole province
        ("810000", "只到市一级"),  # Hong Kong as a whole
        ("810001", "港澳台"),  # under other rules
    ],
)
def test_what_decides_nothing_is_not_guessed(hukou: str, hint: str) -> None:
    with pytest.raises(RuleError, match=hint):
        is_migrant(hukou)


def test_the_urban_area_consists_of_the_districts() -> None:
    assert {code for code, name in NINGBO.items() if name.endswith("区")} == NINGBO_CITY_AREA - {"330201"}
