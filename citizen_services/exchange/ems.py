"""China Post's interface for contract customers (EMS): orders, cancelling, labels, tracking, and the pushed events.

By 《中小电商企业接口规范 V2.7》 as its public clients show it; its text needs a login. One address, the operation is
``apiCode``; the content is encrypted with SM4-ECB under the contract's key, which is all the authentication there is.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.padding import PKCS7

from citizen_services.clock import SHANGHAI, protocol_now
from citizen_services.exchange.http import WORK, Caller, Patience, Reply, new_ref
from citizen_services.exchange.outcomes import Outcome, Refused, settle
from citizen_services.exchange.pushed import load_pushed
from citizen_services.rules.errors import RuleError
from citizen_services.rules.tracking import check_tracking
from citizen_services.settings import Partner

log = logging.getLogger(__name__)
T = TypeVar("T")

_SUCCESS = "00000"
_PREFIX = "|$4|"
_LABEL_LIMIT = 8 * 1024 * 1024
_MOBILE = re.compile(r"1[3-9][0-9]{9}")


class BadPush(ValueError):
    """A pushed body is not one of China Post's under our key; the text never contains any of it."""


@dataclass(frozen=True)
class Contact:
    """A sender or receiver; ``province``, ``city``, ``county`` by their full names."""

    name: str
    phone: str
    province: str
    city: str
    county: str
    address: str
    postcode: str = ""


@dataclass(frozen=True)
class ParcelToOrder:
    """A parcel: from whom to whom, what is in it, the label's note, who pays. Collected at the sender's."""

    sender: Contact
    receiver: Contact
    contents: str
    note: str = ""
    weight_g: int = 50
    receiver_pays: bool = False


@dataclass(frozen=True)
class TrackEvent:
    """One event of a parcel; ``description`` is the courier's words (may name people). Codes: ems_codes.py."""

    tracking: str
    order_ref: str | None
    op_code: str
    op_time: datetime
    deliver_code: str | None
    attempt_code: str | None
    name: str
    description: str


@dataclass(frozen=True)
class Push:
    """A pushed event with the serial number that the answer must repeat."""

    serial: str
    event: TrackEvent


def seal(content: str, sign_key: str) -> str:
    """Encrypt a JSON text as China Post wants it: with the key's own text behind it."""
    padder = PKCS7(128).padder()
    padded = padder.update((content + sign_key).encode()) + padder.finalize()
    encryptor = _cipher(sign_key).encryptor()
    return _PREFIX + base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def unseal(sealed: str, sign_key: str) -> str:
    """Decrypt to the JSON text; the key's text behind it, which pushes may lack, is taken off. Raises BadPush."""
    try:
        raw = base64.b64decode(sealed.removeprefix(_PREFIX), validate=True)
        decryptor = _cipher(sign_key).decryptor()
        unpadder = PKCS7(128).unpadder()
        plain = unpadder.update(decryptor.update(raw) + decryptor.finalize()) + unpadder.finalize()
        return plain.decode().removesuffix(sign_key)
    except (binascii.Error, ValueError):
        raise BadPush("it does not open under our key") from None


def _cipher(sign_key: str) -> Cipher[ECB]:
    return Cipher(SM4(base64.b64decode(sign_key)), ECB())  # noqa: S305  # the partner's format, not our choice


