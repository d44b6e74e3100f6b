"""Conditional menus and the tags that they are shown by.

Imitates 《个性化菜单接口》 (a rule names a tag and nothing else, a menu for everybody must be there, the newest rule
that fits wins, at most three domains in links) and 《用户标签管理》 (100 tags, names of at most 30 bytes, 20 tags a
follower, 50 followers a call). Whether leaving the account takes tags away is not documented; here it does, which is
the harder case.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from citizen_services.sandbox.wechat_values import menu_error
from citizen_services.sandbox.world import World

TAGS, NAME_BYTES, TAGS_EACH, AT_ONCE, DOMAINS = 100, 30, 20, 50, 3
#: Conditions that were taken away, and are refused since.
_GONE = ("sex", "country", "province", "city", "language", "group_id")

Fault = tuple[int, str]


class Menus:
    """The account's tags and conditional menus. Callers hold the state's lock."""

    def __init__(self, world: World) -> None:
        self._state = world.state

    def add(self, body: Any) -> dict[str, Any] | Fault:
        """`menu/addconditional`."""
        error = menu_error(body)
        if error:
            return error
        rule = body.get("matchrule")
        if not isinstance(rule, dict) or not rule:
            return 65301, "no such conditional menu rule"
        if any(rule.get(name) for name in _GONE):
            return 65320, "this matchrule field is no longer supported"
        tag = self._state.get("tags", str(rule.get("tag_id")))
        if tag is None:
            return 65305, "matchrule is empty or invalid"
        if self._state.get("menu", "menu") is None:
            return 65303, "there is no self menu, create it first"
        if len(_domains(body["button"])) > DOMAINS:
            return 65316, "too many external domains"
        menu_id = str(self._state.next_number("conditional_menu"))
        self._state.put("conditional_menus", menu_id, {"button": body["button"], "matchrule": rule})
        return {"menuid": menu_id}

    def remove(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        """`menu/delconditional`."""
        menu_id = str(body.get("menuid"))
        if self._state.get("conditional_menus", menu_id) is None:
            return 65301, "no such conditional menu"
        self._state.delete("conditional_menus", menu_id)
        return {"errcode": 0, "errmsg": "ok"}

    def all(self) -> list[dict[str, Any]]:
        """As `menu/get` tells them."""
        found = self._state.rows("conditional_menus")
        return [{**found[menu_id], "menuid": int(menu_id)} for menu_id in sorted(found, key=int)]

    def remove_all(self) -> None:
        """`menu/delete` takes these away too."""
        for menu_id in list(self._state.rows("conditional_menus")):
            self._state.delete("conditional_menus", menu_id)

    def shown_to(self, openid: str) -> list[dict[str, Any]]:
        """The buttons that somebody is shown: the newest menu of their newest tag, else everybody's."""
        row = self._state.get("followers", openid) or {}
        for tag_id in reversed(row.get("tags", [])):
            for menu in reversed(self.all()):
                if str(menu["matchrule"].get("tag_id")) == str(tag_id):
                    return list(menu["button"])
        return list((self._state.get("menu", "menu") or {}).get("button", []))

    def match(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        """`menu/trymatch`."""
        openid = str(body.get("user_id"))
        if self._state.get("followers", openid) is None:
            return 65309, "user_id is not a follower"
        return {"menu": {"button": self.shown_to(openid)}}

    def create_tag(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        """`tags/create`."""
        told = body.get("tag")
        name = told.get("name") if isinstance(told, dict) else None
        if not isinstance(name, str) or not 1 <= len(name.encode()) <= NAME_BYTES:
            return 45158, "tag name length too long"
        rows = self._state.rows("tags")
        if any(row["name"] == name for row in rows.values()):
            return 45157, "invalid tag name"
        if len(rows) >= TAGS:
            return 45056, "too many tag now, no need to add new"
        # The first hundred are WeChat's own (星标组).
        tag_id = 99 + self._state.next_number("tag")
        self._state.put("tags", str(tag_id), {"name": name})
        return {"tag": {"id": tag_id, "name": name}}

    def tags(self) -> dict[str, Any]:
        """`tags/get`."""
        rows, followers = self._state.rows("tags"), self._state.rows("followers").values()
        return {
            "tags": [
                {
                    "id": int(id_),
                    "name": row["name"],
                    "count": sum(int(id_) in one.get("tags", []) for one in followers),
                }
                for id_, row in rows.items()
            ]
        }

    def put_tag(self, body: dict[str, Any], *, on: bool) -> dict[str, Any] | Fault:
        """`tags/members/batchtagging` and `batchuntagging`: all of them or none."""
        openids, tag_id = body.get("openid_list"), body.get("tagid")
        if not isinstance(openids, list) or not 1 <= len(openids) <= AT_ONCE:
            return 40032, "invalid openid list size"
        if type(tag_id) is not int or self._state.get("tags", str(tag_id)) is None:
            return 45159, "invalid tag id"
        rows: dict[str, dict[str, Any]] = {}
        for openid in openids:
            row = self._state.get("followers", openid) if isinstance(openid, str) else None
            if row is None:
                return 40003, "invalid openid"
            if not row["subscribed"]:
                return 43004, "require subscribe"
            tags = [one for one in row.get("tags", []) if one != tag_id]
            if on and len(tags) >= TAGS_EACH:
                return 45059, "too many tags for user"
            rows[openid] = dict(row) | {"tags": [*tags, tag_id] if on else tags}
        for openid, row in rows.items():
            self._state.put("followers", openid, row)
        return {"errcode": 0, "errmsg": "ok"}


def _domains(buttons: list[dict[str, Any]]) -> set[str]:
    below = [one for button in buttons for one in (button, *button.get("sub_button", []))]
    return {urlsplit(one["url"]).hostname or "" for one in below if one.get("url")}
