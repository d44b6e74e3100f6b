"""Alembic's environment: our tables, our column types by what PostgreSQL stores."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import create_engine, pool

from citizen_services.database.base import Base
from citizen_services.database.types import Secret, SecretJSON

for room in ("database", "people", "exchange", "registers", "materials", "cases", "wechat"):
    import_module(f"citizen_services.{room}.models")
for module in (
    "people.acting_models",
    "people.administration_models",
    "people.credential_models",
    "cases.figure_models",
    "cases.household_models",
    "cases.export_models",
    "cases.serving_models",
):
    import_module(f"citizen_services.{module}")
import_module("notifications.models")


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write encrypted columns as what they are in the database: bytes. A migration must not depend on our code of today."""
    if kind == "type" and isinstance(item, (Secret, SecretJSON)):
        return "sa.LargeBinary()"
    return False


engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
