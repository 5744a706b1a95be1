"""Networks of spandrel's architectures: built, trained, stored, loaded, and read from others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ggt_hf.errors import ModelError, ReadError, UsageError
from ggt_hf.restoration.loading import load_restorer, save_restorer
from ggt_hf.restoration.networks import RegressionRestorer
from ggt_hf.training.record import RunRecord
from ggt_hf.training.train import train
from tests.making import picture
from tests.training.runs import recipe_of

NAFNET = {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1]}
SWINIR = {
    "img_size": 16, "upscale": 1, "window_size": 8, "embed_dim": 12, "depths": [2],
    "num_heads": [2], "mlp_ratio": 2, "upsampler": "", "resi_connection": "1conv",
}  # fmt: skip
SCUNET = {"config": [1] * 7, "dim": 64}
NETWORKS = {"NAFNet": NAFNET, "SwinIR": SWINIR}


@pytest.fixture(autouse=True)
def transforms(stand_in_torchvision: None) -> None:
    """spandrel imports a name or two of torchvision, for networks that are not used here."""
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_trains_and_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = {"kind": "regression", "architecture": name, "parameters": NETWORKS[name]}
    data = {"sources": [{"pairs": str(tmp_path / "pairs")}], "crop": 40, "batch_size": 2}
    recipe = recipe_of(tmp_path, model=model, data=data, steps=20, log_every=5, average=0)
    record = train(recipe, tmp_path / "run", device="cpu", quiet=True)
    assert record.validations[-1]["psnr"] > record.validations[0]["psnr"] + 1
    assert record.model["architecture"] == name
    assert {path.name for path in (tmp_path / "run" / "model").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    assert_same_pictures(tmp_path / "run" / "model", tmp_path / "again")


def test_scunet_is_built_and_comes_back(tmp_path: Path) -> None:
    """Its least width trains too slowly for a test."""
    torch.manual_seed(0)
    save_restorer(RegressionRestorer("SCUNet", SCUNET), tmp_path / "model")
    assert_same_pictures(tmp_path / "model", tmp_path / "again")


def assert_same_pictures(model: Path, again: Path) -> None:
    """A second trip through the disk changes no pixel, at an odd size."""
    lq = picture(3, 61, 43)
    first = load_restorer(model, device="cpu")
    save_restorer(first.restorer, again)
    second = load_restorer(again, device="cpu")
    results = []
    for pipeline in (first, second):
        pipeline.set_progress_bar_config(disable=True)
        results.append(np.asarray(pipeline(lq).images[0]))
    assert results[0].shape == lq.shape
    assert np.array_equal(*results)
    assert not np.array_equal(results[0], lq)


def nafnet_weights() -> dict[str, torch.Tensor]:
    from spandrel.architectures.NAFNet import NAFNet

    torch.manual_seed(1)
    return dict(NAFNet(**NAFNET).state_dict())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_others_are_read_and_trained_on(suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"theirs{suffix}"
    if suffix == ".pth":
        torch.save({"params": nafnet_weights()}, path)
    else:
        save_file(nafnet_weights(), path)
    model = {"kind": "regression", "base": str(path)}
    train(recipe_of(tmp_path, model=model, steps=1), tmp_path / "run", device="cpu", quiet=True)
    facts = RunRecord.read(tmp_path / "run").model
    assert facts["architecture"] == "NAFNet"
    assert facts["parameters"]["enc_blk_nums"] == [1, 1]


class Evil:
    """What a pickle may do to whoever opens it."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, ("touch executed",)


@pytest.mark.parametrize("name", ["theirs.pth", "theirs.ckpt", "theirs.pt", "theirs.bin"])
def test_no_pickle_is_trusted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params": nafnet_weights(), "evil": Evil()}, tmp_path / name)
    with pytest.raises((ReadError, ModelError, UsageError)):
        load_restorer(tmp_path / name, device="cpu")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"architecture": "NoSuchNet"}, "no architecture 'NoSuchNet'"),
        ({"architecture": "os"}, "no architecture 'os'"),
        ({"architecture": "NAFNet", "parameters": {"depth": 3}}, "NAFNet cannot be built"),
        ({"architecture": "NAFNet", "parameters": NAFNET | {"img_channel": 1}}, "takes 1 channels"),
        ({"base": "nowhere/to/be/found"}, "nowhere/to/be/found"),
    ],
)
def test_what_cannot_be_built_is_told(model: dict[str, Any], told: str, tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, model={"kind": "regression"} | model)
    with pytest.raises(UsageError, match=told):
        train(recipe, tmp_path / "run", device="cpu", quiet=True)
