"""Portal: the citizens' door, H5 pages in WeChat and in any browser."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from flask import Flask

from citizen_services.people.web import init_people


def init_app(app: Flask) -> None:
    """Open this door: every module of views here (``…_views``) brings its blueprint ``bp``."""
    init_people(app)
    for module in sorted(found.name for found in iter_modules(__path__) if found.name.endswith("_views")):
        app.register_blueprint(import_module(f"{__name__}.{module}").bp)
