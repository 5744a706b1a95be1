"""LoRAs of the editing pipelines: each family learns, is saved, and comes back bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from typer.testing import CliRunner

from ggt_hf.cli.app import app
from ggt_hf.errors import ReadError, UsageError
from ggt_hf.restoration.pipelines.registry import editing_class
from ggt_hf.training.learners.opening import open_learner
from ggt_hf.training.train import train
from tests.making import picture
from tests.synthesis import tiny
from tests.training.runs import assert_same, pairs_at, recipe_of, state_of
from tests.training.tiny_bases import ENCODING, FAMILIES, base_at


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    with tiny.small_canvases(monkeypatch):
        yield


def lora_recipe(name: str, root: Path, patch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """A recipe that gives a tiny build a LoRA; two pairs make an epoch."""
    if not (root / "base").exists():
        base_at(name, root / "base", patch)
        pairs_at(root / "pairs", 2)
    model = {
        "kind": "lora", "base": str(root / "base"), "prompt": "Remove the rain.", "rank": 4,
        "encoding": ENCODING.get(name, {}),
    } | changes.pop("model", {})  # fmt: skip
    source = {"pairs": str(root / "pairs")}
    options = {
        "model": model,
        "data": {"sources": [source], "crop": 64, "batch_size": 2},
        "validation": {"source": source | {"split": "test"}, "count": 1, "every": 1000},
        "optimizer": {"rate": 2e-2, "warmup": 2, "decay": "constant"},
        "average": 0, "steps": 24, "checkpoint_every": 1000,
    }  # fmt: skip
    options["validation"]["inference_steps"] = 2
    return recipe_of(root, **options | changes)


def fixed_loss(learner: Any) -> float:
    """The loss of one batch, averaged over the same draws of noise."""
    lq, gt = (
        torch.from_numpy(picture(seed, 64, 64)).permute(2, 0, 1)[None].float() / 255
        for seed in (1, 2)
    )
    found = []
    for seed in range(8):
        torch.manual_seed(seed)
        with torch.no_grad():
            found.append(float(learner(lq, gt, ["key"])))
    return sum(found) / len(found)


def restored(made: Any, name: str) -> Any:
    made.set_progress_bar_config(disable=True)
    call = tiny.CALLS[name] | {"num_inference_steps": 2}
    draw = torch.Generator().manual_seed(5)
    return np.asarray(made(picture(3, 90, 70), "Remove rain.", generator=draw, **call).images[0])


def over(pipeline: Any) -> Any:
    """Our restorer over a pipeline's networks."""
    kind = editing_class(type(pipeline).__name__)
    assert kind is not None
    return kind(**pipeline.components)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_learns_and_its_lora_comes_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = lora_recipe(name, tmp_path, monkeypatch)
    path, run = tmp_path / "recipe.yaml", tmp_path / "run"
    path.write_text(recipe.model_dump_json())
    done = CliRunner().invoke(app, ["train", str(path), "-o", str(run), "--device", "cpu", "-q"])
    assert done.exit_code == 0, done.output
    learner = open_learner(recipe)
    here = over(learner.pipeline)
    learner.place(torch.device("cpu"))
    before = fixed_loss(learner)
    learner.load_state_dict(state_of(run).weights, strict=False)
    assert fixed_loss(learner) < 0.97 * before

    with safe_open(run / "model" / "pytorch_lora_weights.safetensors", "pt") as weights:
        stored = set(weights.keys())
        assert all(key.startswith(f"{learner.part}.") for key in stored)
        assert weights.metadata()["lora_adapter_metadata"]
    again = over(tiny.build(name))
    plain = restored(again, name)
    again.load_lora_weights(run / "model")
    assert np.array_equal(restored(again, name), restored(here, name))
    assert not np.array_equal(restored(again, name), plain)


