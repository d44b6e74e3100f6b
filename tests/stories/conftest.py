"""One installation and one browser for all stories of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.house import House, running, wait_for_url
from tests.pages_kit import PagesBrowser, pages_browser
from tests.stories.kit import Story


# Wider than elsewhere: no test of this folder looks at rows that wait in this process.
@pytest.fixture(scope="package")
def _live(_sandbox: House, _application: Flask) -> Iterator[House]:
    house = _sandbox
    web, worker, scheduler = house.web(), house.run("worker", "worker"), house.run("scheduler", "scheduler")
    with running(web, worker, scheduler):
        wait_for_url(f"{house.web_url}/healthz", web)
        yield house


@pytest.fixture(scope="package")
def chromium() -> Iterator[PagesBrowser]:
    """One Chromium; a context for each person."""
    with pages_browser() as browser:
        yield browser


@pytest.fixture
def application(_application: Flask) -> Flask:
    """The same installation from within, to look into its database."""
    return _application


@pytest.fixture
def story(live: House, outside: House, chromium: PagesBrowser) -> Iterator[Callable[..., Story]]:
    """A maker of stories, each about a person of their own: ``story(seed)``."""
    yield lambda seed: Story(live, chromium, seed)
    chromium.close()
