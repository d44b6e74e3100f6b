"""The machine door: the JSON API and its document, health of the installation, and figures of it."""

from apiflask import APIFlask

from citizen_services.api import (
    authorisation_views,
    booking_views,
    case_views,
    docs_views,
    draft_views,
    fee_views,
    health_views,
    household_views,
    item_views,
    me_views,
    metrics_views,
    organisation_views,
    own_views,
    payment_views,
    rating_views,
    spec,
    traffic_views,
)
from citizen_services.api.problems import machine_error

__all__ = ["init_app", "machine_error"]


def init_app(app: APIFlask) -> None:
    """Register the door's routes."""
    app.register_blueprint(health_views.bp)
    app.register_blueprint(metrics_views.bp)
    app.register_blueprint(docs_views.bp)
    app.register_blueprint(payment_views.bp)
    for bp in (
        item_views.bp,
        case_views.bp,
        rating_views.bp,
        fee_views.bp,
        draft_views.bp,
        draft_views.sending,
        me_views.bp,
        own_views.bp,
        own_views.tickets_bp,
        household_views.bp,
        authorisation_views.bp,
        organisation_views.bp,
        traffic_views.bp,
        *booking_views.BLUEPRINTS,
    ):
        app.register_blueprint(bp)
    spec.configure(app)