def pipeline_noise(name: str, learner: Any, lq: torch.Tensor, seed: int) -> torch.Tensor:
    """The noise of `learner.restore`, as the family's pipeline takes it."""
    shown = learner.encode(learner._shown(lq))
    noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(seed))
    if name.startswith("flux2"):
        return noise.transpose(1, 2).unflatten(2, (tiny.SIDE // 16, tiny.SIDE // 16))
    if name == "z_image":
        levels = learner._levels(3, (tiny.SIDE // 16, tiny.SIDE // 16))
        return learner.start(learner.see(lq), noise, float(levels[0]))
    return noise


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_trained_is_what_the_pipeline_asks_of_the_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Validation restores with the learner's own way to the network, which training takes, too:
    the same noise must give the same picture as the pipeline itself.
    """
    validation = {"source": {"pairs": str(tmp_path / "pairs")}, "inference_steps": 3}
    learner: Any = open_learner(lora_recipe(name, tmp_path, monkeypatch, validation=validation))
    base = tiny.build(name)
    learner.place(torch.device("cpu"))
    given = picture(3, tiny.SIDE, tiny.SIDE)
    lq = torch.from_numpy(given).permute(2, 0, 1)[None].float() / 255
    call = learner.call | tiny.CALLS[name] | {"num_inference_steps": 3}
    size = {"height": tiny.SIDE, "width": tiny.SIDE}
    if name == "instruct_pix2pix":
        base.scheduler = diffusers.DDIMScheduler.from_config(
            learner.pipeline.scheduler.config, clip_sample=False
        )
        call["guidance_scale"], size = 1, {}
    if name == "flux_kontext":
        call["max_area"] = tiny.SIDE**2
    if name == "z_image":
        base = diffusers.ZImageImg2ImgPipeline(**base.components)
    base.set_progress_bar_config(disable=True)
    noise = pipeline_noise(name, learner, lq, seed=4)
    made = base(
        prompt="Remove the rain.", image=Image.fromarray(given), latents=noise, output_type="np",
        **call, **size,
    ).images[0]  # fmt: skip
    own = learner.restore(lq, seed=4)[0].permute(1, 2, 0).numpy()
    assert made.std() > 0.02
    assert np.abs(own - made).max() < 2e-3


@pytest.mark.parametrize("name", ["flux2_klein", "qwen_image_edit"])
def test_the_prompt_is_read_once_and_its_reader_let_go(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But where it looks at the picture, too."""
    learner: Any = open_learner(lora_recipe(name, tmp_path, monkeypatch))
    learner.place(torch.device("cpu"))
    assert (learner.pipeline.text_encoder is None) == (name == "flux2_klein")
    names = {key.split(".")[0] for key in learner.state_dict()}
    assert names == {"network"}
    assert all("lora_" in key for key in learner.trained_state())
    assert fixed_loss(learner) == fixed_loss(learner)


def test_a_lora_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = lora_recipe("flux2_klein", tmp_path, monkeypatch, steps=6, average=0.9)
    train(recipe, tmp_path / "whole", device="cpu", quiet=True)
    for steps in (2, 6):
        train(recipe, tmp_path / "halves", device="cpu", quiet=True, steps=steps)
    whole, halves = state_of(tmp_path / "whole"), state_of(tmp_path / "halves")
    assert_same(whole.weights, halves.weights)
    assert_same(whole.average, halves.average)


@pytest.mark.parametrize("name", ["flux2_klein", "instruct_pix2pix"])
def test_the_base_is_narrow_and_the_lora_is_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = lora_recipe(
        name, tmp_path, monkeypatch, steps=2, precision="bfloat16", gradient_checkpointing=True
    )
    train(recipe, tmp_path / "run", device="cpu", quiet=True)
    learner: Any = open_learner(recipe)
    frozen = [one for one in learner.parameters() if not one.requires_grad]
    assert {one.dtype for one in frozen} == {torch.bfloat16}
    assert {one.dtype for one in learner.trained().values()} == {torch.float32}
    assert {one.dtype for one in state_of(tmp_path / "run").weights.values()} == {torch.float32}


@pytest.mark.parametrize("wanted", ["epsilon", "v_prediction", "sample"])
def test_instruct_pix2pix_learns_what_its_scheduler_asks_for(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that answers with what is asked for has no loss; nothing is hidden from it."""
    model = {"hide": 0}
    recipe = lora_recipe("instruct_pix2pix", tmp_path, monkeypatch, model=model)
    learner: Any = open_learner(recipe)
    learner.place(torch.device("cpu"))
    learner.pipeline.scheduler.register_to_config(prediction_type=wanted)
    lq, gt = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    clean = learner.encode(learner._shown(gt)) * learner.pipeline.vae.config.scaling_factor
    seen = learner.encode(learner._shown(lq))

    def answer(given: torch.Tensor, time: torch.Tensor, words: Any, **_: Any) -> Any:
        noisy, shown = given.chunk(2, 1)
        assert torch.equal(shown, seen)
        kept = learner._scheduler("DDPMScheduler").alphas_cumprod[time].view(-1, 1, 1, 1)
        noise = (noisy - kept.sqrt() * clean) / (1 - kept).sqrt()
        told = {
            "epsilon": noise,
            "v_prediction": kept.sqrt() * noise - (1 - kept).sqrt() * clean,
            "sample": clean,
        }
        return (told[wanted],)

    monkeypatch.setattr(learner.network, "forward", answer)
    with torch.no_grad():
        assert float(learner(lq, gt, ["a", "b"])) < 1e-5


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        ({"base": "nowhere/at/all"}, {}, "nowhere/at/all is no pipeline that can be fetched"),
        ({"targets": ["to_nothing"]}, {}, "no layers to adapt that are called to_nothing"),
        ({"encoding": {"wishes": 3}}, {}, "encode_prompt"),
        ({}, {"crop": 56}, "multiples of 16; data.crop is 56"),
    ],
)
def test_what_cannot_be_trained_is_told(
    model: dict[str, Any],
    data: dict[str, Any],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = lora_recipe("flux2_klein", tmp_path, monkeypatch, model=model)
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update=data)})
    with pytest.raises((UsageError, ReadError), match=told) as caught:
        train(recipe, tmp_path / "run", device="cpu", quiet=True)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ('{"_class_name": "StableDiffusionPipeline"}', "which is not finetuned here"),
        ('{"_class_name": ["a", "B"]}', "which is not finetuned here"),
        ("[]", "is no pipeline"),
        ('{"_class_name": "Flux2KleinPipeline"}', "cannot be loaded"),
    ],
)
def test_bases_that_are_none_are_told(
    index: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = lora_recipe("flux2_klein", tmp_path, monkeypatch)
    base = tmp_path / "other"
    base.mkdir()
    (base / "model_index.json").write_text(index)
    model = recipe.model.model_copy(update={"base": str(base)})
    with pytest.raises((UsageError, ReadError), match=told):
        open_learner(recipe.model_copy(update={"model": model}))
