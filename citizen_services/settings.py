"""Settings: everything that an installation may choose, read once from the environment and checked as a whole.

Outside production the file ``$VAR_DIR/settings.env`` (written by ``make run``, mode 0600) lies beneath the
environment, so that a command typed in a terminal finds the running installation. In production only the environment
counts.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ENVIRONMENTS = ("development", "test", "production")
WECHAT_MODES = ("plain", "compatible", "safe")

#: Every outside system, by the prefix of its settings, with the credentials that stand beside its ``_BASE_URL``.
PARTNERS: Mapping[str, tuple[str, ...]] = {
    "WECHAT_API": (),
    "WECHAT_OAUTH": (),
    "EMS": ("SENDER_NO", "AUTHORIZATION", "SIGN_KEY", "RECEIPT_TOKEN"),
    "POPULATION": ("APP_ID", "APP_KEY"),
    "MIGRANTS": ("APP_ID", "APP_KEY"),
    "ADDRESSES": ("APP_ID", "APP_KEY"),
    "SOCIAL_INSURANCE": ("APP_ID", "APP_KEY"),
    "MARKET": ("APP_ID", "APP_KEY"),
    "SCHOOLS": ("APP_ID", "APP_KEY"),
}
#: One of them is needed, whichever; with both, the other one sends what the first did not take.
SMS_GATEWAYS: Mapping[str, tuple[str, ...]] = {
    "SMS_ALIYUN": ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SIGN_NAME", "RECEIPT_TOKEN"),
    "SMS_TENCENT": ("SECRET_ID", "SECRET_KEY", "SDK_APP_ID", "SIGN_NAME", "RECEIPT_TOKEN"),
}
#: The traffic office's: where there is none, none of them has an address.
TRAFFIC_PARTNERS: Mapping[str, tuple[str, ...]] = {
    "VEHICLES": ("APP_ID", "APP_KEY"),
    "LICENCES": ("APP_ID", "APP_KEY"),
    "VIOLATIONS": ("APP_ID", "APP_KEY"),
    "INSURANCE": ("APP_ID", "APP_KEY"),
    "VEHICLE_TAX": ("APP_ID", "APP_KEY"),
    "PURCHASE_TAX": ("APP_ID", "APP_KEY"),
    "MEDICAL": ("APP_ID", "APP_KEY"),
    "PLATFORM": ("APP_ID", "APP_KEY", "RECEIPT_TOKEN"),
}
#: Systems that an installation may do without: what would go there is not made where no address is set.
OPTIONAL_PARTNERS: Mapping[str, tuple[str, ...]] = {
    "ONE_WINDOW": ("APP_ID", "APP_KEY"),
    **TRAFFIC_PARTNERS,
    "WECHAT_PAY": (
        "MERCHANT_NO", "SERIAL_NO", "PRIVATE_KEY", "API_V3_KEY", "PUBLIC_KEY", "PUBLIC_KEY_ID", "RECEIPT_TOKEN",
    ),
    **SMS_GATEWAYS,
}  # fmt: skip
ALL_PARTNERS: Mapping[str, tuple[str, ...]] = {**PARTNERS, **OPTIONAL_PARTNERS}

#: The urban area of Ningbo: its districts, and 330201, the collective code that some registers give for them.
_CITY_AREA = "330201,330203,330205,330206,330211,330212,330213"
_LOOPBACK = re.compile(r"^(localhost|127\.|0\.0\.0\.0|\[?::1)", re.IGNORECASE)
_SECRETS = ("SECRET_KEY", "DATA_KEYS", "LOOKUP_KEYS", "AUDIT_KEY", "METRICS_TOKEN", "WECHAT_APP_SECRET", "WECHAT_TOKEN")
#: Tokens of WeChat's are 3–32 letters and digits by its own rule; every other secret has at least this many characters.
_SHORTEST_SECRET = 32
#: What a secret says that was copied from a manual instead of drawn.
_DEFAULT = re.compile(
    r"change.?me|replace.?me|default|example|placeholder|password|insecure|develop|secret", re.IGNORECASE
)


#: Keys of a pair are made, not typed, and long enough to hold any word by chance.
_KEY_PAIRS = ("_PAY_PRIVATE_KEY", "_PAY_PUBLIC_KEY")


class SettingsError(Exception):
    """The settings can't be used; ``causes`` names every fault, so that all can be mended at once."""

    def __init__(self, causes: list[str]) -> None:
        super().__init__("the settings can't be used:\n" + "\n".join(f"  - {cause}" for cause in causes))
        self.causes = causes


