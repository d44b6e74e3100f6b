"""Administrative divisions (GB/T 2260) as far as the rules ask for them: provinces, and the districts of Ningbo.

Who counts as a migrant (流动人口) decides who may hold a residence permit: 浙江省流动人口居住登记条例 art. 2 says
"left the county (or county-level city), or the urban area of the prefecture city, of the household registration".
The districts of one city form one urban area, so a person registered in 海曙区 who lives in 奉化区 is no migrant, while
one registered in 余姚市 is. That reading is to be confirmed by the bureau.
"""

import re
from collections.abc import Collection

from .errors import RuleError

FENGHUA = "330213"

PROVINCES: dict[str, str] = {
    "11": "北京市",
    "12": "天津市",
    "13": "河北省",
    "14": "山西省",
    "15": "内蒙古自治区",
    "21": "辽宁省",
    "22": "吉林省",
    "23": "黑龙江省",
    "31": "上海市",
    "32": "江苏省",
    "33": "浙江省",
    "34": "安徽省",
    "35": "福建省",
    "36": "江西省",
    "37": "山东省",
    "41": "河南省",
    "42": "湖北省",
    "43": "湖南省",
    "44": "广东省",
    "45": "广西壮族自治区",
    "46": "海南省",
    "50": "重庆市",
    "51": "四川省",
    "52": "贵州省",
    "53": "云南省",
    "54": "西藏自治区",
    "61": "陕西省",
    "62": "甘肃省",
    "63": "青海省",
    "64": "宁夏回族自治区",
    "65": "新疆维吾尔自治区",
    "71": "台湾省",
    "81": "香港特别行政区",
    "82": "澳门特别行政区",
    "83": "台湾省",  # first digits of the residence permits for people from Taiwan
}

NINGBO: dict[str, str] = {
    "330203": "海曙区",
    "330205": "江北区",
    "330206": "北仑区",
    "330211": "镇海区",
    "330212": "鄞州区",
    "330213": "奉化区",
    "330225": "象山县",
    "330226": "宁海县",
    "330281": "余姚市",
    "330282": "慈溪市",
}

# Codes of 2016 and before that registers and papers still show, and the division that took the place over.
ABOLISHED: dict[str, str] = {"330204": "330212", "330283": "330213"}

# The urban area (市区) of Ningbo: its districts, and 330201, the collective code that some registers give for them.
NINGBO_CITY_AREA = frozenset({"330201", "330203", "330205", "330206", "330211", "330212", "330213"})

# Their residents register under other rules (条例 art. 38), whatever the code says.
_OTHER_RULES = frozenset({"71", "81", "82", "83"})


def normalise_division(code: str) -> str:
    """Return the six digits of the present division for a code of six or more digits (twelve in statistics).

    Raises `RuleError` for what is no code of a county or district: an unknown province, or a code of a whole
    city or province, from which the migrant test cannot be decided.
    """
    if not re.fullmatch(r"[0-9]{6}(?:[0-9]{3}|[0-9]{6})?", code) or code[:2] not in PROVINCES:
        raise RuleError("户籍所在地的行政区划代码有误，请到窗口或联系民警核对户籍信息。")
    if code[4:6] == "00":
        raise RuleError("户籍信息只到市一级，无法判断是否属于流动人口，请联系民警核对户籍所在的县（市、区）。")
    return ABOLISHED.get(code[:6], code[:6])


def is_migrant(hukou_code: str, district: str = FENGHUA, area: Collection[str] = NINGBO_CITY_AREA) -> bool:
    """Whether a person registered at `hukou_code` and living in `district` is a migrant (条例 art. 2).

    `area` are the divisions of one urban area.

    `hukou_code` comes from the population register, never from the identity number.
    """
    home, here = normalise_division(hukou_code), normalise_division(district)
    if home[:2] in _OTHER_RULES:
        raise RuleError("港澳台居民的居住证按另外的规定办理，请携带证件到行政服务中心咨询。")
    if home in area and here in area:
        return False
    return home != here
