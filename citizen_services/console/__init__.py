"""The staff console: lists, cases, and what is done with them."""

from __future__ import annotations

from flask import Blueprint, Flask

#: The door's blueprints, each module's ``bp``.
BLUEPRINTS: tuple[Blueprint, ...] = ()


def init_app(app: Flask) -> None:
    """Register the door's pages."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
