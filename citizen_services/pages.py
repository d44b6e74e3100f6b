"""What every HTML page shares: addresses of static files, headers, filters, the two display switches, error pages.

``init_pages(app)`` is called once by the composition root. Templates of all doors then find ``asset_url``,
``vendor_url``, ``state_word`` and the filters below; the macros that use them stand in templates/kit/ and are
described in docs/pages.md.
"""

from __future__ import annotations

import datetime as dt
import functools
import gzip
import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import PendingRollbackError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from citizen_services.database import commit
from citizen_services.database.base import DATABASE_AWAY, end_session, rollback
from citizen_services.people.operations import choose_type
from citizen_services.people.web import forget_person, logged_in
from citizen_services.rules.dates import SHANGHAI, chinese_date, chinese_day, chinese_moment, local_date
from citizen_services.rules.masking import mask_address, mask_id, mask_name, mask_phone
from citizen_services.words import ERROR_TEXTS, STAFF_ERROR_TEXTS, ErrorText, role_word, standing_word, state_word

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"

#: One policy for every HTML page. ``data:`` images are the icons inside WeUI's and Tabler's style sheets, ``blob:``
#: previews of uploads. ``form-action`` also stops a POST that is answered by a redirect to another origin: lead there
#: by a GET.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)

#: Logical names of the vendor files that pages link, as (package folder without its version, file).
VENDOR_FILES: Mapping[str, tuple[str, str]] = {
    "weui.css": ("weui", "weui.min.css"),
    "tabler.css": ("tabler", "tabler.min.css"),
    "htmx.js": ("htmx", "htmx.min.js"),
    "echarts.js": ("echarts", "echarts.common.min.js"),
    "jweixin.js": ("jweixin", "jweixin.js"),
    "swagger-ui.css": ("swagger-ui", "swagger-ui.css"),
    "swagger-ui.js": ("swagger-ui", "swagger-ui-bundle.js"),
}

#: Doors that machines use: they get no HTML error page from here.
MACHINE_DOORS = ("/api/", "/wechat", "/receipts/", "/healthz", "/readyz", "/metrics")

_YEAR_S = 365 * 24 * 3600
#: When to try again where the database is away, in seconds: a restart takes about as long.
_BACK_SOON_S = 5

switches = Blueprint("pages", __name__)


class ErrorLine(NamedTuple):
    """One line of an error summary: ``field`` (the input's name, empty for the form as a whole) and the sentence."""

    field: str
    text: str


# ------------------------------------------------------------------------------------------------ static files


@functools.lru_cache(maxsize=256)
def _content_hash(path: str) -> str:
    return hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]


def asset_url(path: str) -> str:
    """The address of one of our own static files (``css/h5.css``), by its content: it may be cached for good."""
    if current_app.debug:
        _content_hash.cache_clear()
    return url_for("static", filename=path, v=_content_hash(path))


@functools.lru_cache(maxsize=16)
def _vendor_path(name: str) -> str:
    package, file = VENDOR_FILES[name]
    found = sorted((STATIC / "vendor").glob(f"{package}-*/{file}"))
    if len(found) != 1:
        raise RuntimeError(f"static/vendor holds {len(found)} versions of {package}/{file}, not one")
    return found[0].relative_to(STATIC).as_posix()


def vendor_url(name: str) -> str:
    """The address of a library's file by its logical name (a key of VENDOR_FILES); the version stands in the path."""
    return url_for("static", filename=_vendor_path(name))


#: What is worth packing; pictures and fonts are packed already. Pages are not: they carry forms' secrets beside words
#: that others may have put into an address, and the length of the two packed together would tell (BREACH).
_PACKED = frozenset({"text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml"})
_WORTH_PACKING = 1024


@functools.lru_cache(maxsize=64)
def _packed(path: str, changed_ns: int) -> bytes:
    # No time inside: the same file is the same bytes in every process.
    return gzip.compress((STATIC / path).read_bytes(), 9, mtime=0)


def _pack(response: Response) -> None:
    """Send a static file packed to whoever takes it so: a third of the bytes on a slow line."""
    if response.mimetype not in _PACKED:
        return
    response.vary.add("Accept-Encoding")
    tag, _ = response.get_etag()
    if tag is not None:
        # The same file under either packing: equal in meaning, not in bytes.
        response.set_etag(tag, weak=True)
    path = (request.view_args or {}).get("filename", "")
    if response.status_code != 200 or not request.accept_encodings["gzip"] or not path:
        return
    if (response.content_length or 0) >= _WORTH_PACKING:
        response.direct_passthrough = False
        response.close()
        response.set_data(_packed(path, (STATIC / path).stat().st_mtime_ns))
        response.headers["Content-Encoding"] = "gzip"
        response.headers.pop("Accept-Ranges", None)


