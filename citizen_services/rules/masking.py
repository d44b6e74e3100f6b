"""What of a person's data may be seen without a reason: on pages by mask, in log lines by `scrub`."""

import re

_HIDDEN = "***"
_SHOWN_OF_ID = (4, 4)

# Steps from province to community, each optional; none contains a digit, so that a house number passes for no name.
_DIVISIONS = re.compile(
    r"(?:[^\d\s]{2,8}?(?:省|自治区|特别行政区))?"
    r"(?:[^\d\s]{1,9}?(?:市|自治州|地区|盟))?"
    r"(?:[^\d\s]{1,12}?(?:[^\d\s社小]区|县|市|旗))?"
    r"(?:[^\d\s]{1,12}?(?:街道|镇|乡|苏木))?"
    r"(?:[^\d\s路街号弄巷幢栋楼室]{1,14}?(?:社区|村委会|居委会|村))?"
)

# Parameters that carry a secret or something to be redeemed for one, in query strings, JSON and settings. `code` counts
# as OAuth's and SMS's only where a value is assigned to exactly that name: logs are there to show errcode, status_code.
_SECRET = re.compile(
    r"""(?P<name>
        (?i:\b\w*(?:secret|token|password|passwd|signature|ticket|api_?key)|\bsession)["']?\s*(?:[=:]|%3[Dd])\s*["']?
        |(?:\b|%3[Ff]|%26)code(?:["']\s*:\s*["']|=|%3[Dd])
    )[^\s&"',;<>)\]}]+""",
    re.VERBOSE,
)
_BEARER = re.compile(r"(?P<kind>\b(?:Bearer|Basic))\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
#: The secret part of a partner's door, which is all the proof that Aliyun's receipts carry.
_DOOR = re.compile(r"(?P<door>/receipts/[a-z_]+/)[A-Za-z0-9_~.-]{8,}")
_URL_PASSWORD = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+@")

# Where a number may begin: not within a longer one, but behind the digits of an escape (%22 is a quotation mark).
_START = r"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{2}))"
_BIRTH = r"(?:18|19|20)\d{2}[ -]?(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_ID_NUMBER = re.compile(rf"{_START}[1-9]\d{{5}}[ -]?{_BIRTH}[ -]?\d{{3}}[\dXxＸｘ](?!\d)")
_PHONE = re.compile(_START + r"(?:(?:00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")


def mask_id(number: str) -> str:
    """`3302**********012X`: an identity number keeps its first four and last four characters."""
    first, last = _SHOWN_OF_ID
    if len(number) <= first + last:
        return "*" * len(number)
    return number[:first] + "*" * (len(number) - first - last) + number[-last:]


def mask_phone(number: str) -> str:
    """`138****1234`."""
    if len(number) < 8:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 7) + number[-4:]


def mask_name(name: str) -> str:
    """`王*明`, `陈*`, `阿***提`: first and last character; at most three stars, so that long names don't stand out."""
    if len(name) < 2:
        return "*" * len(name)
    if len(name) == 2:
        return name[0] + "*"
    return name[0] + "*" * min(len(name) - 2, 3) + name[-1]


def mask_address(address: str) -> str:
    """Keep an address down to district, street and community; road, house and room become `***`."""
    found = _DIVISIONS.match(address)
    known = found[0] if found else ""
    return known if known == address else known + _HIDDEN


def scrub(text: str) -> str:
    """A log line without identity numbers, mobile phones, secrets, tokens and passwords; safe to apply twice.

    The last net, not the rule: names and addresses can't be recognised, and must not be logged in the first place.
    """
    text = _URL_PASSWORD.sub(rf"\g<scheme>{_HIDDEN}@", text)
    text = _DOOR.sub(rf"\g<door>{_HIDDEN}", text)
    text = _BEARER.sub(rf"\g<kind> {_HIDDEN}", text)
    text = _SECRET.sub(rf"\g<name>{_HIDDEN}", text)
    text = _ID_NUMBER.sub("[身份证号]", text)
    return _PHONE.sub("[手机号]", text)
