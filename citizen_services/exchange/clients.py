"""One process's clients of the outside systems, by partner name: each pools its connections and has its own breaker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Engine

from citizen_services.exchange.addresses import Addresses
from citizen_services.exchange.ems import Ems
from citizen_services.exchange.http import Caller
from citizen_services.exchange.market import Market
from citizen_services.exchange.migrants import Migrants
from citizen_services.exchange.one_window import OneWindow
from citizen_services.exchange.outcomes import Refused
from citizen_services.exchange.payments import PaymentPartner
from citizen_services.exchange.platform import Platform
from citizen_services.exchange.population import Population
from citizen_services.exchange.schools import Schools
from citizen_services.exchange.sms_aliyun import SmsAliyun
from citizen_services.exchange.sms_tencent import SmsTencent
from citizen_services.exchange.social_insurance import SocialInsurance
from citizen_services.exchange.traffic import (
    Insurance,
    Licences,
    Medical,
    PurchaseTax,
    Vehicles,
    VehicleTax,
    Violations,
)
from citizen_services.exchange.wechat_api import WeChatApi
from citizen_services.exchange.wechat_oauth import WeChatOAuth
from citizen_services.exchange.wechat_pay import WeChatPayClient
from citizen_services.exchange.wechat_token import SharedToken
from citizen_services.parts import parts
from citizen_services.settings import Partner, Settings

T = TypeVar("T")


def partner_clients(settings: Settings, engine: Engine) -> Mapping[str, Any]:
    """A client for each partner that is configured; ``engine`` is where the shared access token lies."""
    known = settings.partners
    makers: dict[str, Callable[[Partner], Any]] = {
        "population": Population,
        "migrants": Migrants,
        "addresses": Addresses,
        "social_insurance": SocialInsurance,
        "market": Market,
        "schools": Schools,
        "one_window": OneWindow,
        "vehicles": Vehicles,
        "licences": Licences,
        "violations": Violations,
        "insurance": Insurance,
        "vehicle_tax": VehicleTax,
        "purchase_tax": PurchaseTax,
        "medical": Medical,
        "platform": Platform,
        "sms_aliyun": lambda partner: SmsAliyun(partner, settings.templates),
        "sms_tencent": lambda partner: SmsTencent(partner, settings.templates),
        "ems": Ems,
        "wechat_api": lambda partner: _wechat_api(partner, settings, engine),
    }
    made = {name: make(known[name]) for name, make in makers.items() if name in known}
    if "wechat_pay" in known:
        token = known["wechat_pay"]["receipt_token"]
        notify_url = f"{settings.public_base_url}/receipts/wechat_pay/{token}"
        made["wechat_pay"] = WeChatPayClient(known["wechat_pay"], settings.wechat.app_id, notify_url)
    if "wechat_oauth" in known and "wechat_api" in known:
        made["wechat_oauth"] = WeChatOAuth(known["wechat_oauth"], known["wechat_api"], settings.wechat)
    return made


def _wechat_api(partner: Partner, settings: Settings, engine: Engine) -> WeChatApi:
    caller = Caller(partner.name)
    token = SharedToken(partner, settings.wechat, caller, engine)
    return WeChatApi(partner, settings.wechat, settings.templates, caller, token)


def _client(name: str, kind: type[T]) -> T:
    found = parts().clients.get(name)
    if not isinstance(found, kind):
        raise Refused(name, "any", "not_configured", "operator")
    return found


def population() -> Population:
    """The population register's client; Refused (operator) where it isn't configured, as with all below."""
    return _client("population", Population)


def migrants() -> Migrants:
    """The client of the province's register of migrants."""
    return _client("migrants", Migrants)


def addresses() -> Addresses:
    """The standard addresses' client."""
    return _client("addresses", Addresses)


def social_insurance() -> SocialInsurance:
    """The social insurance's client."""
    return _client("social_insurance", SocialInsurance)


def market() -> Market:
    """The client of the register of market entities."""
    return _client("market", Market)


def schools() -> Schools:
    """The school rolls' client."""
    return _client("schools", Schools)


def one_window() -> OneWindow:
    """The client of the province's one-window platform."""
    return _client("one_window", OneWindow)


def vehicles() -> Vehicles:
    """The client of the register of vehicles."""
    return _client("vehicles", Vehicles)


def licences() -> Licences:
    """The client of the register of driving licences."""
    return _client("licences", Licences)


def violations() -> Violations:
    """The client of the records of violations and accidents."""
    return _client("violations", Violations)


def insurance() -> Insurance:
    """The client of the compulsory insurance."""
    return _client("insurance", Insurance)


def vehicle_tax() -> VehicleTax:
    """The vehicle tax's client."""
    return _client("vehicle_tax", VehicleTax)


def purchase_tax() -> PurchaseTax:
    """The purchase tax's client."""
    return _client("purchase_tax", PurchaseTax)


def medical() -> Medical:
    """The client of the drivers' medical certificates."""
    return _client("medical", Medical)


def platform() -> Platform:
    """The client of the national platform of traffic administration."""
    return _client("platform", Platform)


def ems() -> Ems:
    """China Post's client."""
    return _client("ems", Ems)


def wechat_api() -> WeChatApi:
    """The official account's client."""
    return _client("wechat_api", WeChatApi)


def wechat_pay() -> PaymentPartner:
    """The payment partner's client, as its port is."""
    return _client("wechat_pay", WeChatPayClient)


def wechat_oauth() -> WeChatOAuth:
    """The web authorisation's client."""
    return _client("wechat_oauth", WeChatOAuth)
