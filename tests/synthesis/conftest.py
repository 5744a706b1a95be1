"""A running service, and photographs to synthesise from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.making import encoded, picture
from tests.synthesis.service import Service, running


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with running() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Eight photographs of the category rain, of sizes that need no resampling."""
    folder = tmp_path / "photos" / "rain"
    folder.mkdir(parents=True)
    for index in range(8):
        (folder / f"p{index}.png").write_bytes(encoded(picture(index, 96, 64)))
    return folder.parent
