"""Stand-ins of the outside systems, in a process of their own over real HTTP.

Outside the house's layers: it imports only `citizen_services.rules` and libraries, and only the command line imports
it. Each partner's module names the document that it imitates; the stand-ins are never kinder than that.
"""

from __future__ import annotations

from flask import Flask

from citizen_services.sandbox.config import SandboxConfig
from citizen_services.sandbox.server import main
from citizen_services.sandbox.world import LARGEST_BODY, World

__all__ = ["SandboxConfig", "create_sandbox", "main", "world_of"]


def create_sandbox(config: SandboxConfig) -> Flask:
    """Build the sandbox: the partners under their prefixes, the control under `/_control`, the page under `/`.

    Receipts are sent only after `world_of(app).outgoing.start()`; the caller closes the world.
    """
    from citizen_services.sandbox import (
        addresses,
        aliyun,
        control,
        ems,
        market,
        migrants,
        one_window,
        page,
        platform,
        population,
        schools,
        social_insurance,
        tencent,
        traffic,
        wechat_api,
        wechat_oauth,
        wechat_pay,
    )

    app = Flask(__name__, static_folder="static", static_url_path="/_static", template_folder="templates")
    # Twice what any partner takes, so that each refuses what is too large in its own words.
    app.config["MAX_CONTENT_LENGTH"] = 2 * LARGEST_BODY
    world = World(config)
    app.extensions["sandbox"] = world
    for module in (
        wechat_api,
        wechat_oauth,
        aliyun,
        tencent,
        ems,
        population,
        migrants,
        addresses,
        social_insurance,
        market,
        schools,
        one_window,
        platform,
        wechat_pay,
        control,
        page,
    ):
        app.register_blueprint(module.blueprint(world))
    for register in traffic.blueprints(world):
        app.register_blueprint(register)
    # Browsers ask for it by themselves; a 404 would stand in their console as an error.
    app.add_url_rule("/favicon.ico", "favicon", lambda: ("", 204))
    return app


def world_of(app: Flask) -> World:
    """Return the common ground of a sandbox made by `create_sandbox`."""
    world = app.extensions["sandbox"]
    assert isinstance(world, World)  # noqa: S101  # narrows the type of a value that only create_sandbox sets
    return world
