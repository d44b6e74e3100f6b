"""A small application, for tests only, that shows every part of the page kit in content of the real service.

Run it by hand: ``python -m tests.pages.showcase`` and open http://127.0.0.1:8009/h5/.
"""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import Any

import qrcode
from flask import Flask, Response, abort, redirect, render_template, request, url_for
from flask_wtf import CSRFProtect
from jinja2 import FileSystemLoader
from PIL import Image, ImageDraw
from werkzeug.wrappers import Response as AnyResponse

import citizen_services
from citizen_services import words
from citizen_services.pages import init_pages, render_error
from tests.pages.showcase_data import (
    ADDRESS_FIELD,
    ANSWERS,
    CASE,
    CHECK_ROWS,
    CHECKS,
    CLOCKS,
    DELIVERY_ROWS,
    ERRORS,
    FORM_FIELDS,
    MATERIALS,
    NAV,
    NUMBER,
    PERSON_FIELDS,
    ROWS,
    STAFF,
    STEPS,
    WHO_ROWS,
)

PACKAGE = Path(citizen_services.__file__).parent


def create_showcase() -> Flask:
    """The showcase as a Flask application; nothing behind it but this file's constants."""
    app = Flask("citizen_services", template_folder="templates", static_folder="static", root_path=str(PACKAGE))
    app.config.update(SECRET_KEY=secrets.token_hex(16), WTF_CSRF_TIME_LIMIT=None)
    CSRFProtect(app)
    app.config.update(PAGES_BUREAU="宁波市公安局奉化分局", PAGES_HELP_PHONE="12345", PAGES_HELP_COUNTER="区公安窗口")
    init_pages(app)
    app.jinja_loader = FileSystemLoader([PACKAGE / "templates", Path(__file__).parent / "templates"])

    def page(name: str, /, status: int = 200, **values: Any) -> tuple[str, int]:
        return render_template(f"showcase/{name}.html", form_token=secrets.token_hex(8), **values), status

    @app.get("/h5/")
    def home() -> Any:
        return page("home")

    @app.get("/h5/login")
    def login() -> Any:
        return page("login", back="/h5/")

    @app.route("/h5/bind", methods=["GET", "POST"])
    def bind() -> Any:
        return page("bind", fields=PERSON_FIELDS, back="/h5/")

    @app.get("/h5/items/residence-permit-first")
    def guide() -> Any:
        return page("guide", back="/h5/")

    @app.route("/h5/drafts/<step>", methods=["GET", "POST"])
    def draft(step: str) -> Any:
        common: dict[str, Any] = {
            "back": "/h5/items/residence-permit-first",
            "case_data": {"id": "0198c4", "state": "draft", "version": 2},
        }
        if request.method == "POST":
            return redirect(url_for("draft", step=request.form.get("to", "form")), 303)
        if step == "form":
            return page("form", fields=FORM_FIELDS, **common)
        if step == "error":
            fields = [
                f | {"value": "", "errors": ERRORS["ground"]} if f["name"] == "ground" else f for f in FORM_FIELDS[:2]
            ]
            postal = [
                {
                    "name": "recipient",
                    "label": "收件人",
                    "kind": "text",
                    "value": "",
                    "errors": ["请写收件人姓名"],
                    "required": True,
                },
                {
                    "name": "phone",
                    "label": "收件人手机号",
                    "kind": "phone",
                    "value": "138000003",
                    "required": True,
                    "errors": ["手机号少了 2 位，请检查"],
                },
            ]
            return page("form", 422, fields=fields, postal=postal, errors=ERRORS, **common)
        if step in ("address", "registers", "papers", "check"):
            values: dict[str, Any] = {
                "address": ADDRESS_FIELD,
                "materials": MATERIALS,
                "who": WHO_ROWS,
                "rows": CHECK_ROWS,
                "delivery": DELIVERY_ROWS,
                "answers": ANSWERS,
            }
            return page(step, **common, **values)
        abort(404)

    @app.get("/h5/cases/submitted")
    def submitted() -> Any:
        return page("submitted", case_data=CASE | {"state": "submitted", "version": 1}, number=NUMBER, live=True)

    @app.get("/h5/cases/1")
    def case() -> Any:
        return page("case", case_data=CASE, steps=STEPS, clocks=CLOCKS, back="/h5/", live=True)

    @app.get("/h5/states")
    def states() -> Any:
        return page("states", kinds=words.KINDS, back="/h5/")

    @app.get("/h5/error/<int:code>")
    def error(code: int) -> Any:
        return render_error(code)

    @app.get("/h5/crash")
    def crash() -> Any:
        raise ZeroDivisionError

    @app.get("/console/login")
    def console_login() -> Any:
        return page("console_login")

    @app.get("/console/cases")
    def console_cases() -> Any:
        return page("console_list", staff=STAFF, nav=NAV, rows=ROWS)

    @app.get("/console/cases/1")
    def console_case() -> Any:
        return page(
            "console_case",
            staff=STAFF,
            nav=NAV,
            case_data=CASE,
            checks=CHECKS,
            answers=ANSWERS,
            clocks=CLOCKS,
            steps=STEPS,
        )

    @app.get("/planted")
    def planted() -> Any:
        return page("planted")

    @app.get("/img/<name>")
    def image(name: str) -> AnyResponse:
        return _image(name)

    return app


def _image(name: str) -> Response:
    out = io.BytesIO()
    if name == "qr":
        qrcode.make("https://example.org/h5/c/7d2f9a", border=4).save(out)
    elif name == "portrait":
        picture = Image.new("RGB", (358, 441), "white")
        draw = ImageDraw.Draw(picture)
        draw.ellipse((119, 90, 239, 250), fill="#d9b08c")
        draw.pieslice((109, 70, 249, 220), 180, 360, fill="#2b2b2b")
        draw.pieslice((49, 270, 309, 620), 180, 360, fill="#33475f")
        picture.save(out, "PNG")
    else:
        picture = Image.new("RGB", (620, 860), "#fbf7ec")
        draw = ImageDraw.Draw(picture)
        for y in range(120, 800, 46):
            draw.line((60, y, 560, y), fill="#c9c2ad", width=8)
        draw.ellipse((400, 640, 540, 780), outline="#c0392b", width=8)
        picture.save(out, "PNG")
    return Response(out.getvalue(), mimetype="image/png")


if __name__ == "__main__":
    create_showcase().run("127.0.0.1", 8009)