@dataclass(frozen=True)
class Partner:
    """How one outside system is reached: ``name`` in lower case (``sms_aliyun``), its base address, its credentials."""

    name: str
    base_url: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __getitem__(self, credential: str) -> str:
        """The credential of that name (lower case: ``sign_key``); KeyError names it where it isn't set."""
        return self.credentials[credential]


@dataclass(frozen=True)
class WeChat:
    """The official account: ids, secrets, and the one message mode that the push door accepts."""

    app_id: str
    app_secret: str = field(repr=False)
    token: str = field(repr=False)
    mode: str
    encoding_aes_key: str = field(repr=False)
    encoding_aes_key_previous: str = field(repr=False)


@dataclass(frozen=True)
class ObjectStore:
    """An S3 service that keeps photos instead of the disk: its address, bucket, region and keys."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """One installation's choices. Keys are lists, newest first; times are seconds."""

    environment: str
    var_dir: Path
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    data_keys: tuple[str, ...] = field(repr=False)
    lookup_keys: tuple[str, ...] = field(repr=False)
    audit_key: str = field(repr=False)
    metrics_token: str = field(repr=False)
    public_base_url: str
    #: The district that is served (GB/T 2260).
    district: str
    #: What people call the province, the city and the district, and the divisions that form one urban area (市区) with
    #: the district: who moves within it is no migrant.
    province_name: str
    city_name: str
    district_name: str
    city_area: frozenset[str]
    #: What every page is headed with, and where its help line sends people: a telephone and a counter.
    bureau: str
    help_phone: str
    help_counter: str
    #: Whom refusals name: the organ of reconsideration (行政复议) and the court.
    reconsideration_organ: str
    court: str
    #: How many working days a person has to answer a correction, and at least from when they hear of it.
    correction_days: int
    correction_grace_days: int
    #: What a residence permit's years are counted from, and how many months before a full one it may be endorsed.
    permit_years_from: str
    endorsement_window_months: int
    #: In how many days the registers are asked once about each permit, whether a fact has ended it.
    permit_check_days: int
    #: Within how many working days a bad rating is put right.
    rectification_days: int
    #: How often a day one member of the staff may look for a reason: names and defaults in _DAILY_LOOKS.
    daily_looks: Mapping[str, int]
    #: What must be known climbs to the next rung after so many minutes without a receipt of WeChat's, of the SMS
    #: gateway's, and after so many days on the list of people to call.
    tell_wechat_wait_minutes: int
    tell_sms_wait_minutes: int
    tell_call_days: int
    #: How many letters a document is sent in before somebody brings it.
    letter_tries: int
    #: From which hour of a working day on staff are told what is stuck.
    staff_digest_hour: int
    #: Which SMS gateway has the first try, where both are configured; and how long a variable may be at Tencent's:
    #: six characters unless the account was given more.
    sms_first: str
    sms_tencent_variable: int
    #: Who pays the courier of a result: ``bureau`` (its contract) or ``recipient`` (到付).
    postage: str
    #: Whoever has one of these roles must log in with a second factor.
    second_factor_roles: frozenset[str]
    trusted_proxies: int
    clock_offset_s: int
    wechat: WeChat
    partners: Mapping[str, Partner]
    #: Partners' ids of our message templates: ``{"wechat:<key>": id, "sms:<key>": code, "sms_tencent:<key>": id}``; one
    #: not named goes by its key.
    templates: Mapping[str, str]
    #: Where photos are kept; None = on the disk, below ``var_dir``.
    object_store: ObjectStore | None = None

    @property
    def sms_gateways(self) -> tuple[str, ...]:
        """The SMS gateways that are configured, the first one first."""
        order = ("sms_aliyun", "sms_tencent") if self.sms_first == "aliyun" else ("sms_tencent", "sms_aliyun")
        return tuple(name for name in order if name in self.partners)

    @property
    def production(self) -> bool:
        """Whether real people are served: no demo data, no moved clock, no stand-ins."""
        return self.environment == "production"

    def partner(self, name: str) -> Partner:
        """The outside system of that lower-case name; KeyError for one that isn't configured."""
        return self.partners[name]

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment (and, outside production, the file beneath it) and check the whole.

        Raises SettingsError with every cause.
        """
        given = dict(os.environ if environ is None else environ)
        name = given.get("APP_ENV", "development")
        if name not in ENVIRONMENTS:
            raise SettingsError([f"APP_ENV is {name!r}; it must be one of {', '.join(ENVIRONMENTS)}"])
        var_dir = Path(given.get("VAR_DIR") or "var").absolute()
        if name != "production":
            given = read_env_file(var_dir / "settings.env") | given
        causes: list[str] = []
        settings = cls(
            environment=name,
            var_dir=var_dir,
            database_url=_sqlalchemy_url(given.get("DATABASE_URL", "")),
            redis_url=given.get("REDIS_URL", ""),
            secret_key=given.get("SECRET_KEY", ""),
            data_keys=_keys(given.get("DATA_KEYS", "")),
            lookup_keys=_keys(given.get("LOOKUP_KEYS", "")),
            audit_key=given.get("AUDIT_KEY", ""),
            metrics_token=given.get("METRICS_TOKEN", ""),
            public_base_url=given.get("PUBLIC_BASE_URL", "").rstrip("/"),
            district=given.get("DISTRICT") or "330213",
            province_name=given.get("PROVINCE_NAME") or "浙江省",
            city_name=given.get("CITY_NAME") or "宁波市",
            district_name=given.get("DISTRICT_NAME") or "奉化区",
            city_area=frozenset(_keys(given.get("CITY_AREA") or _CITY_AREA)),
            bureau=given.get("BUREAU") or "宁波市公安局奉化分局",
            # The government's service line of every Chinese city.
            help_phone=given.get("HELP_PHONE") or "12345",
            help_counter=given.get("HELP_COUNTER") or "区行政服务中心公安窗口",
            reconsideration_organ=given.get("RECONSIDERATION_ORGAN") or "宁波市奉化区人民政府",
            court=given.get("COURT") or "宁波市奉化区人民法院",
            correction_days=max(1, _whole_number(given, "CORRECTION_DAYS", causes) or 10),
            correction_grace_days=max(1, _whole_number(given, "CORRECTION_GRACE_DAYS", causes) or 3),
            permit_years_from=_one_of(given, "PERMIT_YEARS_FROM", ("issue", "residence"), causes),
            endorsement_window_months=max(1, _whole_number(given, "ENDORSEMENT_WINDOW_MONTHS", causes) or 1),
            permit_check_days=max(1, _whole_number(given, "PERMIT_CHECK_DAYS", causes) or 30),
            rectification_days=max(1, _whole_number(given, "RECTIFICATION_DAYS", causes) or 5),
            daily_looks=_daily_looks(given.get("DAILY_LOOKS", ""), causes),
            tell_wechat_wait_minutes=max(1, _whole_number(given, "TELL_WECHAT_WAIT_MINUTES", causes) or 30),
            tell_sms_wait_minutes=max(1, _whole_number(given, "TELL_SMS_WAIT_MINUTES", causes) or 1440),
            tell_call_days=max(1, _whole_number(given, "TELL_CALL_DAYS", causes) or 3),
            letter_tries=max(1, _whole_number(given, "LETTER_TRIES", causes) or 2),
            staff_digest_hour=min(22, max(1, _whole_number(given, "STAFF_DIGEST_HOUR", causes) or 8)),
            sms_first=_one_of(given, "SMS_FIRST", ("aliyun", "tencent"), causes),
            sms_tencent_variable=max(1, _whole_number(given, "SMS_TENCENT_VARIABLE", causes) or 6),
            postage=_one_of(given, "POSTAGE", ("bureau", "recipient"), causes),
            second_factor_roles=frozenset(_keys(given.get("SECOND_FACTOR_ROLES", ""))),
            trusted_proxies=_whole_number(given, "TRUSTED_PROXIES", causes),
            clock_offset_s=_whole_number(given, "CLOCK_OFFSET_S", causes),
            wechat=WeChat(
                app_id=given.get("WECHAT_APP_ID", ""),
                app_secret=given.get("WECHAT_APP_SECRET", ""),
                token=given.get("WECHAT_TOKEN", ""),
                mode=given.get("WECHAT_MODE") or "safe",
                encoding_aes_key=given.get("WECHAT_ENCODING_AES_KEY", ""),
                encoding_aes_key_previous=given.get("WECHAT_ENCODING_AES_KEY_PREVIOUS", ""),
            ),
            partners={
                prefix.lower(): Partner(
                    prefix.lower(),
                    given[f"{prefix}_BASE_URL"].rstrip("/"),
                    {key.lower(): given.get(f"{prefix}_{key}", "") for key in credentials},
                )
                for prefix, credentials in ALL_PARTNERS.items()
                if given.get(f"{prefix}_BASE_URL")
            },
            templates=_templates(given.get("CHANNEL_TEMPLATES", ""), causes),
            object_store=_object_store(given, causes, production=name == "production"),
        )
        causes += _faults(settings)
        if settings.production:
            causes += _production_faults(settings, given)
        if causes:
            raise SettingsError(causes)
        return settings


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...], causes: list[str]) -> str:
    """The value of a setting that has few; the first of them where it is not set."""
    value = given.get(name) or allowed[0]
    if value not in allowed:
        causes.append(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
    return value


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines of a file, none where it is missing; no quoting, ``#`` begins a comment line."""
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#") and "=" in line)


