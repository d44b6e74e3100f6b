"""Writes of the API: a key is demanded, belongs to caller, route and body, and a repetition gets the first answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import request

from citizen_services.api.callers import caller
from citizen_services.api.problems import Problem
from citizen_services.cases.once import do_once
from citizen_services.database.idempotency import Once

#: What an Idempotency-Key may look like: printable, without spaces.
_KEY = re.compile(r"[\x21-\x7e]{8,128}")


def once_of(body: Mapping[str, Any]) -> Once:
    """This request as a write that is done once; 400 without a proper Idempotency-Key."""
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        detail = "请带上 Idempotency-Key 头：8 至 128 个可见字符，每次新的操作换一个新的，重发时用同一个。"
        raise Problem("idempotency-key-missing", 400, "Idempotency-Key missing", detail)
    return Once.of(caller().actor.key, f"api {request.endpoint}", key, {"path": request.path, "body": body})


def do(body: Mapping[str, Any], act: Callable[[Once], Any]) -> Any:
    """Do the act once and commit, or give the first answer again; ``act`` adds the idempotency row."""
    return do_once(once_of(body), act)
