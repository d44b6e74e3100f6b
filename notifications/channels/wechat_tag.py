"""A follower's tag at the official account, by which their menu is chosen: whoever is bound has it, others have not."""

from __future__ import annotations

from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.outcomes import Outcome
from citizen_services.people.queries import is_bound
from citizen_services.wechat.menu import BOUND
from notifications.channels.base import Answer, CannotTell, Order, Patience


class WeChatTagChannel:
    """Channel ``wechat_tag``. Payload: ``{openid}``. What is to be is read when it is done, not when it was wished."""

    name = "wechat_tag"
    ask_after_s: tuple[float, ...] = ()
    #: Giving a tag twice is giving it once.
    repeat_after_s: tuple[float, ...] = (10.0, 60.0, 600.0)
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "delivered"
    #: Of one follower, so that what was read last is done last.
    in_order = True
    hands = 2
    together = True
    patience = Patience(longest_wait_s=3600.0, give_up_after=None, give_up_later_after=None)

    def prepare(self, order: Order) -> tuple[str, bool]:
        """The follower, and whether they are bound now."""
        openid = str(order.payload["openid"])
        return openid, is_bound(openid)

    def send(self, order: Order, ready: tuple[str, bool]) -> Outcome:
        """Give the tag, or take it."""
        openid, bound = ready
        menus = wechat_api().menus
        return menus.put_tag(openid, BOUND) if bound else menus.take_tag(openid, BOUND)

    def ask(self, order: Order, ready: tuple[str, bool]) -> Answer:
        """Never asked: it is repeated."""
        return CannotTell("a tag is given again instead")

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Nothing follows: WeChat shows the menu within minutes."""