def _faults(settings: Settings) -> list[str]:
    causes = [
        f"{name} is missing"
        for name, value in (
            ("DATABASE_URL", settings.database_url),
            ("REDIS_URL", settings.redis_url),
            ("SECRET_KEY", settings.secret_key),
            ("DATA_KEYS", settings.data_keys),
            ("LOOKUP_KEYS", settings.lookup_keys),
            ("AUDIT_KEY", settings.audit_key),
            ("PUBLIC_BASE_URL", settings.public_base_url),
        )
        if not value
    ]
    wechat = settings.wechat
    if wechat.mode not in WECHAT_MODES:
        causes.append(f"WECHAT_MODE is {wechat.mode!r}; it must be one of {', '.join(WECHAT_MODES)}")
    # An empty token would make everybody's signature right: sha1 of nothing is known to all.
    if not re.fullmatch(r"[A-Za-z0-9]{3,32}", wechat.token):
        causes.append("WECHAT_TOKEN must be 3 to 32 letters and digits")
    if wechat.mode != "plain" and not re.fullmatch(r"[A-Za-z0-9]{43}", wechat.encoding_aes_key):
        causes.append("WECHAT_ENCODING_AES_KEY must be 43 letters and digits")
    # Messages of payments are opened by it: AES-256.
    if "wechat_pay" in settings.partners and len(settings.partners["wechat_pay"]["api_v3_key"]) != 32:
        causes.append("WECHAT_PAY_API_V3_KEY must be 32 characters")
    if wechat.encoding_aes_key_previous and not re.fullmatch(r"[A-Za-z0-9]{43}", wechat.encoding_aes_key_previous):
        causes.append("WECHAT_ENCODING_AES_KEY_PREVIOUS must be 43 letters and digits, or absent")
    return causes


