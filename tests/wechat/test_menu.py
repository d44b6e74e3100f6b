"""The menu keeps WeChat's limits, and is what the account shows after it was pushed."""

from __future__ import annotations

import pytest
from flask import Flask

from citizen_services.exchange.clients import wechat_api
from citizen_services.parts import parts
from citizen_services.wechat.menu import Button, MenuRefused, as_wechat, declared, push_menu
from tests.house import House
from tests.wechat.kit import WeChatSide


def test_the_menu_pushed_is_the_menu_that_the_account_shows(app: Flask, outside: House) -> None:
    menu = push_menu()["button"]
    shown = wechat_api().menu()
    assert (
        [button["name"] for button in shown] == [button["name"] for button in menu] == ["在线办事", "我的办件", "帮助"]
    )
    pages = [below["url"] for button in shown for below in button.get("sub_button", []) if below.get("type") == "view"]
    base = parts().settings.public_base_url
    assert f"{base}/h5/bind" in pages
    assert {f"{base}/h5/items/{item.code}" for item in parts().catalogue.items()} <= set(pages)


def test_every_key_of_the_menu_is_answered(wechat: WeChatSide) -> None:
    buttons = [below for button in declared() for below in (button, *button.below)]
    keys = [button.key for button in buttons if button.key]
    assert sorted(keys) == ["help", "progress"]
    for key in keys:
        assert wechat.tap("CLICK", EventKey=key)


@pytest.mark.parametrize(
    ("buttons", "why"),
    [
        ([], "0 buttons"),
        ([Button("一", key="help")] * 4, "4 buttons"),
        ([Button("六个汉字太长", key="help")], "16 bytes"),
        ([Button("", key="help")], "16 bytes"),
        ([Button("一", below=(Button("二" * 21, key="help"),))], "60 bytes"),
        ([Button("一", below=(Button("二", key="help"),) * 6)], "at most 5"),
        ([Button("一", below=(Button("二", below=(Button("三", key="help"),)),))], "none below those"),
        ([Button("一")], "one of them"),
        ([Button("一", key="help", path="/h5/")], "one of them"),
        ([Button("一", key="unheard_of")], "nobody answers"),
        ([Button("一", path="/h5/" + "x" * 1024)], "1024 bytes"),
    ],
)
def test_a_menu_beyond_the_limits_is_refused_with_the_place_named(app: Flask, buttons: list[Button], why: str) -> None:
    with pytest.raises(MenuRefused, match=why):
        as_wechat(buttons)
    assert as_wechat([Button("五个汉字好", key="help")])
