"""Fixtures that every test may use."""

from __future__ import annotations

pytest_plugins = ["tests.hub_server.fixtures"]