def _production_faults(settings: Settings, given: Mapping[str, str]) -> list[str]:
    causes = []
    seen: dict[str, str] = {}
    values = [(name, value) for name in _SECRETS for value in (_keys(given.get(name, "")) or ("",))]
    values += [
        (f"{prefix}_{key}", given.get(f"{prefix}_{key}", ""))
        for prefix, credentials in ALL_PARTNERS.items()
        for key in credentials
        if prefix.lower() in settings.partners
    ]
    public = ("WECHAT_TOKEN", "_ID", "_NO", "_NAME", "WECHAT_APP_SECRET", "_SECRET", "_KEY", "_AUTHORIZATION")
    for name, value in values:
        if not value:
            causes.append(f"{name} is missing")
            continue
        ours = not name.endswith(public) or name in ("SECRET_KEY", "AUDIT_KEY")
        if ours and len(value) < _SHORTEST_SECRET:
            causes.append(f"{name} is shorter than {_SHORTEST_SECRET} characters")
        # An app id of Tencent's is a short number.
        drawn = not name.endswith(("_NO", "_NAME", "_SDK_APP_ID"))
        if drawn and (len(set(value)) < 6 or value in (value + value)[1:-1]):
            causes.append(f"{name} is too simple to be a secret")
        elif drawn and not name.endswith(("_ID", *_KEY_PAIRS)) and _DEFAULT.search(value):
            causes.append(f"{name} is a default, not a secret of this installation's own")
        if value in seen and not name.endswith(("_ID", "_NO", "_NAME")):
            causes.append(f"{name} repeats the value of {seen[value]}")
        seen.setdefault(value, name)
    if settings.wechat.mode == "plain":
        causes.append("WECHAT_MODE=plain leaves the bodies of pushes unauthenticated")
    if not settings.sms_gateways:
        causes.append("no SMS gateway: set SMS_ALIYUN_BASE_URL or SMS_TENCENT_BASE_URL, with what belongs to it")
    if settings.clock_offset_s:
        causes.append("CLOCK_OFFSET_S moves business time")
    if given.get("FLASK_DEBUG", "0") not in ("", "0"):
        causes.append("FLASK_DEBUG is on")
    address = urlsplit(settings.public_base_url)
    if address.scheme != "https" or _LOOPBACK.match(address.hostname or ""):
        causes.append("PUBLIC_BASE_URL must be a public https address")
    for prefix in ALL_PARTNERS:
        partner = settings.partners.get(prefix.lower())
        if partner is None:
            if prefix in PARTNERS:
                causes.append(f"{prefix}_BASE_URL is missing")
        elif urlsplit(partner.base_url).scheme != "https" or _LOOPBACK.match(urlsplit(partner.base_url).hostname or ""):
            causes.append(f"{prefix}_BASE_URL must be the partner's https address, not a stand-in")
    return causes


