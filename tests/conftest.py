"""Fixtures that every test may use."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests import torchvision_shim

pytest_plugins = [
    "tests.tools",
    "tests.browser",
    "tests.hub_server.fixtures",
    "tests.torchvision_absent",
]

torchvision_shim.install()

# How long an example takes says nothing on a busy machine; the same ones each time in CI.
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("unhurried")
