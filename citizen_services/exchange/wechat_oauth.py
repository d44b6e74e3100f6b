"""Web authorisation: whose openid a browser inside WeChat is. By 《网页授权》 (api_snsaccesstoken)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from citizen_services.exchange.http import PAGE, Caller, Patience, new_ref
from citizen_services.exchange.outcomes import Refused
from citizen_services.exchange.wechat_codes import CODE_SPENT, refusal
from citizen_services.settings import Partner, WeChat

_PARTNER = "wechat_oauth"
_STATE = re.compile(r"[a-zA-Z0-9]{1,128}")
#: Longer ones fail on some phones (observed at about 1,500).
_LONGEST_REDIRECT = 1000


class CodeSpent(Refused):
    """The code was used, is too old, or was never given: lead the person to authorize_url again, don't repeat."""


@dataclass(frozen=True)
class Authorized:
    """Whose browser it is. A ``snapshot`` page's openid is made up by WeChat: such a person must not be registered."""

    openid: str
    scope: str
    snapshot: bool
    unionid: str | None


class WeChatOAuth:
    """Client of the web authorisation: pages at ``wechat_oauth``'s address, the exchange at ``wechat_api``'s."""

    def __init__(self, pages: Partner, api: Partner, wechat: WeChat, caller: Caller | None = None) -> None:
        self._pages = pages
        self._api = api
        self._wechat = wechat
        self._caller = caller or Caller(_PARTNER)

    def authorize_url(
        self, redirect_uri: str, state: str, scope: Literal["snsapi_base", "snsapi_userinfo"] = "snsapi_base"
    ) -> str:
        """Where to send the browser; it comes back to ``redirect_uri`` with ``code`` and ``state``.

        ``state`` is 1–128 letters and digits, which the caller binds to the browser's session. Raises ValueError.
        """
        if not _STATE.fullmatch(state):
            raise ValueError("state must be 1 to 128 letters and digits")
        if len(redirect_uri) > _LONGEST_REDIRECT:
            raise ValueError(f"a redirect address has at most {_LONGEST_REDIRECT} characters")
        # The order of the parameters and the fragment are demanded by WeChat.
        return (
            f"{self._pages.base_url}/connect/oauth2/authorize?appid={quote(self._wechat.app_id, safe='')}"
            f"&redirect_uri={quote(redirect_uri, safe='')}&response_type=code&scope={scope}&state={state}"
            "#wechat_redirect"
        )

    def exchange(self, code: str, *, patience: Patience = PAGE) -> Authorized:
        """The openid that a code stands for; each code serves once. Raises CodeSpent, or another OutsideError."""
        operation = "sns/oauth2/access_token"
        reply = self._caller.send(
            "GET",
            f"{self._api.base_url}/sns/oauth2/access_token",
            operation=operation,
            ref=new_ref(),
            patience=patience,
            params={
                "appid": self._wechat.app_id,
                "secret": self._wechat.app_secret,
                "code": code,
                "grant_type": "authorization_code",
            },
        )
        answer = reply.json()
        error = refusal(operation, answer)
        if error is not None:
            if error.errcode in CODE_SPENT:
                raise CodeSpent(_PARTNER, operation, error.code, "never", error.words)
            raise Refused(_PARTNER, operation, error.code, error.kind, error.words, error.after_s)
        openid = answer.get("openid")
        if not isinstance(openid, str) or not openid:
            raise reply.uncertain("an answer without an openid")
        return Authorized(
            openid=openid,
            scope=str(answer.get("scope") or ""),
            snapshot=answer.get("is_snapshotuser") == 1,
            unionid=answer.get("unionid") or None,
        )
