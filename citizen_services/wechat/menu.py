"""The menus under the conversation, as data, and their publishing: one for everybody, one for whoever is bound.

Limits from WeChat's 《自定义菜单创建接口》: 1–3 buttons of at most 16 bytes, each with at most 5 below it of at
most 60 bytes, keys of at most 128 bytes, addresses of at most 1024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.wechat_api import WeChatApi
from citizen_services.parts import parts
from citizen_services.rules.text import clip_bytes
from citizen_services.wechat.conversation import CLICKS

_BUTTONS, _BELOW = 3, 5
_NAME_BYTES, _NAME_BELOW_BYTES, _KEY_BYTES, _URL_BYTES = 16, 60, 128, 1024
#: The tag of followers who are bound to a person, as WeChat's own console shows it.
BOUND = "已绑定本人"


class MenuRefused(Exception):
    """The menu breaks WeChat's limits; ``faults`` name each place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("the menu is refused:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Button:
    """A button: it opens a page of ours (``path``), says something (``key``), or opens what lies below it."""

    name: str
    path: str = ""
    key: str = ""
    below: tuple[Button, ...] = ()


def declared() -> tuple[Button, ...]:
    """The menu of everybody: what can be done online, what needs no binding, and the way to bind."""
    return (
        _services(),
        Button(
            "查询核验",
            below=(
                Button("核对文书", path="/h5/verify"),
                Button("查进度", key="progress"),
            ),
        ),
        Button(
            "绑定帮助",
            below=(
                Button("身份绑定", path="/h5/bind"),
                Button("人工服务", key="human"),
                Button("帮助", key="help"),
            ),
        ),
    )


def declared_for_bound() -> tuple[Button, ...]:
    """The menu of followers who are bound: their cases, permit and choices stand in place of the way to bind."""
    return (
        _services(),
        Button(
            "我的",
            below=(
                Button("查进度", key="progress"),
                Button("我的办件", path="/h5/"),
                Button("电子居住证", path="/h5/permit"),
                Button("通知方式", path="/h5/telling"),
                Button("我的信息", path="/h5/me"),
            ),
        ),
        Button(
            "更多服务",
            below=(
                Button("核对文书", path="/h5/verify"),
                Button("身份绑定", path="/h5/bind"),
                Button("人工服务", key="human"),
                Button("帮助", key="help"),
            ),
        ),
    )


def _services() -> Button:
    """Services of the catalogue in their order, the rest behind the last button."""
    items = [
        Button(clip_bytes(i.name, _NAME_BELOW_BYTES), path=f"/h5/items/{i.code}") for i in parts().catalogue.items()
    ]
    shown = items if len(items) < _BELOW else items[: _BELOW - 1]
    return Button("在线办事", below=(*shown, Button("全部事项", path="/h5/")))


def as_wechat(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    """The menu as WeChat takes it; MenuRefused with every limit that it breaks."""
    faults = [] if 1 <= len(buttons) <= _BUTTONS else [f"{len(buttons)} buttons, 1 to {_BUTTONS} are allowed"]
    menu = [_as_wechat(button, _NAME_BYTES, faults) for button in buttons]
    if faults:
        raise MenuRefused(faults)
    return menu


def _as_wechat(button: Button, name_bytes: int, faults: list[str]) -> dict[str, Any]:
    if not 0 < len(button.name.encode()) <= name_bytes:
        faults.append(f"{button.name!r}: the name has 1 to {name_bytes} bytes")
    if (bool(button.path) + bool(button.key) + bool(button.below)) != 1:
        faults.append(f"{button.name!r}: a page, a key, or buttons below, one of them")
    if button.below:
        if name_bytes == _NAME_BELOW_BYTES or len(button.below) > _BELOW:
            faults.append(f"{button.name!r}: at most {_BELOW} buttons below, and none below those")
            return {}
        return {"name": button.name, "sub_button": [_as_wechat(b, _NAME_BELOW_BYTES, faults) for b in button.below]}
    if button.path:
        url = parts().settings.public_base_url + button.path
        if len(url.encode()) > _URL_BYTES:
            faults.append(f"{button.name!r}: the address has more than {_URL_BYTES} bytes")
        return {"type": "view", "name": button.name, "url": url}
    if len(button.key.encode()) > _KEY_BYTES or button.key not in CLICKS:
        faults.append(f"{button.name!r}: nobody answers the key {button.key!r}")
    return {"type": "click", "name": button.name, "key": button.key}


def push_menu(client: WeChatApi | None = None) -> dict[str, Any]:
    """Publish both menus by the account's API (the installation's own client where none is given) and return them.

    ``{"button": [...], "conditional": {"tag", "menuid", "button"}}``. Both are checked before any is published; to be
    repeated after whatever went wrong. Raises MenuRefused, or what the exchange room raises.
    """
    account = client or wechat_api()
    everybodys, bound = as_wechat(declared()), as_wechat(declared_for_bound())
    account.create_menu(everybodys)
    menu_id = account.menus.publish_for(BOUND, bound)
    return {"button": everybodys, "conditional": {"tag": BOUND, "menuid": menu_id, "button": bound}}
