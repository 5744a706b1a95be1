"""Instruction-editing restorers: each family as a tiny build, and the way of a pixel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from diffusers import DiffusionPipeline  # noqa: E402 - needs torch

from ggt_hf.restoration.export import export_pipeline  # noqa: E402
from ggt_hf.restoration.pipelines.registry import EDITING, editing_class  # noqa: E402
from ggt_hf.restoration.tiling import grid  # noqa: E402
from ggt_hf.synthesis.editors.families import FAMILIES  # noqa: E402
from tests.hub_server.loopback import Hub  # noqa: E402
from tests.making import picture  # noqa: E402
from tests.restoration.editing import RULES, let_edit, restorer, saved_lora, seeded  # noqa: E402
from tests.restoration.restorers import chart, shift_of  # noqa: E402
from tests.synthesis import tiny  # noqa: E402


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tiny.small_canvases(monkeypatch, RULES):
        yield


def pixels(made: Any, given: Any, seed: int = 5, **call: Any) -> NDArray[np.uint8]:
    return np.asarray(made(given, generator=seeded(seed), **call).images[0])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_each_family_restores_saves_and_loads_to_the_same(name: str, tmp_path: Path) -> None:
    made = restorer(name)
    given = picture(3, 150, 101)
    restored = pixels(made, given)
    assert restored.shape == given.shape
    assert restored.std() > 2
    assert np.array_equal(pixels(made, given), restored)
    assert not np.array_equal(pixels(made, given, seed=6), restored)
    made.save_pretrained(tmp_path)
    # torchvision, which Qwen's processor needs, is not everywhere; then it is handed over.
    parts = {"processor": made.processor} if name.startswith("qwen") else {}
    back = type(made).from_pretrained(tmp_path, **parts)
    back.set_progress_bar_config(disable=True)
    assert back.prompt == "Remove the rain."
    assert np.array_equal(pixels(back, given), restored)
    plain = DiffusionPipeline.from_pretrained(tmp_path, **parts)
    assert type(plain).__name__ == made.family


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_each_family_takes_a_lora(name: str, tmp_path: Path) -> None:
    made = restorer(name)
    given = picture(3, 64, 64)
    without = pixels(made, given)
    made.load_lora_weights(saved_lora(name, tmp_path), use_safetensors=True)
    changed = pixels(made, given)
    assert not np.array_equal(changed, without)
    made.unload_lora_weights()
    assert np.array_equal(pixels(made, given), without)


@pytest.mark.parametrize("name", EDITING)
@pytest.mark.parametrize("size", [(257, 383), (1000, 750), (64, 64), (16, 900)])
def test_nothing_moves(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The published canvases, with an editor that gives back what it is shown."""
    kind = editing_class(name)
    assert kind
    made: Any = kind.__new__(kind)
    calls = let_edit(monkeypatch, made, lambda image: image)
    given = chart(*size)
    back = np.asarray(made.edit(Image.fromarray(given)))
    assert back.shape == given.shape
    rule = FAMILIES[name].rule
    assert rule.canvas(calls[0]["size"]) == calls[0]["size"]
    assert 10 * np.log10(255**2 / max(1e-9, np.square(back.astype(float) - given).mean())) > 34
    if min(size) >= 64:
        assert max(map(abs, shift_of(back, given))) < 0.05
        corner = given[: size[1] // 2, : size[0] // 2], back[: size[1] // 2, : size[0] // 2]
        assert max(map(abs, shift_of(corner[1], corner[0]))) < 0.05


@pytest.mark.usefixtures("small")
def test_pictures_of_unlike_sizes_go_together_each_with_its_seed() -> None:
    made = restorer("flux2_klein")
    sizes = [(257, 383), (64, 64), (16, 40)]
    given = [picture(number, *size) for number, size in enumerate(sizes)]
    together = made(given, generator=[seeded(n) for n in range(3)]).images
    assert [image.size for image in together] == sizes
    alone = made(given[1], generator=seeded(1), output_type="np").images[0]
    assert np.array_equal((alone * 255).round(), np.asarray(together[1]))
    prompts = made(given, ["Remove rain."] * 3, generator=[seeded(n) for n in range(3)]).images
    assert not np.array_equal(np.asarray(prompts[1]), np.asarray(together[1]))
    with pytest.raises(ValueError, match="prompt has 2 entries for 3 pictures"):
        made(given, ["a", "b"])


@pytest.mark.usefixtures("small")
def test_what_is_changed_can_be_less_and_its_colours_the_input_s() -> None:
    made = restorer("flux2_klein")
    given = picture(3, 96, 80)
    assert np.array_equal(pixels(made, given, strength=0.0), given)
    half = (pixels(made, given).astype(float) + given) / 2
    assert np.abs(pixels(made, given, strength=0.5) - half).max() <= 1
    for fix in ("wavelet", "statistics"):
        mean = pixels(made, given, color_fix=fix).mean((0, 1))
        assert np.abs(mean - given.mean((0, 1))).max() < 6
    assert np.abs(pixels(made, given).mean((0, 1)) - given.mean((0, 1))).max() > 6


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["flux2_klein", "instruct_pix2pix_xl", "flux_kontext"])
def test_tiles_begin_from_the_same_noise_where_they_overlap(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = restorer(name)
    calls = let_edit(monkeypatch, made, lambda image: image)
    given = picture(3, 208, 128)
    assert np.array_equal(pixels(made, given, overlap=48, overview=False), given)
    assert [call["size"] for call in calls] == [(128, 128)] * 2
    first, second = (cells(call["latents"], name) for call in calls)
    side = first.shape[1]
    shared = side * 48 // 128
    assert torch.equal(first[:, side - shared :], second[:, :shared])
    assert not torch.equal(first, second)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_each_family_restores_tiles_in_half_precision(name: str) -> None:
    made = restorer(name).to(dtype=torch.bfloat16)
    given = picture(3, 160, 128)
    assert pixels(made, given, tile=128, overlap=64).shape == given.shape


def cells(latents: Any, name: str) -> Any:
    """Latents as (rows, columns, channels) of one picture."""
    if name == "flux_kontext":
        return latents[0].unflatten(0, (8, 8))
    return latents[0].permute(1, 2, 0)


def test_tiles_share_one_light_and_show_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor that gives each picture the same mean, as one that lifts shadows does."""
    y, x = np.mgrid[:400, :600]
    ramp = 20 + x / 3 + 8 * np.sin(y / 1.7) * np.cos(x / 1.3)
    given = np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)

    def lift(image: Image.Image) -> Image.Image:
        bright = np.asarray(image).astype(float)
        return Image.fromarray((bright / bright.mean() * 100).clip(0, 255).astype(np.uint8))

    wanted = np.asarray(lift(Image.fromarray(given))).astype(float)
    errors = {}
    with tiny.small_canvases(monkeypatch, RULES):
        made = restorer("flux2_klein")
        let_edit(monkeypatch, made, lift)
        for overview in (True, False):
            result = pixels(made, given, overlap=32, overview=overview).astype(float)
            errors[overview] = np.abs(result - wanted).mean((0, 2))
    across = grid(600, 128, 32, 16)
    border = np.zeros(600, bool)
    for start in across.starts[1:]:
        border[start : start + 32] = True
    assert errors[True][border].mean() < 1.1 * errors[True][~border].mean()
    assert errors[True].mean() < errors[False].mean() / 8


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("name", "encoder"), [
    ("flux2_klein", "text_encoder"), ("flux_kontext", "text_encoder_2"),
    ("z_image", "text_encoder"), ("instruct_pix2pix_xl", "text_encoder_2"),
])  # fmt: skip
def test_a_prompt_is_encoded_once_for_all_tiles(name: str, encoder: str) -> None:
    made = restorer(name)
    runs: list[int] = []
    getattr(made, encoder).register_forward_hook(lambda *_: runs.append(1))
    pixels(made, picture(3, 64, 64))
    once = len(runs)
    assert once
    tiled = pixels(made, picture(3, 208, 160), overlap=32)
    assert len(runs) == 2 * once
    again = pixels(made, [picture(3, 208, 160)], prompt=["Remove the rain."], overlap=32)
    assert np.array_equal(tiled, again)
    pixels(made, picture(3, 64, 64), prompt="Remove the snow.")
    assert len(runs) == 4 * once


@pytest.mark.usefixtures("small")
def test_where_memory_runs_out_tiles_grow_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full memory is played: there is no accelerator to fill."""
    rule = replace(FAMILIES["Flux2KleinPipeline"].rule, max_pixels=1024 * 1024)
    changed = replace(FAMILIES["Flux2KleinPipeline"], rule=rule)
    monkeypatch.setitem(FAMILIES, "Flux2KleinPipeline", changed)  # type: ignore[arg-type]
    made = restorer("flux2_klein")

    def edit(image: Image.Image) -> Image.Image:
        if image.width * image.height > 360 * 360:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return image

    calls = let_edit(monkeypatch, made, edit)
    given = chart(700, 600)
    made(given, generator=seeded(1))
    assert calls[0]["size"] == (704, 608)
    assert [call["size"] for call in calls[1:3]] == [(368, 320), (336, 336)]
    with pytest.raises(torch.OutOfMemoryError):
        made(given, tile=512)


@pytest.mark.usefixtures("small")
def test_an_answer_that_is_no_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = restorer("flux2_klein")
    let_edit(monkeypatch, made, lambda image: Image.new("RGB", image.size))
    with pytest.raises(RuntimeError, match="one flat colour"):
        made(picture(0, 64, 64))
    assert made(np.zeros((64, 64, 3), np.uint8)).images[0].size == (64, 64)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"tile": 10}, "tile must be"),
        ({"color_fix": "magic"}, "color_fix must be"),
        ({"output_type": "jpeg"}, "output_type must be"),
        ({"guidance": 1}, "takes no guidance; it takes"),
    ],
)
@pytest.mark.usefixtures("small")
def test_what_cannot_be_meant_is_named(call: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        restorer("flux2_klein")(picture(0, 64, 64), **call)


REPO = "ggt/editing-restorer"

WITHOUT_OURS = """
import sys
sys.modules["ggt_hf"] = None  # importing it fails, as where it is not installed
import numpy as np, torch
from diffusers import DiffusionPipeline
torch.set_num_threads(1)
where, given, result = sys.argv[1:]
assert type(DiffusionPipeline.from_pretrained(where)).__name__ == "Flux2KleinPipeline"
pipeline = DiffusionPipeline.from_pretrained(
    where, custom_pipeline="pipeline", trust_remote_code=True
)
made = pipeline(np.load(given), generator=torch.Generator().manual_seed(5), tile=128, overlap=32)
np.save(result, np.asarray(made.images[0]))
"""


def test_an_exported_one_needs_no_package_of_ours(hub: Hub, tmp_path: Path) -> None:
    made = restorer("flux2_klein")
    given = picture(3, 200, 144)
    np.save(tmp_path / "given.npy", given)
    export_pipeline(made, tmp_path / "model")
    hub.api().create_repo(REPO)
    hub.api().upload_folder(repo_id=REPO, folder_path=tmp_path / "model")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_OURS, REPO, "given.npy", "result.npy"],
        capture_output=True, text=True, timeout=250, cwd=tmp_path,
        env=hub.env() | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    torch.set_num_threads(1)
    wanted = pixels(made, given, tile=128, overlap=32)
    assert np.array_equal(np.load(tmp_path / "result.npy"), wanted)
    # Our class takes the numbers of the same repository, and none of its code.
    assert type(made).from_pretrained(REPO).prompt == "Remove the rain."


@pytest.mark.usefixtures("small")
def test_each_step_can_be_watched_and_each_tile() -> None:
    made = restorer("flux2_klein")
    steps, tiles = [], []

    def watch(pipeline: Any, step: int, timestep: Any, kept: dict[str, Any]) -> dict[str, Any]:
        steps.append(step)
        return kept

    given = picture(3, 208, 64)
    pixels(
        made, given, overlap=48, overview=False, callback_on_step_end=watch,
        callback_on_tile_end=lambda pipeline, done, total: tiles.append((done, total)),
    )  # fmt: skip
    assert tiles == [(done, len(tiles)) for done in range(1, len(tiles) + 1)]
    assert steps == [0, 1] * len(tiles)
