"""One installation and one browser for all stories of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.house import House
from tests.pages_kit import PagesBrowser, pages_browser
from tests.stories.kit import Story


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
