"""Pytest fixtures of the Hub. A conftest names this module in `pytest_plugins`.

Importing it starts the process's Hub, so it must come before anything that imports
huggingface_hub or datasets. Each worker of pytest-xdist has its own.

* `hub`: the Hub, empty; large files through Xet storage.
* `@pytest.mark.hub_mode("lfs")`: the same, large files through Git LFS.
* `hub_mode`: both in turn; a test that takes it (with `hub`) runs twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from tests.hub_server import loopback
from tests.hub_server.loopback import Hub, Mode

HUB = loopback.start()


@pytest.fixture
def hub(request: pytest.FixtureRequest) -> Iterator[Hub]:
    """The Hub, empty; in the mode of `hub_mode` or `@pytest.mark.hub_mode("lfs")`, else Xet."""
    HUB.refresh(_mode(request))
    yield HUB
    HUB.heal()
    assert not HUB.leaked_tokens(), "a hub token reached the storage origin"


@pytest.fixture(params=["xet", "lfs"])
def hub_mode(request: pytest.FixtureRequest) -> Mode:
    """How large files move; both in turn."""
    return cast(Mode, request.param)


def _mode(request: pytest.FixtureRequest) -> Mode:
    if "hub_mode" in request.fixturenames:
        return cast(Mode, request.getfixturevalue("hub_mode"))
    marker = request.node.get_closest_marker("hub_mode")
    return cast(Mode, marker.args[0]) if marker else "xet"


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", 'hub_mode(mode): run with "xet" or "lfs" uploads only')
