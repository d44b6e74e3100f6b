"""How the web server runs, in development and in production (`gunicorn --config deploy/gunicorn.conf.py`)."""

import logging
import os
import re
from pathlib import Path

from gunicorn.arbiter import Arbiter

# A reverse proxy of the same machine stands in front; elsewhere WEB_HOST names the interface.
bind = [f"{os.environ.get('WEB_HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"]
workers = int(os.environ.get("WEB_PROCESSES") or 2)
threads = int(os.environ.get("WEB_THREADS") or 8)
worker_class = "deploy.web_worker.BoundedWorker"
timeout = 30
graceful_timeout = 20
keepalive = 5

# Request lines carry WeChat's signatures and OAuth codes: the application logs paths itself, without query strings.
accesslog = None
errorlog = "-"
# Heartbeats of the workers stay off the disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes an unlinked file in it
# The remote control would stand in the home folder, where two installations of one account collide.
control_socket_disable = True


class _WithoutQueries(logging.Filter):
    """Gunicorn logs the address of a request that failed or could not be read; its query must not stand there."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = re.sub(r"\?[^\s'\"]*", "?…", record.getMessage()), ()
        return True


def on_starting(server: Arbiter) -> None:
    """Called once in the master; workers inherit the filter by fork."""
    server.log.error_log.addFilter(_WithoutQueries())
