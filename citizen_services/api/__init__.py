"""The machine door: health of the installation."""

from flask import Flask

from citizen_services.api import health_views


def init_app(app: Flask) -> None:
    """Register the door's routes."""
    app.register_blueprint(health_views.bp)
