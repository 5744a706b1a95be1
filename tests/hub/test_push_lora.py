"""A LoRA, trained on a base of the Hub, pushed, and taken back by its card alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.hub.push import push_model
from ggt_hf.restoration.editing import EditingOptions
from ggt_hf.restoration.loading import load_restorer
from ggt_hf.training.record import RunRecord
from ggt_hf.training.train import train
from tests.hub_server.loopback import Hub, Mode
from tests.making import encoded, picture
from tests.synthesis import tiny
from tests.training.runs import pairs_at, recipe_of
from tests.training.tiny_bases import ENCODING

BASE, LORA = "ggt/base", "ggt/lora"
PROMPT = "Remove the rain."


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    with tiny.small_canvases(monkeypatch):
        yield


def lora_of(name: str, root: Path) -> Path:
    """The folder of a run that trained a LoRA on the base that is on the Hub."""
    pairs = {"pairs": str(pairs_at(root / "pairs", 2))}
    model = {"kind": "lora", "base": BASE, "prompt": PROMPT, "rank": 2} | {
        "encoding": ENCODING.get(name, {})
    }
    data = {"sources": [pairs], "crop": 64, "batch_size": 2}
    recipe = recipe_of(
        root, model=model, data=data, validation=None, steps=3, average=0,
        optimizer={"rate": 0.02, "warmup": 0},
    )  # fmt: skip
    train(recipe, root / "run", device="cpu", quiet=True)
    return root / "run"


def restored(made: Any, name: str, **call: Any) -> Any:
    made.set_progress_bar_config(disable=True)
    draw = torch.Generator().manual_seed(5)
    call = {**tiny.CALLS[name], "num_inference_steps": 2, **call}
    return np.asarray(made(picture(3, 90, 70), generator=draw, **call).images[0])


@pytest.mark.parametrize("name", ["flux2_klein", "instruct_pix2pix"])
def test_a_lora_goes_to_the_hub_and_comes_back(
    hub: Hub, hub_mode: Mode, name: str, tmp_path: Path
) -> None:
    base = tiny.build(name)
    base.push_to_hub(BASE, private=True)
    run = lora_of(name, tmp_path)
    record = RunRecord.read(run)
    assert record.model["revision"] == hub.api().model_info(BASE).sha
    report = push_model(run, LORA, quiet=True)
    assert report.num_proven == len(report.plan.files)

    wanted = EditingOptions(lora=str(run / "model"))
    here = restored(load_restorer(BASE, device="cpu", editing=wanted), name, prompt=PROMPT)
    alone = load_restorer(LORA, device="cpu")
    assert alone.prompt == PROMPT
    assert np.array_equal(restored(alone, name), here)
    base.load_lora_weights(LORA)
    assert np.array_equal(restored(type(alone)(**base.components), name, prompt=PROMPT), here)
    plain = restored(load_restorer(BASE, device="cpu"), name, prompt=PROMPT)
    assert not np.array_equal(plain, here)


def test_its_card_and_the_command(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import hf_hub_download

    tiny.build("instruct_pix2pix").push_to_hub(BASE, private=True)
    push_model(lora_of("instruct_pix2pix", tmp_path), LORA, quiet=True)
    card = Path(hf_hub_download(LORA, "README.md")).read_text()
    head = yaml.safe_load(card.split("---")[1])
    assert (head["base_model"], head["base_model_relation"]) == (BASE, "adapter")
    assert head["instance_prompt"] == PROMPT
    for words in (
        "A LoRA of rank 2 for the editing pipeline `StableDiffusionInstructPix2PixPipeline`",
        f"The licence of the base, {BASE}, holds as well",
        f"--model {BASE} --lora {LORA}",
        "Prompt (given)",
    ):
        assert words in card, words

    (tmp_path / "photo.png").write_bytes(encoded(picture(5, 77, 53)))
    common = [str(tmp_path / "photo.png"), "--device", "cpu", "--steps", "2", "--quiet"]
    ways = [["--model", LORA], ["--model", BASE, "--lora", LORA, "--prompt", PROMPT]]
    made = []
    for number, way in enumerate(ways):
        out = tmp_path / f"{number}.png"
        done = CliRunner().invoke(app, ["restore", common[0], str(out), *common[1:], *way])
        assert done.exit_code == 0, done.output
        made.append(np.asarray(Image.open(out)))
    assert made[0].shape == (53, 77, 3)
    assert np.array_equal(*made)
