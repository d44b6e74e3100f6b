"""The store's folder, as every test finds it: empty."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from citizen_services.database import Base, db
from citizen_services.materials.models import Material, Upload
from citizen_services.people.models import Citizen
from tests import factories
from tests.house import House


@pytest.fixture(scope="session")
def _tables(_application: Flask) -> None:
    tables = [Base.metadata.tables[model.__tablename__] for model in (Upload, Material)]
    with _application.app_context():
        Base.metadata.create_all(db.engine, tables=tables)


@pytest.fixture
def uploads(_tables: None, app: Flask, house: House) -> Iterator[Path]:
    """The folder of the store; the application's context is pushed."""
    folder = house.settings.var_dir / "uploads"
    shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def person(uploads: Path) -> Citizen:
    """Somebody who applies."""
    return factories.citizen()
