"""Notifications: an outbox row a notice, sent by RQ workers through channels, closed by receipts."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Connect the receivers of the platform's signals and open the partners' doors."""
    from notifications import receivers
    from notifications.receipts import views

    receivers.connect()
    app.register_blueprint(views.bp)
