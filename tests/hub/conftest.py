from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub.datasets_here import dataset_at


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pauses between attempts are real but short; what we remember lies in the test's folder."""
    monkeypatch.setattr("ggt_hf.hub.refusals.FIRST_PAUSE", 0.02)
    monkeypatch.setenv("GGT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return dataset_at(tmp_path / "dataset")
