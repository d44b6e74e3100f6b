"""WeChat's stand-in: menus that only followers with a tag are shown."""

from __future__ import annotations

import uuid
from typing import Any

from tests.sandbox.kit import OurSide, Sandbox
from tests.sandbox.test_wechat import api, new_follower


def test_a_menu_for_some_is_shown_by_a_tag_within_the_limits(sandbox: Sandbox, our_side: OurSide) -> None:
    buttons = [{"type": "click", "name": "我的", "key": "progress"}]
    name = f"标签{uuid.uuid4().hex[:8]}"
    tag = api(sandbox, "tags/create", {"tag": {"name": name}})["tag"]["id"]
    assert api(sandbox, "tags/create", {"tag": {"name": name}})["errcode"] == 45157
    assert api(sandbox, "tags/create", {"tag": {"name": "长" * 11}})["errcode"] == 45158
    rule = {"tag_id": str(tag)}
    api(sandbox, "menu/delete")
    menu = {"button": buttons, "matchrule": rule}
    assert api(sandbox, "menu/addconditional", menu)["errcode"] == 65303
    everybodys = {"button": [{"type": "click", "name": "帮助", "key": "help"}]}
    assert api(sandbox, "menu/create", everybodys)["errcode"] == 0
    assert api(sandbox, "menu/addconditional", menu | {"matchrule": {"sex": "1"}})["errcode"] == 65320
    assert api(sandbox, "menu/addconditional", {"button": buttons})["errcode"] == 65301
    links = [{"type": "view", "name": str(at), "url": f"https://{at}.example.org/"} for at in range(4)]
    far = {"button": [{"name": "远", "sub_button": links}], "matchrule": rule}
    assert api(sandbox, "menu/addconditional", far)["errcode"] == 65316
    menu_id = api(sandbox, "menu/addconditional", menu)["menuid"]
    openid = new_follower(sandbox, push=False)

    def shown() -> Any:
        return api(sandbox, "menu/trymatch", {"user_id": openid})["menu"]["button"]

    assert shown() == everybodys["button"]
    tagged = {"openid_list": [openid], "tagid": tag}
    assert [api(sandbox, "tags/members/batchtagging", tagged)["errcode"] for _ in range(2)] == [0, 0]
    assert shown() == buttons
    assert api(sandbox, "user/info", openid=openid)["tagid_list"] == [tag]
    assert api(sandbox, "tags/members/batchtagging", tagged | {"tagid": 1})["errcode"] == 45159
    assert api(sandbox, "tags/members/batchtagging", tagged | {"openid_list": [openid] * 51})["errcode"] == 40032
    assert api(sandbox, "tags/members/batchtagging", tagged | {"openid_list": ["o-nobody"]})["errcode"] == 40003
    assert [api(sandbox, "tags/members/batchuntagging", tagged)["errcode"] for _ in range(2)] == [0, 0]
    assert shown() == everybodys["button"]
    assert api(sandbox, "menu/delconditional", {"menuid": menu_id})["errcode"] == 0
    assert "conditionalmenu" not in api(sandbox, "menu/get")
