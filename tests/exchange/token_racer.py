"""One process of a race for the access token: eight threads want it at once, and each says which one it got.

Run as ``python -m tests.exchange.token_racer`` with an installation's environment; waits for a line on stdin.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine

from citizen_services import security
from citizen_services.exchange.http import Caller
from citizen_services.exchange.wechat_token import SharedToken
from citizen_services.settings import Settings

THREADS = 8


def main() -> None:
    """Race once, print the tokens as JSON."""
    settings = Settings.load()
    security.use(security.Keyring(settings.data_keys, settings.lookup_keys, settings.audit_key))
    partner = settings.partner("wechat_api")
    engine = create_engine(settings.database_url)
    token = SharedToken(partner, settings.wechat, Caller("wechat_api"), engine)
    together = threading.Barrier(THREADS)

    def want(_: int) -> tuple[str, int]:
        together.wait()
        got = token.get()
        return got.value, got.generation

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(THREADS) as pool:
        print(json.dumps(list(pool.map(want, range(THREADS)))), flush=True)
    engine.dispose()


if __name__ == "__main__":
    main()
