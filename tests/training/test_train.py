"""Runs of the small recipe: what is learnt, measured, stored and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ggt_hf.errors import TrainingError, UsageError
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.training.fidelity import psnr, ssim
from ggt_hf.training.learners.pixels import PixelLearner
from ggt_hf.training.record import RunRecord
from ggt_hf.training.train import train
from tests.making import picture
from tests.training.runs import ONE_STEP, recipe_of


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of thirty steps; the low-quality side of its pairs is half as bright."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("trained")
    source = {"sources": [{"pairs": str(root / "pairs")}], "crop": 48, "batch_size": 4}
    recipe = recipe_of(root, data=source, steps=40, trackers=["tensorboard"])
    train(recipe, root / "run", device="cpu", quiet=True)
    return root / "run"


def test_it_learns(trained: Path) -> None:
    record = RunRecord.read(trained)
    first, *_, last = record.validations
    assert (first["step"], last["step"]) == (0, 40)
    # Untrained it gives back its input.
    assert first["psnr"] == pytest.approx(first["psnr_lq"], abs=1e-6)
    assert last["psnr"] > first["psnr"] + 3
    assert last["ssim"] > first["ssim"]
    losses = [row["loss"] for row in lines(trained) if "loss" in row]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_the_record_says_how_it_came_to_be(trained: Path) -> None:
    record = RunRecord.read(trained)
    assert record.finished
    assert record.steps == 40
    assert record.pairs == 160
    (source,) = record.data
    assert source["num_pairs"] == 8
    assert len(source["root_hash"]) == 64
    assert source["licenses"] == {"CC0-1.0": 8}
    assert record.validation_data is not None
    assert record.validation_data["split"] == "test"
    assert 0 <= record.waiting_share < 1
    assert record.seconds > 0
    assert {"torch", "diffusers", "ggt-hf"} <= record.versions.keys()
    assert record.model["num_parameters"] > 10_000


def test_the_model_is_the_one_that_was_measured(trained: Path) -> None:
    """Loaded back, it gives the very pictures that validation stored."""
    pipeline = load_restorer(trained / "model", device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    strips = sorted((trained / "pictures" / "step-000040").glob("*.png"))
    assert len(strips) == 2
    for strip in strips:
        pixels = np.asarray(Image.open(strip))
        lq, restored = pixels[:, :48], pixels[:, 52:100]
        again = np.asarray(pipeline(lq.copy(), tile=None).images[0])
        assert np.abs(again.astype(int) - restored).max() <= 1


def test_the_trackers_get_the_numbers(trained: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained / "tensorboard" / "small")).Reload()
    assert {"loss", "rate", "validation/psnr"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 41))


def test_going_on_from_a_model_begins_where_it_ended(trained: Path, tmp_path: Path) -> None:
    base = {"kind": "one_step", "base": str(trained / "model")}
    record = train(
        recipe_of(trained.parent, model=base, steps=2), tmp_path / "run", device="cpu", quiet=True
    )
    before = RunRecord.read(trained).validations[-1]
    assert record.validations[0]["psnr"] == pytest.approx(before["psnr"], abs=1e-6)
    assert record.model["channels"] == ONE_STEP["channels"]


def test_gradients_that_are_no_numbers_change_nothing_and_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are made here: a run that diverges by itself takes long to do so."""
    learn = PixelLearner.forward
    seen: list[Tensor] = []

    def overflowing(self: PixelLearner, lq: Tensor, gt: Tensor, keys: Sequence[str]) -> Tensor:
        seen.append(next(self.parameters()).detach().clone())
        return learn(self, lq, gt, keys) * (float("inf") if len(seen) > 3 else 1)

    monkeypatch.setattr(PixelLearner, "forward", overflowing)
    with pytest.raises(TrainingError, match="no finite number for 10 steps") as caught:
        train(recipe_of(tmp_path, steps=60), tmp_path / "run", device="cpu", quiet=True)
    assert "rate" in caught.value.hint
    assert torch.equal(seen[3], seen[-1])
    assert [row for row in lines(tmp_path / "run") if "gradient" in row][-1]["gradient"] is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 64}, "batches of 64"),
        ({"crop": 512}, "smaller than the crop"),
        ({"sources": [{"pairs": "nowhere/at/all"}]}, "nowhere/at/all"),
        ({"sources": [{"photographs": "no-such-folder"}]}, "no-such-folder"),
    ],
)
def test_data_that_do_not_do_are_refused(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    recipe = recipe_of(tmp_path)
    data = recipe.model_dump(mode="json")["data"] | changes
    with pytest.raises(Exception, match=told) as caught:
        train(recipe_of(tmp_path, data=data), tmp_path / "run", device="cpu", quiet=True)
    assert hasattr(caught.value, "hint")


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no device 'warp'"):
        train(recipe_of(tmp_path), tmp_path / "run", device="warp", quiet=True)


def test_ssim_and_psnr_are_those_of_the_literature() -> None:
    first = torch.from_numpy(picture(1, 64, 64)).permute(2, 0, 1)[None].float() / 255
    assert float(psnr(first, first)) == pytest.approx(100)
    assert float(psnr(first * 0, first * 0 + 0.1)) == pytest.approx(20, abs=1e-4)
    assert float(ssim(first, first)) == pytest.approx(1)
    # Of two constant pictures only the means are compared: (2ab + c) / (a^2 + b^2 + c).
    flat = torch.full((1, 3, 32, 32), 0.2), torch.full((1, 3, 32, 32), 0.8)
    assert float(ssim(*flat)) == pytest.approx((0.32 + 1e-4) / (0.68 + 1e-4), abs=1e-4)
