"""QR codes with scenes, and the ticket that signs pages.

Imitates 《生成带参数的二维码》 (action names, at most 30 days or 100,000 for good, scene strings of 1 to 64 characters)
and 《JS-SDK 说明》, 附录1 (jsapi_ticket: 7200 s, the same one until its last minutes). What WeChat does with more than
30 days is not documented; here it is refused.
"""

from __future__ import annotations

import secrets
from typing import Any

from citizen_services.sandbox.wechat_tokens import random_token
from citizen_services.sandbox.world import World

LONGEST_S = 2_592_000
UNSAID_S = 60
LASTING = 100_000
TICKET_S = 7200
OVERLAP_S = 300
#: Whether it lasts for good, and the field that bears the scene.
_ACTIONS = {
    "QR_SCENE": (False, "scene_id"),
    "QR_STR_SCENE": (False, "scene_str"),
    "QR_LIMIT_SCENE": (True, "scene_id"),
    "QR_LIMIT_STR_SCENE": (True, "scene_str"),
}

Fault = tuple[int, str]


class Scenes:
    """The account's codes. Callers hold the state's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state

    def create(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        """`qrcode/create`: the ticket and the address in the picture, or an errcode."""
        action = _ACTIONS.get(str(body.get("action_name")))
        if action is None:
            return 40052, "invalid action name"
        lasting, field = action
        scene = self._scene(body.get("action_info"), field, lasting=lasting)
        lasts_s = body.get("expire_seconds", UNSAID_S)
        fits = lasting or (type(lasts_s) is int and 1 <= lasts_s <= LONGEST_S)
        if scene is None or not fits:
            return 40053, "invalid action info"
        if lasting:
            known = self._state.get("qr_lasting", scene)
            if known is None and self._state.next_number("qr_lasting") > LASTING:
                return 40053, "invalid action info"
        ticket = f"gQ{random_token(94)}=="
        until = None if lasting else self._world.now() + lasts_s
        self._state.put("qr_tickets", ticket, {"scene": scene, "until": until})
        if lasting:
            self._state.put("qr_lasting", scene, ticket)
        answer: dict[str, Any] = {"ticket": ticket, "url": f"http://weixin.qq.com/q/{random_token(22)}"}
        return answer if lasting else answer | {"expire_seconds": lasts_s}

    @staticmethod
    def _scene(info: Any, field: str, *, lasting: bool) -> str | None:
        told = info.get("scene") if isinstance(info, dict) else None
        value = told.get(field) if isinstance(told, dict) else None
        if field == "scene_str":
            return value if isinstance(value, str) and 1 <= len(value) <= 64 else None
        most = 100_000 if lasting else 2**32 - 1
        return str(value) if type(value) is int and 1 <= value <= most else None

    def scanned(self, ticket: str) -> str:
        """The scene of a code that somebody scans; ValueError for one that is none, or is over."""
        row = self._state.get("qr_tickets", ticket)
        if row is None:
            raise ValueError("no code has that ticket")
        if row["until"] is not None and row["until"] <= self._world.now():
            raise ValueError("the code is over: WeChat shows 二维码已过期 and pushes nothing")
        return str(row["scene"])

    def page_ticket(self, kind: str) -> dict[str, Any] | Fault:
        """`ticket/getticket`: the same one until its last five minutes."""
        if kind not in ("jsapi", "wx_card"):
            return 40097, "invalid args"
        now = self._world.now()
        row = self._state.get("page_tickets", kind)
        if row is None or row["until"] - now < OVERLAP_S:
            row = {"ticket": f"sM4AOVdWfPE4DxkXGEs8{secrets.token_hex(33)}", "until": now + TICKET_S}
            self._state.put("page_tickets", kind, row)
        return {"errcode": 0, "errmsg": "ok", "ticket": row["ticket"], "expires_in": int(row["until"] - now)}
