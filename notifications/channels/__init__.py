"""The channels by which people are told and parcels ordered; others may be registered by the composition root."""

from __future__ import annotations

from collections.abc import Mapping

from notifications.channels.base import Channel
from notifications.channels.ems import EmsChannel
from notifications.channels.one_window import OneWindowChannel
from notifications.channels.platform import PlatformChannel
from notifications.channels.registration import RegistrationChannel
from notifications.channels.sms import SmsChannel
from notifications.channels.wechat import WeChatChannel
from notifications.channels.wechat_tag import WeChatTagChannel

_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """Make a channel known under its name."""
    _channels[channel.name] = channel


def channel(name: str) -> Channel:
    """The channel of that name; KeyError where none is registered."""
    return _channels[name]


def channels() -> Mapping[str, Channel]:
    """Every registered channel, by name."""
    return dict(_channels)


for _channel in (
    WeChatChannel(), SmsChannel(), EmsChannel(), RegistrationChannel(), WeChatTagChannel(), OneWindowChannel(),
    PlatformChannel(),
):  # fmt: skip
    register(_channel)
