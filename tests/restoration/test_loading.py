from __future__ import annotations

from pathlib import Path

import pytest

from ggt_hf.errors import ReadError, UsageError
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.restoration.methods import method_of
from tests.hub_server.loopback import Hub
from tests.restoration.restorers import tiny_pipeline


@pytest.mark.parametrize("model", ["no such folder", "/not/here", "./a/b", "single"])
def test_what_is_no_place_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="no ORG/NAME"):
        load_restorer(model)


def test_a_folder_without_a_restorer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds no restorer"):
        load_restorer(tmp_path)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    (weights,) = tmp_path.rglob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ReadError, match="holds no restorer"):
        load_restorer(tmp_path)


def test_a_missing_repository_is_named(hub: Hub) -> None:
    with pytest.raises(ReadError, match="ggt/nothing cannot be fetched"):
        load_restorer("ggt/nothing")


def test_a_missing_device_is_named(tmp_path: Path) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="'cuda:77' cannot be used here"):
        load_restorer(tmp_path, device="cuda:77")


@pytest.mark.parametrize("place", ["a b/c", "a<b>/c", "-a/b"])
def test_what_can_be_no_repository_is_said_so(place: str) -> None:
    with pytest.raises(UsageError, match="no model's name on the Hub"):
        method_of("mine", place).identity()
