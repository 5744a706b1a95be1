"""Fixtures that every test may use."""

from __future__ import annotations

from tests import torchvision_shim

pytest_plugins = [
    "tests.tools",
    "tests.browser",
    "tests.hub_server.fixtures",
    "tests.torchvision_absent",
]

torchvision_shim.install()
