"""Showing an electronic permit to another office: a signed name of it that is good for a few minutes.

It says nothing about anybody: whoever scans it asks us what the permit is at that moment. Signed by the installation's
own key, on the machine's time.
"""

from __future__ import annotations

from uuid import UUID

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from citizen_services.parts import parts

#: How long a shown code is good for: a walk to the counter's scanner, no longer than a picture of it is of use.
GOOD_FOR_S = 300


class NotOurs(Exception):
    """No code of ours, or an altered one."""


class TooOld(Exception):
    """A code that was shown too long ago."""


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(parts().settings.secret_key, salt="permit-shown")


def shown_code(permit_id: UUID) -> str:
    """A code for a permit, to be put into an address; another one each second."""
    return str(_signer().dumps(permit_id.hex))


def permit_shown(code: str) -> UUID:
    """The id of the permit that a code was made for; raises NotOurs or TooOld."""
    try:
        return UUID(_signer().loads(code, max_age=GOOD_FOR_S))
    except SignatureExpired as fault:
        raise TooOld from fault
    except (BadSignature, ValueError) as fault:
        raise NotOurs from fault
