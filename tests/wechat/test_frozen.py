"""While PostgreSQL or Redis is frozen or gone, a push that needs it is sent back at once; all others are answered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from citizen_services.database import migrate
from deploy.embedded import Postgres, Valkey, start_postgres, start_valkey
from tests.house import House, new_house, running, wait_for_url
from tests.wechat.kit import WeChatSide, event, message

#: What a follower would call at once; WeChat itself waits for five seconds.
AT_ONCE_S = 4.5
WARM = 4


@dataclass
class Door:
    """A web server of its own before servers that may be stopped."""

    side: WeChatSide
    postgres: Postgres
    valkey: Valkey

    def answered(self, words: str) -> str:
        """What a text is answered, within the time that people call at once."""
        begun = time.monotonic()
        said = self.side.read(self.side.deliver(self.side.safe(message(Content=words))))
        assert time.monotonic() - begun < AT_ONCE_S
        return said

    def follow(self, sender: str) -> int:
        """The status with which a push that changes something is answered, and at once."""
        begun = time.monotonic()
        answer = self.side.deliver(self.side.safe(event("subscribe", sender=sender)))
        assert time.monotonic() - begun < AT_ONCE_S
        return answer.status_code


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Everything of its own, since what is shared must not stand still."""
    postgres = start_postgres(tmp_path / "postgres", durable=False)
    valkey = start_valkey(tmp_path / "valkey")
    try:
        house: House = new_house(tmp_path / "var", postgres.url, valkey.url)
        migrate.upgrade(house.settings.database_url)
        web = house.web()
        with running(web):
            wait_for_url(f"{house.web_url}/healthz", web)
            yield Door(WeChatSide(f"{house.web_url}/wechat", house.settings.wechat), postgres, valkey)
    finally:
        valkey.stop()
        postgres.stop()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Let a server and all its processes stand still for the block."""
    stopped = [psutil.Process(pid)]
    os.kill(pid, signal.SIGSTOP)
    try:
        # The postmaster stands still already: it starts nobody any more.
        stopped += stopped[0].children(recursive=True)
        for one in stopped[1:]:
            one.suspend()
        yield
    finally:
        for one in reversed(stopped):
            one.resume()


def test_whatever_stands_still_or_is_gone_keeps_no_follower_waiting(door: Door) -> None:
    assert "您可以发送" in door.answered("帮助")
    for number in range(WARM):
        assert door.follow(f"oWarm{number}") == 200

    with frozen(door.valkey.pid):
        assert "您可以发送" in door.answered("帮助")
        assert "绑定" in door.answered("进度")
        assert door.follow("oWhileRedisIsFrozen") == 200

    with frozen(door.postgres.pid):
        assert "您可以发送" in door.answered("帮助")
        begun = time.monotonic()
        for number in range(5):
            assert door.follow(f"oFrozen{number}") == 503
            assert "几分钟后再试" in door.answered("进度")
            assert "【居住登记】" in door.answered("居住登记")
        # One waits; the others are told what it learned.
        assert time.monotonic() - begun < 10
    until = time.monotonic() + 60
    while door.follow("oFrozen0") != 200:
        assert time.monotonic() < until, "the delivery after the thaw is done"

    door.valkey.stop()
    assert "您可以发送" in door.answered("帮助")
    assert door.follow("oWithoutRedis") == 200

    door.postgres.stop()
    assert door.follow("oWithoutPostgres") == 503
    assert "您可以发送" in door.answered("帮助")
    assert "几分钟后再试" in door.answered("进度")
