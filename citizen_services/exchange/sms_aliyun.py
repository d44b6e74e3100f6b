"""Aliyun SMS (Dysmsapi 2017-05-25): send, ask what became of it, and read the reports that are pushed to us.

Aliyun has no idempotency: the same request twice is two messages. Our reference goes along as ``OutId`` and comes back
in reports and in QuerySendDetails, which is how a lost answer is settled. All parameters stand in the query string,
phones too, so that addresses of these requests must not be logged anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from citizen_services.clock import SHANGHAI, protocol_now
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.http import Caller, Reply, new_ref
from citizen_services.exchange.outcomes import Outcome, OutsideError, Refused, settle
from citizen_services.exchange.sms import ACCOUNT_REST_S, BadReport, Confirmation, SmsReport, entries_of, moment, trials
from citizen_services.exchange.sms_codes import kind_of, may_have_been_sent, wait_s
from citizen_services.settings import Partner

log = logging.getLogger(__name__)

ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2017-05-25"
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_PAGE_SIZE = 50
#: More messages to one number and day than any limit of Aliyun's lets through.
_MOST_PAGES = 10
#: So near midnight either day may be the one that Aliyun filed a message under.
_MIDNIGHT = timedelta(minutes=10)


def canonical_query(params: Mapping[str, str]) -> str:
    """The query string, sorted and encoded by RFC 3986, as it is both signed and sent."""
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(params.items()))


def authorization(key_id: str, secret: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The Authorization header of a POST without a body; ``headers`` are those to sign, in lower case.

    By 《V3版本请求体&签名机制》 (ACS3-HMAC-SHA256).
    """
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    canonical = "\n".join(("POST", path, query, lines, ";".join(names), headers["x-acs-content-sha256"]))
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={';'.join(names)},Signature={signature}"


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


class SmsAliyun:
    """Client of Aliyun's SMS. Safe for threads."""

    def __init__(self, partner: Partner, templates: Mapping[str, str], caller: Caller | None = None) -> None:
        self._partner = partner
        self._templates = templates
        self._caller = caller or Caller(partner.name)
        self.account = Breaker(threshold=1, rest_s=ACCOUNT_REST_S)
        self.trials = trials()

    @property
    def failing(self) -> bool:
        """Whether it failed again and again, and has not answered since."""
        return self._caller.failing

    @property
    def left_alone(self) -> bool:
        """Whether it is not called for a while, since it kept failing."""
        return self._caller.left_alone

    def send(self, ref: str, phone: str, template: str, values: Mapping[str, str]) -> Outcome:
        """Send one message; ``template`` is its key, ``values`` its variables. Accepted gives the BizId.

        After Unknown ask ``confirm``; sending again may be a second message.
        """
        params = {
            "PhoneNumbers": phone,
            "SignName": self._partner["sign_name"],
            "TemplateCode": self._templates.get(f"sms:{template}", template),
            "TemplateParam": json.dumps(dict(values), ensure_ascii=False),
            "OutId": ref,
        }
        return settle(lambda: str(self._call("SendSms", params, ref).get("BizId") or ""))

    def confirm(self, ref: str, phone: str, sent_at: datetime, taken_as: str | None = None) -> Confirmation:
        """What became of a reference sent at ``sent_at`` (machine time). A record may take seconds to appear.

        Records show our reference alone: ``taken_as`` is of no use here.
        """
        try:
            for day in _days_around(sent_at):
                detail = self._find(ref, phone, day)
                if detail is not None:
                    status = str(detail.get("SendStatus"))
                    delivered = {"2": False, "3": True}.get(status)
                    return Confirmation("accepted", delivered, str(detail.get("ErrCode") or ""))
        except OutsideError as error:
            log.warning("ref=%s can't be confirmed: %s", ref, error)
            return Confirmation("cannot_tell")
        return Confirmation("not_found")

    def _find(self, ref: str, phone: str, day: date) -> Mapping[str, Any] | None:
        params = {"PhoneNumber": phone, "SendDate": day.strftime("%Y%m%d"), "PageSize": str(_PAGE_SIZE)}
        for page in range(1, _MOST_PAGES + 1):
            answer = self._call("QuerySendDetails", params | {"CurrentPage": str(page)}, new_ref())
            listed = answer.get("SmsSendDetailDTOs")
            details = listed.get("SmsSendDetailDTO") if isinstance(listed, dict) else None
            for detail in details or ():
                if isinstance(detail, dict) and detail.get("OutId") == ref:
                    return detail
            if not details or len(details) < _PAGE_SIZE:
                return None
        return None

    def _call(self, action: str, params: Mapping[str, str], ref: str) -> dict[str, Any]:
        address = urlsplit(self._partner.base_url)
        path, query = f"{address.path}/", canonical_query(params)
        signed = {
            "host": address.netloc,
            "x-acs-action": action,
            "x-acs-version": VERSION,
            "x-acs-date": protocol_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": _EMPTY_SHA256,
        }
        key_id, secret = self._partner["access_key_id"], self._partner["access_key_secret"]
        reply = self._caller.send(
            "POST",
            f"{self._partner.base_url}/?{query}",
            operation=action,
            ref=ref,
            headers=signed | {"Authorization": authorization(key_id, secret, path, query, signed)},
        )
        return self._taken(action, reply)

    def _taken(self, action: str, reply: Reply) -> dict[str, Any]:
        """The answer if it says OK. A refusal comes as HTTP 200 with another Code, or as HTTP 4xx."""
        answer = reply.json()
        code = answer.get("Code")
        if code == "OK" and reply.status == 200:
            return answer
        if not isinstance(code, str) or code == "OK":
            raise reply.uncertain(f"HTTP {reply.status} without a Code")
        if may_have_been_sent(code):
            raise reply.uncertain(code)
        words = str(answer.get("Message") or "")
        kind = kind_of(code)
        if kind is None:
            log.error("%s %s: code %s has not been sorted yet", self._partner.name, action, code)
        raise Refused(self._partner.name, action, code, kind or "never", words, wait_s(code, words, protocol_now()))


def parse_reports(body: bytes) -> list[SmsReport]:
    """The entries of a pushed SmsReport (a JSON array). Raises BadReport; nothing proves who sent it."""
    return [_report(entry) for entry in entries_of(body)]


def _report(entry: Mapping[str, Any]) -> SmsReport:
    texts = {name: entry.get(name) for name in ("out_id", "biz_id", "phone_number", "err_code")}
    success = entry.get("success")
    if not isinstance(success, bool) or not all(value is None or isinstance(value, str) for value in texts.values()):
        raise BadReport("an entry is not as described")
    if not texts["phone_number"] or not (texts["out_id"] or texts["biz_id"]):
        raise BadReport("an entry names no message")
    return SmsReport(
        out_id=texts["out_id"] or "",
        biz_id=texts["biz_id"] or "",
        phone=texts["phone_number"],
        delivered=success,
        err_code=texts["err_code"] or "",
        reported_at=moment(entry.get("report_time")),
    )


def _days_around(moment: datetime) -> list[date]:
    local = moment.astimezone(SHANGHAI)
    days = [(local + shift).date() for shift in (timedelta(0), _MIDNIGHT, -_MIDNIGHT)]
    return list(dict.fromkeys(days))
