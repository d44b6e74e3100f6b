"""A scan of the account's codes leads into the service, the office or the case that the code names."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import zxingcpp
from flask import Flask
from PIL import Image

from citizen_services import clock
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.outcomes import Refused
from citizen_services.people.models import WeChatBinding
from citizen_services.wechat import scenes
from citizen_services.wechat.conversation import CLICKS
from citizen_services.wechat.models import Follower
from tests.factories import STATION, citizen, submitted_permit
from tests.house import ROOT, House
from tests.wechat.kit import ALICE, WeChatSide

BOB = "oBob_0123456789abcdefghijklm"
KEYS = frozenset(CLICKS)


def bound(openid: str) -> tuple[Any, Case]:
    """Somebody who follows, is bound and has a case."""
    person = citizen()
    db.session.add(WeChatBinding(openid=openid, citizen_id=person.id, bound_at=clock.now(), ended_at=None))
    case = db.session.get_one(Case, submitted_permit(person))
    commit()
    return person, case


@pytest.mark.parametrize("follows", [True, False])
def test_a_scan_leads_followers_and_new_ones_to_the_same_place(wechat: WeChatSide, follows: bool) -> None:
    _, case = bound(ALICE)
    number, scene = case.number, f"case-{case.id.hex}"

    def scan(scene: str, sender: str) -> str:
        if follows:
            return wechat.tap("SCAN", sender=sender, EventKey=scene, Ticket="t")
        return wechat.tap("subscribe", sender=sender, EventKey=f"qrscene_{scene}", Ticket="t")

    assert "【居住证首次申领】" in scan("residence-permit-first", ALICE)
    at_office = scan(f"office-{STATION}", ALICE)
    assert "【岳林派出所】" in at_office
    assert "地址：" in at_office
    assert "/h5/items/residence-permit-first" in at_office
    assert number in scan(scene, ALICE)
    assert "您可以发送" in scan("help", ALICE)
    # A photo of somebody's voucher tells another person nothing, and a stranger how to become known.
    bound(BOB)
    told = scan(scene, BOB)
    assert number not in told
    assert told == scan(f"case-{uuid4().hex}", BOB)
    stranger = scan(scene, "oStranger_0123456789abcdefgh")
    assert "绑定" in stranger
    assert number not in stranger
    for nothing in ("office-000000000000", "case-zz", "case-", "unheard_of", "last_trade_no_4200", ""):
        assert ("您好" in scan(nothing, BOB)) is True, nothing
    db.session.rollback()
    assert (db.session.get(Follower, ALICE) is not None) == (not follows), "whoever came by a code follows"


def test_what_wechat_would_not_make_is_refused_here_and_by_its_stand_in(app: Flask, outside: House) -> None:
    _, case = bound(ALICE)
    api = wechat_api()
    for scene, lasts_s in (("", None), ("a" * 65, None), ("qrscene_x", None), ("名", 60), ("x", 0), ("x", 2_592_001)):
        with pytest.raises(ValueError, match=r"scene|serves"):
            api.create_scene(scene, lasts_s)
    for what in ("item:unheard-of", "office:1", "case:FH20260101-000000", "page:https://evil.test/", "nothing", "item"):
        with pytest.raises(scenes.UnknownScene):
            scenes.code_for(what, KEYS)
    assert scenes.code_for(f"case:{case.number}", KEYS).lasts_s == 2_592_000, "a case's code is never for good"
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"action_name": "QR_EVER", "action_info": {"scene": {"scene_str": "x"}}}, 40052),
        ({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "x" * 65}}}, 40053),
        ({"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_id": 5}}}, 40053),
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
        ({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 0}}}, 40053),
        (
            {
                "action_name": "QR_STR_SCENE",
                "action_info": {"scene": {"scene_str": "x"}},
                "expire_seconds": 2_592_001,
            },
            40053,
        ),
    ]
    for body, errcode in wrong:
        with pytest.raises(Refused) as caught:
            api.client.post("qrcode/create", data=body)
        assert caught.value.code == str(errcode)
        assert caught.value.kind == "never"
    unsaid = api.client.post(
        "qrcode/create", data={"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 7}}}
    )
    assert unsaid["expire_seconds"] == 60


def test_the_command_makes_a_picture_that_a_phone_reads(outside: House, app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "stand.png"
    env = outside.environ | {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(ROOT / "app.py"), "wechat", "qr"]
    made = subprocess.run(
        [*command, "item:residence-permit-first", "--save", str(file), "--json"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    document = json.loads(made.stdout)
    assert document["scene"] == "residence-permit-first"
    assert document["file"] == str(file)
    (read,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(file.read_bytes())))
    assert read.text == document["url"]
    assert document["url"].startswith("http://weixin.qq.com/q/")
    unknown = subprocess.run([*command, "item:none"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert unknown.returncode == 1
    assert "there is no item none" in unknown.stderr
