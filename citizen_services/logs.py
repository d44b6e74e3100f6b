"""Logs: one line an event on stderr, with everything personal or secret taken out on the way."""

from __future__ import annotations

import logging
import sys

from citizen_services.rules.masking import scrub


class ScrubbedFormatter(logging.Formatter):
    """Formats a record, traceback included, and scrubs the whole text: one place that no caller can go round."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without identity numbers, phones, tokens and secrets."""
        return scrub(super().format(record))


def configure(environment: str) -> None:
    """Send this process's logs to stderr, scrubbed. Safe to call again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ScrubbedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [h for h in root.handlers if not isinstance(h.formatter, ScrubbedFormatter)] + [handler]
    root.setLevel(logging.INFO)
    # These log whole requests, query strings included, or what nobody asks for (alembic).
    for name in ("urllib3", "werkzeug", "wechatpy", "rq.worker", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
