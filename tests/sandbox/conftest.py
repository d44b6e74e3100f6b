"""The sandbox as the process that it is, once for the run or one's own for tests that end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.kit import OurSide, Sandbox, our_server


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, OurSide]]:
    server, side = our_server()
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"), side.port)
    yield sandbox, side
    assert sandbox.stop() == 0
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(_pair: tuple[Sandbox, OurSide]) -> Iterator[Sandbox]:
    """The run's sandbox, without a planted fault before and after."""
    box = _pair[0]
    yield box
    for partner in box.http.get(f"{box.url}/_control/faults", timeout=10).json():
        box.put(f"faults/{partner}", {"mode": "none"})


@pytest.fixture
def our_side(_pair: tuple[Sandbox, OurSide]) -> Iterator[OurSide]:
    """Our application's place, empty and friendly."""
    side = _pair[1]
    side.arrived.clear()
    side.answer = lambda arrived: (200, "success")
    yield side
    side.answer = lambda arrived: (200, "success")


@pytest.fixture
def own_pair(tmp_path: Path) -> Iterator[tuple[Callable[..., Sandbox], OurSide]]:
    """For tests that end the process: a maker of sandboxes in one folder, and our side."""
    server, side = our_server()
    made: list[Sandbox] = []

    def make(**environ: str) -> Sandbox:
        made.append(Sandbox(tmp_path, side.port, **environ))
        return made[-1]

    yield make, side
    for box in made:
        if box.process.poll() is None:
            box.stop()
    server.shutdown()
    server.server_close()
