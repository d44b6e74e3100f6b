"""The menu keeps WeChat's limits, and is what the account shows after it was pushed."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.exceptions import NotFound

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from citizen_services.exchange.clients import wechat_api
from citizen_services.parts import parts
from citizen_services.people import binding
from citizen_services.people.models import BindingRequest, Citizen, WeChatBinding
from citizen_services.wechat.menu import (
    BOUND,
    Button,
    MenuRefused,
    as_wechat,
    declared,
    declared_for_bound,
    push_menu,
)
from notifications import tasks
from notifications.models import Delivery
from tests import factories as make
from tests.house import House
from tests.notifications.conftest import due_now
from tests.wechat.kit import WeChatSide


def test_the_menu_pushed_is_the_menu_that_the_account_shows(app: Flask, outside: House) -> None:
    menu = push_menu()["button"]
    shown = wechat_api().menu()
    names = ["在线办事", "查询核验", "绑定帮助"]
    assert [button["name"] for button in shown] == [button["name"] for button in menu] == names
    pages = [below["url"] for button in shown for below in button.get("sub_button", []) if below.get("type") == "view"]
    base = parts().settings.public_base_url
    assert f"{base}/h5/bind" in pages
    # WeChat takes five below a button: the first four services, and the front page has them all.
    first = [f"{base}/h5/items/{item.code}" for item in parts().catalogue.items()][:4]
    assert pages[:5] == [*first, f"{base}/h5/"]


def everything() -> list[Button]:
    """All buttons of both menus."""
    return [one for menu in (declared(), declared_for_bound()) for top in menu for one in (top, *top.below)]


def test_every_page_of_the_menus_is_a_page_of_ours_and_the_ways_stand_in_the_right_one(app: Flask) -> None:
    pages = {button.path for button in everything() if button.path}
    routes = app.url_map.bind("localhost")
    for page in pages:
        assert routes.match(page, method="GET")
    with pytest.raises(NotFound):
        routes.match("/h5/no-such-page", method="GET")
    bound = {one.path for top in declared_for_bound() for one in top.below}
    assert {"/h5/verify", "/h5/permit", "/h5/telling", "/h5/me", "/h5/"} <= bound
    unbound = {one.path for top in declared() for one in top.below}
    assert {"/h5/verify", "/h5/bind"} <= unbound
    assert not {"/h5/permit", "/h5/telling"} & unbound


def shown_to(openid: str) -> list[str]:
    """The names of the menu that a follower sees, as WeChat says."""
    answer = wechat_api().client.post("menu/trymatch", data={"user_id": openid})
    return [button["name"] for button in answer["menu"]["button"]]


def wished() -> list[Delivery]:
    """What the outbox holds for tags, in the order in which it was wished."""
    query = select(Delivery).where(Delivery.channel == "wechat_tag").order_by(Delivery.id)
    found = db.session.scalars(query.execution_options(populate_existing=True)).all()
    commit()
    return list(found)


def bind(openid: str, person: Citizen) -> None:
    """What binding a follower does, through its own room."""
    request = BindingRequest(openid=openid)
    change = Change(clock.now())
    binding._move_binding(request, person.id, change)
    change.write()
    commit()


def test_whoever_is_bound_is_shown_another_menu_by_a_tag_that_a_worker_puts(app: Flask, outside: House) -> None:
    first, second = (f"o-menu-{name}-{new_id().hex[:16]}" for name in ("first", "second"))
    for openid in (first, second):
        outside.control("PUT", f"followers/{openid}", {"push": False})
    push_menu()
    old = push_menu()["conditional"]["menuid"]
    assert [menu.id for menu in wechat_api().menus.conditional()] == [old], "republished, not heaped up"
    everybodys = ["在线办事", "查询核验", "绑定帮助"]
    own = ["在线办事", "我的", "更多服务"]
    person = make.citizen()
    commit()
    bind(first, person)
    (wish,) = wished()
    assert (wish.state, shown_to(first)) == ("pending", everybodys), "nothing is sent by the door itself"
    # WeChat takes it and its answer is lost; it is done again, which changes nothing.
    outside.control("PUT", "faults/wechat_api", {"mode": "accept_then_cut", "times": 1})
    tasks.send("wechat_tag")
    (wish,) = wished()
    assert wish.state == "uncertain"
    due_now("wechat_tag")
    tasks.send("wechat_tag")
    assert [one.state for one in wished()] == ["delivered"]
    assert (shown_to(first), shown_to(second)) == (own, everybodys)
    # The account moves: one loses the tag, the other gets it, whatever order they were wished in.
    bind(second, person)
    assert sorted(one.state for one in wished()) == ["delivered", "pending", "pending"]
    tasks.send("wechat_tag")
    assert {one.state for one in wished()} == {"delivered"}
    assert (shown_to(first), shown_to(second)) == (everybodys, own)


def test_of_two_wishes_the_later_state_stays_and_a_tag_that_was_removed_is_made_anew(
    app: Flask, outside: House
) -> None:
    openid, other = (f"o-menu-{name}-{new_id().hex[:16]}" for name in ("kept", "other"))
    outside.control("PUT", f"followers/{openid}", {"push": False})
    push_menu()
    first, second = make.citizen(), make.citizen()
    commit()
    bind(openid, first)
    bind(openid, second)
    assert len({one.person for one in wished()}) == 1
    tasks.send("wechat_tag")
    tasks.send("wechat_tag")
    assert [one.state for one in wished()] == ["delivered", "delivered"]
    assert wechat_api().client.get("user/info", params={"openid": openid})["tagid_list"] == [
        wechat_api().menus.tag(BOUND)
    ]
    # Whoever does not follow has no menu, and needs no tag: nothing is left waiting.
    bind(other, first)
    tasks.send("wechat_tag")
    assert {one.state for one in wished()} == {"delivered"}
    wechat_api().menus._tags[BOUND] = 7
    bind(openid, make.citizen())
    tasks.send("wechat_tag")
    (_waiting,) = [one for one in wished() if one.state == "pending"]
    due_now("wechat_tag")
    tasks.send("wechat_tag")
    assert {one.state for one in wished()} == {"delivered"}


def test_whoever_comes_back_bound_is_tagged_again(wechat: WeChatSide) -> None:
    assert wechat.tap("subscribe", sender="o-comes-unbound")
    assert not wished()
    person = make.citizen()
    db.session.add(WeChatBinding(openid="o-comes-bound", citizen_id=person.id, bound_at=clock.now(), ended_at=None))
    commit()
    assert wechat.tap("subscribe", sender="o-comes-bound")
    assert [one.payload for one in wished()] == [{"openid": "o-comes-bound"}]


def test_every_key_of_the_menu_is_answered(wechat: WeChatSide) -> None:
    keys = {button.key for button in everything() if button.key}
    assert keys == {"help", "human", "progress"}
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
