"""Alembic's environment: our tables, our column types by what PostgreSQL stores."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import create_engine, pool

import citizen_services
import notifications
from citizen_services.database.base import Base
from citizen_services.database.types import Secret, SecretJSON

for package in (citizen_services, notifications):
    for found in walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith("models"):
            import_module(found.name)


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