def _set_headers(response: Response) -> Response:
    """Security and caching headers: HTML is never stored, versioned files are kept for good."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.status_code == 308:
        # Of a path without its last stroke werkzeug makes an address by the Host header, which says what it likes.
        there = urlsplit(response.headers["Location"])
        response.headers["Location"] = urlunsplit(("", "", "/" + there.path.lstrip("/"), there.query, ""))
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint == "static" and response.status_code in (200, 304):
        _pack(response)
        versioned = "v" in request.args or request.path.startswith(f"{current_app.static_url_path}/vendor/")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if versioned else "no-cache"
    return response


# ------------------------------------------------------------------------------------------------ filters


def _day(moment: dt.date | dt.datetime) -> dt.date:
    return local_date(moment) if isinstance(moment, dt.datetime) else moment


def cn_date(moment: dt.date | dt.datetime | None) -> str:
    """``2026年11月25日`` in Shanghai; empty for None."""
    return "" if moment is None else chinese_date(_day(moment))


def cn_day(moment: dt.date | dt.datetime | None) -> str:
    """``11月25日（周三）`` in Shanghai: for dates near enough that the year is plain; empty for None."""
    return "" if moment is None else chinese_day(_day(moment))


def cn_time(moment: dt.datetime | None) -> str:
    """``11月25日 09:05`` in Shanghai; empty for None."""
    if moment is None:
        return ""
    local = moment.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def cn_stamp(moment: dt.datetime | None) -> str:
    """``2026年11月25日 09:05`` in Shanghai, for vouchers and records; empty for None."""
    return "" if moment is None else chinese_moment(moment)


def iso(moment: dt.date | dt.datetime | None) -> str:
    """The machine's form for ``<time datetime>``; empty for None."""
    if moment is None:
        return ""
    return (moment.astimezone(SHANGHAI) if isinstance(moment, dt.datetime) else moment).isoformat()


def error_lines(errors: Any) -> list[ErrorLine]:
    """Flatten errors into lines for the summary.

    Takes what forms have at hand: marshmallow's ``messages`` (nested mappings, lists of sentences), an iterable of
    ErrorLine or ``{"field", "text"}``, or one sentence. Names of nested fields are the inner ones, as inputs bear them.
    """
    lines: list[ErrorLine] = []
    _collect(errors, "", lines)
    return lines


def _collect(errors: Any, name: str, lines: list[ErrorLine]) -> None:
    if not errors:
        return
    if isinstance(errors, str):
        lines.append(ErrorLine("" if name == "_schema" else name, errors))
    elif isinstance(errors, ErrorLine):
        lines.append(errors)
    elif isinstance(errors, Mapping):
        if set(errors) == {"field", "text"}:
            lines.append(ErrorLine(str(errors["field"]), str(errors["text"])))
            return
        for key, value in errors.items():
            # Keys of marshmallow's list errors are positions; the sentence belongs to the list's own input.
            _collect(value, name if isinstance(key, int) else str(key), lines)
    elif isinstance(errors, Iterable):
        for value in errors:
            _collect(value, name, lines)
    else:
        raise TypeError(f"errors of type {type(errors).__name__} can't be shown")


def file_size(size: int) -> str:
    """Bytes as people read them: ``812 KB``, ``2.4 MB``."""
    return f"{max(1, round(size / 1024))} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


# ------------------------------------------------------------------------------------------------ display switches


def local_path(candidate: str | None, fallback: str) -> str:
    """``candidate`` if it is a path within this site, else ``fallback``: a form's hidden field leads nobody away."""
    parts = urlsplit(candidate or "")
    plain = candidate and candidate.startswith("/") and not candidate.startswith("//") and "\\" not in candidate
    if not plain or parts.scheme or parts.netloc or any(ord(char) < 32 for char in candidate or ""):
        return fallback
    return candidate or fallback


def _remember(answer: Response, name: str, value: str) -> None:
    answer.set_cookie(name, value, max_age=_YEAR_S, secure=request.is_secure, httponly=True, samesite="Lax")


@switches.post("/h5/care")
def set_care() -> ResponseReturnValue:
    """Switch 长辈版 (large type) on or off for this browser and whoever is logged in, and come back to the page."""
    large = request.form.get("care") == "1"
    person = logged_in()
    if person is not None and person.citizen is not None:
        choose_type(person.citizen, large=large)
        commit()
    answer = make_response(redirect(local_path(request.form.get("next"), "/h5/"), 303))
    _remember(answer, "care", "1" if large else "0")
    return answer


def _in_large_type() -> bool:
    """The person's own choice, which goes with them to any phone; else this browser's."""
    person = logged_in()
    chosen = person.citizen.large_type if person is not None and person.citizen is not None else None
    return request.cookies.get("care") == "1" if chosen is None else chosen


