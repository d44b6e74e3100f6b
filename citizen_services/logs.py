"""Logs: one line an event on stderr, with everything personal or secret taken out on the way.

Each line of a request bears the request's name, as do its answer (``X-Request-Id``) and the error page that a person
reads out on the telephone.
"""

from __future__ import annotations

import logging
import os
import re
import sys

from flask import Flask, Response, g, has_request_context, request

from citizen_services.rules.masking import scrub

#: Names of requests that a proxy in front gave: hex, and too long for an identity number or a phone.
_GIVEN = re.compile(r"[0-9a-f-]{20,64}", re.ASCII)
#: Letters that are not taken for one another on the telephone or on paper.
_LETTERS = b"abcdefghjkmnpqrstuvwxyz"
_TABLE = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))
HEADER = "X-Request-Id"


class ScrubbedFormatter(logging.Formatter):
    """Formats a record, traceback included, and scrubs the whole text: one place that no caller can go round."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without identity numbers, phones, tokens and secrets."""
        record.request = getattr(g, "request_id", "-") if has_request_context() else "-"
        return scrub(super().format(record))


def configure(environment: str) -> None:
    """Send this process's logs to stderr, scrubbed. Safe to call again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ScrubbedFormatter("%(asctime)s %(levelname)s %(name)s [%(request)s]: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [h for h in root.handlers if not isinstance(h.formatter, ScrubbedFormatter)] + [handler]
    root.setLevel(logging.INFO)
    # These log whole requests, query strings included, or what nobody asks for (alembic).
    for name in ("urllib3", "werkzeug", "wechatpy", "rq.worker", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def new_request_id() -> str:
    """A name for a request, as a person can read it out: ``kdvn-ecpt-wyab``."""
    letters = os.urandom(12).translate(_TABLE).decode()
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def identify(app: Flask) -> None:
    """Give each request of this application a name: the proxy's where it sent one, else our own."""

    @app.before_request
    def _name() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _GIVEN.fullmatch(given) else new_request_id()

    @app.after_request
    def _tell(response: Response) -> Response:
        response.headers[HEADER] = getattr(g, "request_id", "") or new_request_id()
        return response
