"""One installation for a group of these tests, started by whichever test process runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.installation import Installation, running
from tests.house import LOGS


@pytest.fixture(scope="session")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("faults")) as one:
        LOGS.update(one.logs())
        yield one


@pytest.fixture
def installation(_installation: Installation) -> Iterator[Installation]:
    """The installation with everything running, nothing frozen and no fault planted, before and after."""
    _installation.until_ready()
    yield _installation
    _installation.thaw()
    _installation.heal()
    _installation.until_ready()