def _whole_number(given: Mapping[str, str], name: str, causes: list[str]) -> int:
    try:
        return int(given.get(name) or 0)
    except ValueError:
        causes.append(f"{name} must be a whole number")
        return 0


#: Looks for a reason a day: a case opened elsewhere, a search by person, a value unmasked, an export.
_DAILY_LOOKS = {"opened": 50, "searched": 200, "unmasked": 200, "exported": 20}


def _daily_looks(value: str, causes: list[str]) -> dict[str, int]:
    """``opened=50,searched=200``: what isn't named keeps its default."""
    looks = dict(_DAILY_LOOKS)
    for part in _keys(value):
        name, _, number = part.partition("=")
        if name.strip() not in looks or not number.strip().isdigit() or int(number) < 1:
            causes.append(f"DAILY_LOOKS: {part!r} is no kind of look with a number, as in opened=50")
            continue
        looks[name.strip()] = int(number)
    return looks


def _templates(value: str, causes: list[str]) -> dict[str, str]:
    try:
        templates = json.loads(value or "{}")
    except ValueError:
        templates = None
    if not isinstance(templates, dict) or not all(isinstance(v, str) for v in templates.values()):
        causes.append('CHANNEL_TEMPLATES must be a JSON object such as {"sms:login_code": "SMS_123"}')
        return {}
    return templates


def _object_store(given: Mapping[str, str], causes: list[str], *, production: bool) -> ObjectStore | None:
    kind = given.get("MATERIALS_STORE") or "disk"
    if kind == "disk":
        return None
    if kind != "s3":
        causes.append(f"MATERIALS_STORE is {kind!r}; it must be disk or s3")
        return None
    place = ObjectStore(
        endpoint_url=given.get("S3_ENDPOINT_URL", ""),
        bucket=given.get("S3_BUCKET", ""),
        region=given.get("S3_REGION") or "us-east-1",
        access_key=given.get("S3_ACCESS_KEY", ""),
        secret_key=given.get("S3_SECRET_KEY", ""),
    )
    address = urlsplit(place.endpoint_url)
    if address.scheme not in ("http", "https") or not address.netloc or address.path.strip("/"):
        causes.append("S3_ENDPOINT_URL must be the address of the service, without a path")
    elif production and address.scheme != "https":
        causes.append("S3_ENDPOINT_URL must be https")
    needed = {"S3_BUCKET": place.bucket, "S3_ACCESS_KEY": place.access_key, "S3_SECRET_KEY": place.secret_key}
    causes += [f"{setting} is missing" for setting, value in needed.items() if not value]
    return place


def _keys(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _sqlalchemy_url(url: str) -> str:
    """The address with our driver named: operators write ``postgresql://`` as every other tool does."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