@switches.post("/console/preferences")
def set_preferences() -> ResponseReturnValue:
    """Keep a staff member's theme (light, dark) and keyboard shortcuts (on, off) for this browser."""
    answer = make_response(redirect(local_path(request.form.get("next"), "/console/cases"), 303))
    if request.form.get("theme") in ("light", "dark"):
        _remember(answer, "theme", request.form["theme"])
    if request.form.get("keys") in ("on", "off"):
        _remember(answer, "keys", request.form["keys"])
    return answer


def _return_path() -> str:
    """Where a switch on this page leads back to: the page itself, unless it was the answer to a POST."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.rstrip("?")
    return request.path if request.url_rule and "GET" in (request.url_rule.methods or ()) else "/"


def _page_context() -> dict[str, Any]:
    config = current_app.config
    return {
        "care": _in_large_type(),
        "theme": "dark" if request.cookies.get("theme") == "dark" else "light",
        "keys": "off" if request.cookies.get("keys") == "off" else "on",
        "return_path": _return_path(),
        "bureau": config["PAGES_BUREAU"],
        "help_phone": config["PAGES_HELP_PHONE"],
        "help_counter": config["PAGES_HELP_COUNTER"],
    }


# ------------------------------------------------------------------------------------------------ error pages


def render_error(code: int, *, title: str = "", text: str = "", advice: str = "", back: str = "") -> tuple[str, int]:
    """An HTML error page of that status, in the frame of the door that was asked.

    Words given here replace the usual ones; ``back`` is the path that its button leads to (else the front page).
    """
    usual = ERROR_TEXTS.get(code, ERROR_TEXTS[500] if code >= 500 else ERROR_TEXTS[400])
    staff = request.path.startswith("/console")
    if staff:
        usual = STAFF_ERROR_TEXTS.get(code, usual)
    page = render_template(
        "errors/console.html" if staff else "errors/h5.html",
        code=code,
        error=ErrorText(title or usual.title, text or usual.text, advice or usual.advice),
        error_ref=getattr(g, "request_id", ""),
        back=back or ("/console/cases" if staff else "/h5/"),
    )
    return page, code


def photo_response(jpeg: bytes) -> Response:
    """A photo for whoever was let in: kept nowhere, and no page even where it is opened by itself."""
    answer = Response(jpeg, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


def _error_page(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400 or error.response is not None:
        return error
    answer = make_response(render_error(error.code))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    if error.code == 405:
        answer.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or ())
    return answer


def init_pages(app: Flask, machine_error: Callable[[HTTPException], ResponseReturnValue] | None = None) -> None:
    """Give ``app`` what its pages share.

    ``machine_error`` answers errors of the doors that machines use (MACHINE_DOORS); by default they get werkzeug's
    plain answer. The configuration holds PAGES_BUREAU, and PAGES_HELP_PHONE and PAGES_HELP_COUNTER for the help line of
    each page.
    """

    def answer_error(error: HTTPException) -> ResponseReturnValue:
        if request.path.startswith(MACHINE_DOORS):
            return machine_error(error) if machine_error else error
        if isinstance(error, InternalServerError):
            # Whatever crashed, its page asks the database for nothing: it may be what crashed.
            rollback()
            forget_person()
        return _error_page(error)

    def database_away(fault: Exception) -> ResponseReturnValue:
        # Never its text: statements and keys carry personal data.
        log.warning("the database is away: %s", type(getattr(fault, "orig", None) or fault).__name__)
        rollback()
        forget_person()
        return answer_error(ServiceUnavailable(retry_after=_BACK_SOON_S))

    app.register_blueprint(switches)
    # The last one: somebody went on after the connection had broken.
    for fault in (*DATABASE_AWAY, PendingRollbackError):
        app.register_error_handler(fault, database_away)
    app.register_error_handler(HTTPException, answer_error)
    # A crash reaches the handler of 500 only under its own class, not under HTTPException.
    app.register_error_handler(InternalServerError, answer_error)
    app.after_request(_set_headers)
    # Ends come in reverse order: before the library's, which would replace an answer by its error.
    app.teardown_appcontext(end_session)
    app.context_processor(_page_context)
    app.add_template_global(asset_url)
    app.add_template_global(vendor_url)
    app.add_template_global(state_word)
    app.add_template_global(error_lines)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    for name, filter_ in FILTERS.items():
        app.add_template_filter(filter_, name)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "cn_date": cn_date,
    "cn_day": cn_day,
    "cn_time": cn_time,
    "cn_stamp": cn_stamp,
    "iso": iso,
    "file_size": file_size,
    "mask_name": mask_name,
    "mask_id": mask_id,
    "mask_phone": mask_phone,
    "mask_address": mask_address,
    "role_word": role_word,
    "standing_word": standing_word,
}
