"""Tencent Cloud SMS (v20210111): send, ask what became of it, and read the reports that are pushed to us.

Tencent has no idempotency either, and can hardly be asked: what it lists are carriers' reports, in which our reference
(``SessionContext``) stands only where Tencent has switched that on for the account. A report that is there settles a
message; one that is missing says nothing. A lost answer is therefore never followed by the same message again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from citizen_services.clock import protocol_now
from citizen_services.exchange.breaker import Breaker
from citizen_services.exchange.http import Caller, Reply, new_ref
from citizen_services.exchange.outcomes import Outcome, OutsideError, Refused, settle
from citizen_services.exchange.sms import ACCOUNT_REST_S, BadReport, Confirmation, SmsReport, entries_of, moment, trials
from citizen_services.exchange.sms_tencent_codes import kind_of, may_have_been_sent, wait_s
from citizen_services.settings import Partner

log = logging.getLogger(__name__)

ALGORITHM = "TC3-HMAC-SHA256"
VERSION = "2021-01-11"
REGION = "ap-guangzhou"
_SERVICE = "sms"
_CONTENT_TYPE = "application/json"
#: Reports are kept for so long, and listed from a little before the message went.
_LISTED = timedelta(days=7)
_BEFORE = timedelta(seconds=60)


def authorization(
    key_id: str, secret: str, service: str, host: str, content_type: str, at: datetime, body: bytes
) -> str:
    """The Authorization header of a POST to ``/``, by 《签名方法 v3》 (TC3-HMAC-SHA256)."""
    timestamp, day = str(int(at.timestamp())), at.astimezone(UTC).strftime("%Y-%m-%d")
    signed = "content-type;host"
    lines = f"content-type:{content_type}\nhost:{host}\n"
    canonical = "\n".join(("POST", "/", "", lines, signed, hashlib.sha256(body).hexdigest()))
    scope = f"{day}/{service}/tc3_request"
    to_sign = "\n".join((ALGORITHM, timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"TC3{secret}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    made = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={made}"


class SmsTencent:
    """Client of Tencent's SMS. Safe for threads."""

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
        """Send one message; ``values`` in the order in which they stand in the template. Accepted gives the SerialNo.

        After Unknown it is not sent again: see ``confirm``.
        """
        fields = {
            "PhoneNumberSet": [_international(phone)],
            "SmsSdkAppId": self._partner["sdk_app_id"],
            "SignName": self._partner["sign_name"],
            "TemplateId": self._templates.get(f"sms_tencent:{template}", template),
            "TemplateParamSet": list(values.values()),
            "SessionContext": ref,
        }
        return settle(lambda: self._send(fields, ref))

    def _send(self, fields: Mapping[str, Any], ref: str) -> str:
        answer, reply = self._call("SendSms", fields, ref)
        statuses = answer.get("SendStatusSet")
        if not isinstance(statuses, list) or len(statuses) != 1 or not isinstance(statuses[0], dict):
            raise reply.uncertain("no status of the one message")
        code = statuses[0].get("Code")
        if not isinstance(code, str):
            raise reply.uncertain("a status without a Code")
        if code != "Ok":
            self._refuse("SendSms", code, statuses[0].get("Message"), reply)
        return str(statuses[0].get("SerialNo") or "")

    def confirm(self, ref: str, phone: str, sent_at: datetime, taken_as: str | None = None) -> Confirmation:
        """What the carrier has reported of a message: by our reference where reports bear it, or by Tencent's name.

        Never ``not_found``: a message of which nothing was reported may still have gone.
        """
        begin = max(sent_at - _BEFORE, protocol_now() - _LISTED)
        fields = {
            "BeginTime": int(begin.timestamp()),
            "Offset": 0,
            "Limit": 100,
            "PhoneNumber": _international(phone),
            "SmsSdkAppId": self._partner["sdk_app_id"],
        }
        try:
            answer, _ = self._call("PullSmsSendStatusByPhoneNumber", fields, new_ref())
        except OutsideError as error:
            log.warning("ref=%s can't be confirmed: %s", ref, error)
            return Confirmation("cannot_tell")
        listed = answer.get("PullSmsSendStatusSet")
        for status in listed if isinstance(listed, list) else ():
            if not isinstance(status, dict) or status.get("ReportStatus") not in ("SUCCESS", "FAIL"):
                continue
            serial = str(status.get("SerialNo") or "")
            if status.get("SessionContext") == ref or (taken_as and serial == taken_as):
                delivered = status["ReportStatus"] == "SUCCESS"
                return Confirmation("accepted", delivered, str(status.get("Description") or ""), serial)
        return Confirmation("accepted") if taken_as else Confirmation("cannot_tell")

    def _call(self, action: str, fields: Mapping[str, Any], ref: str) -> tuple[Mapping[str, Any], Reply]:
        """The ``Response`` of an answer that is no error. Refusals come as HTTP 200."""
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
        at = protocol_now()
        host = urlsplit(self._partner.base_url).netloc
        reply = self._caller.send(
            "POST",
            f"{self._partner.base_url}/",
            operation=action,
            ref=ref,
            body=body,
            headers={
                "Content-Type": _CONTENT_TYPE,
                "Host": host,
                "X-TC-Action": action,
                "X-TC-Version": VERSION,
                "X-TC-Timestamp": str(int(at.timestamp())),
                "X-TC-Region": REGION,
                "Authorization": authorization(
                    self._partner["secret_id"], self._partner["secret_key"], _SERVICE, host, _CONTENT_TYPE, at, body
                ),
            },
        )
        answer = reply.json().get("Response")
        if not isinstance(answer, dict):
            raise reply.uncertain(f"HTTP {reply.status} without a Response")
        error = answer.get("Error")
        if error is not None:
            code = error.get("Code") if isinstance(error, dict) else None
            if not isinstance(code, str):
                raise reply.uncertain("an Error without a Code")
            self._refuse(action, code, error.get("Message"), reply)
        if reply.status != 200:
            raise reply.uncertain(f"HTTP {reply.status}")
        return answer, reply

    def _refuse(self, action: str, code: str, words: Any, reply: Reply) -> None:
        if may_have_been_sent(code):
            raise reply.uncertain(code)
        kind = kind_of(code)
        if kind is None:
            log.error("%s %s: code %s has not been sorted yet", self._partner.name, action, code)
        said = words if isinstance(words, str) else ""
        raise Refused(self._partner.name, action, code, kind or "never", said, wait_s(code, protocol_now()))


def _international(phone: str) -> str:
    """A mainland number in the form of E.164."""
    return phone if phone.startswith("+") else f"+86{phone}"


def parse_reports(body: bytes) -> list[SmsReport]:
    """The entries of a pushed status callback (382/59178), a JSON array. Raises BadReport; nothing proves who sent."""
    return [_report(entry) for entry in entries_of(body)]


def _report(entry: Mapping[str, Any]) -> SmsReport:
    texts = {name: entry.get(name) for name in ("ext", "sid", "mobile", "errmsg")}
    status = entry.get("report_status")
    readable = all(value is None or isinstance(value, str) for value in texts.values())
    if status not in ("SUCCESS", "FAIL") or not readable:
        raise BadReport("an entry is not as described")
    if not texts["mobile"] or not texts["sid"]:
        raise BadReport("an entry names no message")
    return SmsReport(
        out_id=texts["ext"] or "",
        biz_id=texts["sid"],
        phone=texts["mobile"],
        delivered=status == "SUCCESS",
        err_code=texts["errmsg"] or "",
        reported_at=moment(entry.get("user_receive_time")),
    )