class Ems:
    """Client of China Post's interface. Safe for threads."""

    def __init__(self, partner: Partner, caller: Caller | None = None) -> None:
        self._partner = partner
        self._caller = caller or Caller(partner.name)

    def order(self, ref: str, parcel: ParcelToOrder) -> Outcome:
        """Order a parcel under our reference (at most 49 characters). Accepted gives the tracking number.

        What a repeated reference does is not documented: the same number, a refusal, or a second number, which must
        then be cancelled.
        """
        sender_no = self._partner["sender_no"]
        order = {
            "createdTime": _stamp(),
            "ecommerceUserId": ref,
            "logisticsOrderNo": ref,
            "senderNo": sender_no,
            "contentsAttribute": "1",
            "bizProductNo": "1",
            "weight": str(parcel.weight_g),
            "insuranceFlag": "1",
            "deliverType": "2",
            "pickupType": "1",
            "paymentMode": "2" if parcel.receiver_pays else "1",
            "codFlag": "9",
            "receiptFlag": "1",
            "note": parcel.note,
            "sender": _contact(parcel.sender),
            "receiver": _contact(parcel.receiver),
            "cargos": [{"cargoName": parcel.contents}],
        }
        return settle(lambda: self._call("020003", [order], ref, _waybill))

    def cancel(self, ref: str, tracking: str, reason: str) -> Outcome:
        """Cancel an order before its collection; ``ref`` is the order's. Accepted repeats the tracking number."""
        content = {"logisticsOrderNo": ref, "waybillNo": tracking, "cancelReason": reason}
        return settle(lambda: self._call("020006", content, ref, lambda body: tracking))

    def track(self, tracking: str, *, patience: Patience = WORK) -> list[TrackEvent]:
        """All events of a parcel, with the codes of delivery. Raises OutsideError."""

        def read(body: str) -> list[TrackEvent]:
            items = _object(body).get("responseItems") or []
            if not isinstance(items, list):
                raise ValueError("responseItems")
            return [_event(item) for item in items]

        return self._call("040001", {"waybillNo": tracking, "direction": "0"}, new_ref(), read, patience=patience)

    def label(self, tracking: str) -> bytes:
        """The label to print, 100 × 179 mm, as PDF. Raises OutsideError."""
        content = {"waybillNo": tracking, "type": "179", "getURL": "0", "isReturn": "0"}

        def read(body: str) -> bytes:
            pdf = base64.b64decode(body.strip().strip('"'), validate=True)
            if not pdf.startswith(b"%PDF"):
                raise ValueError("no PDF")
            return pdf

        return self._call("010004", content, new_ref(), read, limit=_LABEL_LIMIT)

    def parse_push(self, body: bytes) -> Push:
        """The event that China Post pushes (040002), from a JSON or a form body. Raises BadPush.

        It proves little: whoever once saw one can send it again. Nothing may be handed out on it alone.
        """
        try:
            text = body.decode()
            fields = load_pushed(text) if text.lstrip().startswith("{") else dict(parse_qsl(text))
        except ValueError:
            raise BadPush("neither JSON nor a form") from None
        sealed, serial = fields.get("logitcsInterface"), fields.get("serialNo")
        if not isinstance(sealed, str) or not isinstance(serial, str) or fields.get("method") != "040002":
            raise BadPush("it is not a 040002")
        try:
            return Push(serial, _event(load_pushed(unseal(sealed, self._partner["sign_key"]))))
        except BadPush:
            raise
        except ValueError:
            raise BadPush("its event is not as described") from None

    def push_answer(self, serial: str, *, taken: bool) -> dict[str, str]:
        """What to answer to a push: that we have it, or that it should come again."""
        code = _SUCCESS if taken else "S00001"
        return {"serialNo": serial, "code": code, "codeMessage": "", "senderNo": self._partner["sender_no"]}

    def _call(
        self,
        api_code: str,
        content: Any,
        ref: str,
        read: Callable[[str], T],
        *,
        patience: Patience = WORK,
        limit: int = 1024 * 1024,
    ) -> T:
        sealed = seal(json.dumps(content, ensure_ascii=False), self._partner["sign_key"])
        form = {
            "apiCode": api_code,
            "senderNo": self._partner["sender_no"],
            "authorization": self._partner["authorization"],
            "timeStamp": _stamp(),
            "msgType": "0",
            "version": "V1.0.0",
            "logitcsInterface": sealed,
        }
        reply = self._caller.send(
            "POST",
            self._partner.base_url,
            operation=api_code,
            ref=ref,
            patience=patience,
            limit=limit,
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        )
        return self._understood(reply, read)

    def _understood(self, reply: Reply, read: Callable[[str], T]) -> T:
        answer = reply.json()
        code = answer.get("retCode")
        if not isinstance(code, str) or not code:
            raise reply.uncertain(f"HTTP {reply.status} without a retCode")
        if code != _SUCCESS:
            # No refusal's code is public: none can be sorted, and each should be looked at.
            log.error("%s %s: refused with retCode %s", reply.partner, reply.operation, code)
            raise Refused(reply.partner, reply.operation, code, "never", str(answer.get("retMsg") or ""))
        value: T | None = None
        try:
            value = read(str(answer.get("retBody") or ""))
        except (ValueError, RecursionError):
            value = None
        if value is None:
            raise reply.uncertain("its retBody is not as described")
        return value


def _contact(contact: Contact) -> dict[str, str]:
    phone = "mobile" if _MOBILE.fullmatch(contact.phone) else "phone"
    return {
        "name": contact.name,
        "postCode": contact.postcode,
        phone: contact.phone,
        "prov": contact.province,
        "city": contact.city,
        "county": contact.county,
        "address": contact.address,
    }


def _waybill(body: str) -> str:
    number = str(_object(body).get("waybillNo") or "")
    try:
        return check_tracking(number).number
    except RuleError:
        raise ValueError("waybillNo") from None


def _object(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def _event(item: Any) -> TrackEvent:
    """One event as 040001 and 040002 give it; ValueError where it isn't one."""
    if not isinstance(item, dict):
        raise ValueError("not an object")
    tracking, code = str(item.get("waybillNo") or ""), str(item.get("opCode") or "")
    if not tracking or not re.fullmatch(r"[0-9A-Za-z_]{1,10}", code):
        raise ValueError("waybillNo or opCode")
    at = datetime.strptime(str(item.get("opTime")), "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    return TrackEvent(
        tracking=tracking,
        order_ref=_text(item, "orderNo"),
        op_code=code,
        op_time=at,
        deliver_code=_text(item, "deliverCode"),
        attempt_code=_text(item, "attemptDeliveryCode"),
        name=_text(item, "opName") or "",
        description=_text(item, "opDesc") or "",
    )


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    return str(value) if value not in (None, "") else None


def _stamp() -> str:
    return protocol_now().astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
