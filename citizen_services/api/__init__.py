"""The machine door: health of the installation, and figures of it."""

from flask import Flask

from citizen_services.api import health_views, metrics_views


def init_app(app: Flask) -> None:
    """Register the door's routes."""
    app.register_blueprint(health_views.bp)
    app.register_blueprint(metrics_views.bp)
