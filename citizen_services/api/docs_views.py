"""``/api/docs``: the OpenAPI document as a page to read and try."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("api_docs", __name__)


@bp.get("/api/docs")
def page() -> ResponseReturnValue:
    """The page; it asks for nothing but the document, and calls the API with the token typed into it."""
    return render_template("api_docs.html")
