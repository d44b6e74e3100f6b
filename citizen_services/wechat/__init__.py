"""The official account's door: pushes verified and answered, conversation, menu."""

from flask import Flask

from citizen_services.wechat import views


def init_app(app: Flask) -> None:
    """Register the door's route. WeChat proves itself by its signature, so no form token is asked for."""
    app.register_blueprint(views.bp)
    csrf = app.extensions.get("csrf")
    if csrf is not None:
        csrf.exempt(views.bp)
