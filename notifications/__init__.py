"""Notifications: an outbox row a notice, sent by RQ workers through channels, closed by receipts."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Connect the receivers of the platform's signals; open the partners' doors and the staff's page of telling.

    Raises InvalidDeclaration for a notice of ours that a configured gateway would refuse.
    """
    from citizen_services import metrics
    from citizen_services.cases.disposal import keep_while
    from citizen_services.parts import EXTENSION
    from notifications import (
        archived,
        booking_texts,
        by_hand_views,
        console_views,
        digest_views,
        h5_views,
        in_person_views,
        letter_api_views,
        letter_h5_views,
        letter_views,
        old_views,
        queries,
        receivers,
        telling_api_views,
        texts,
    )
    from notifications.receipts import views

    catalogue = app.extensions[EXTENSION].catalogue
    catalogue.hold_against_gateways((*texts.OWN, *booking_texts.notices(catalogue)))
    receivers.connect()
    keep_while(archived.needed)
    metrics.reads("telling", queries.figures)
    app.register_blueprint(views.bp)
    app.register_blueprint(console_views.bp)
    app.register_blueprint(by_hand_views.bp)
    app.register_blueprint(h5_views.bp)
    app.register_blueprint(letter_views.bp)
    app.register_blueprint(old_views.bp)
    app.register_blueprint(letter_h5_views.bp)
    app.register_blueprint(letter_api_views.bp)
    app.register_blueprint(telling_api_views.bp)
    app.register_blueprint(in_person_views.bp)
    app.register_blueprint(digest_views.bp)
