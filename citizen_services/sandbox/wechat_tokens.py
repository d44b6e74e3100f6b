"""access_token in its two isolated families, `token` and `stable_token`.

Imitates 《获取 Access token》 and 《获取稳定版接口调用凭据》 (service/api/base/api_getaccesstoken,
api_getstableaccesstoken): a new classic token leaves its predecessor alive for 5 minutes; the stable one stays the
same until its last 5 minutes; `force_refresh` kills the old one at once, 20 times a day and at least 30 s apart. The
families don't touch each other.
"""

from __future__ import annotations

import secrets
import string
from typing import Any

from citizen_services.sandbox.world import World

LIFETIME_S = 7200
OVERLAP_S = 300
CLASSIC_PER_DAY = 2000
FORCED_PER_DAY = 20
FORCED_APART_S = 30
TABLE = "wechat_tokens"
#: Calls a day of a new account (service/…/API_Call_Limits).
QUOTAS = {
    "message/template/send": 100_000,
    "message/custom/send": 500_000,
    "message/subscribe/bizsend": 1_000_000,
    "menu/create": 1000,
    "menu/get": 10_000,
    "menu/delete": 1000,
    "menu/addconditional": 2000,
    "menu/delconditional": 2000,
    "menu/trymatch": 20_000,
    "tags/create": 1000,
    "tags/get": 1000,
    "tags/members/batchtagging": 1_000_000,
    "tags/members/batchuntagging": 1_000_000,
    "user/info": 5_000_000,
    "qrcode/create": 100_000,
    "ticket/getticket": 1_000_000,
}

_LETTERS = string.ascii_letters + string.digits + "-_"


def random_token(length: int) -> str:
    """Return a token of that length."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


class Tokens:
    """The tokens in force. Callers hold the state's lock.

    A family's row is `{current, until, previous, previous_until}`; a token that is no longer in a row is unknown.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state

    def _row(self, family: str) -> dict[str, Any]:
        return dict(self._state.get(TABLE, family) or {"current": "", "until": 0, "previous": "", "previous_until": 0})

    def _renew(self, family: str, *, keep_old: bool) -> dict[str, Any]:
        old, now = self._row(family), self._world.now()
        row = {"current": f"{len(family)}_{random_token(134)}", "until": now + LIFETIME_S}
        if keep_old:
            row |= {"previous": old["current"], "previous_until": min(old["until"], now + OVERLAP_S)}
        else:
            row |= {"previous": "", "previous_until": 0}
        self._state.put(TABLE, family, row)
        return row

    def classic(self) -> dict[str, Any]:
        """`cgi-bin/token`: always a new one; None of the quota left gives 45009."""
        if not self.spend("token", CLASSIC_PER_DAY):
            return {"errcode": 45009, "errmsg": "reach max api daily quota limit"}
        return {"access_token": self._renew("token", keep_old=True)["current"], "expires_in": LIFETIME_S}

    def stable(self, *, force: bool) -> dict[str, Any]:
        """`cgi-bin/stable_token`: the same one until its last 5 minutes, or a forced new one."""
        now = self._world.now()
        row = self._row("stable_token")
        if force:
            last = float(self._state.get(TABLE, "forced_at") or 0)
            if now - last >= FORCED_APART_S:
                if not self.spend("force_refresh", FORCED_PER_DAY):
                    return {"errcode": 45009, "errmsg": "reach max api daily quota limit"}
                self._state.put(TABLE, "forced_at", now)
                row = self._renew("stable_token", keep_old=False)
        elif row["until"] - now < OVERLAP_S:
            row = self._renew("stable_token", keep_old=True)
        return {"access_token": row["current"], "expires_in": max(OVERLAP_S, int(row["until"] - now))}

    def error(self, token: str) -> tuple[int, str] | None:
        """Return why a call with this token is refused, or None."""
        if not token:
            return 41001, "access_token missing"
        now = self._world.now()
        for family in ("token", "stable_token"):
            row = self._row(family)
            for name in ("current", "previous"):
                if row[name] and secrets.compare_digest(row[name], token):
                    return (
                        None
                        if now < row["until" if name == "current" else "previous_until"]
                        else (
                            42001,
                            "access_token expired",
                        )
                    )
        return 40001, "invalid credential, access_token is invalid or not latest"

    def expire(self, token: str) -> None:
        """Let a token die before its time (planted fault); its family hands out a new one at the next call."""
        for family in ("token", "stable_token"):
            row = self._row(family)
            if token in (row["current"], row["previous"]):
                past = self._world.now() - 1
                self._state.put(TABLE, family, row | {"until": past, "previous_until": past})

    def spend(self, what: str, per_day: int) -> bool:
        """Count one call against a daily quota (days in Asia/Shanghai); False once it is used up."""
        day = int((self._world.now() + 8 * 3600) // 86400)
        used = self._state.get("wechat_quota", what) or [day, 0]
        count = used[1] + 1 if used[0] == day else 1
        if count > per_day:
            return False
        self._state.put("wechat_quota", what, [day, count])
        return True
