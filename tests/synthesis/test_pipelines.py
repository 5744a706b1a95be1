"""Every listed family of local editors, as a tiny build of the very class, folder to target."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ggt_hf.errors import EditorError, UsageError
from ggt_hf.synthesis.editors.editor import Picture, edit
from ggt_hf.synthesis.editors.families import FAMILIES
from ggt_hf.synthesis.editors.grid import Buckets
from ggt_hf.synthesis.editors.opening import EditorOptions, open_editor
from ggt_hf.synthesis.editors.pipelines import Loading, PipelineEditor
from tests.making import encoded, picture

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from tests.synthesis import tiny  # noqa: E402 - needs both


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tiny.small_canvases(monkeypatch):
        yield


def opened(name: str, folder: Path, **settings: object) -> PipelineEditor:
    """The editor of a tiny build: through a folder on disk wherever its parts can be saved."""
    pipeline = tiny.build(name)
    call = {**tiny.CALLS[name], "num_inference_steps": 2, **settings}
    if name.startswith("qwen"):
        return PipelineEditor(pipeline, id=name, revision="tiny", settings=call)
    pipeline.save_pretrained(folder / name)
    editor = open_editor(
        str(folder / name), EditorOptions(settings=call, loading=Loading(device="cpu"))
    )
    assert isinstance(editor, PipelineEditor)
    return editor


def watched(editor: PipelineEditor) -> list[tuple[int, int]]:
    """The sizes (width, height) in which pictures reach the pipeline's VAE from now on."""
    seen: list[tuple[int, int]] = []
    vae = editor._loaded().vae
    encode = vae.encode

    def recording(pixels: Any, *rest: Any, **options: Any) -> Any:
        seen.append((pixels.shape[-1], pixels.shape[-2]))
        return encode(pixels, *rest, **options)

    vae.encode = recording
    return seen


@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_edits_a_photograph_of_any_size(name: str, tmp_path: Path) -> None:
    editor = opened(name, tmp_path)
    assert type(editor._loaded()).__name__ in FAMILIES
    fed = watched(editor)
    photo = Picture("street", encoded(picture(3, 150, 101), "JPEG"))
    made = edit(editor, photo, "Remove the rain.", seed=5)
    # The pipeline did not resize what it was given: the size on record is the size it saw.
    assert set(fed) == {made.fed}
    gt = np.asarray(Image.open(io.BytesIO(made.gt)))
    assert gt.shape == (101, 150, 3)
    assert gt.std() > 2
    assert made.regridded
    assert edit(editor, photo, "Remove the rain.", seed=5) == made
    assert edit(editor, photo, "Remove the rain.", seed=6).gt != made.gt


@pytest.mark.parametrize("name", ["qwen_image_edit", "flux_kontext", "z_image"])
def test_a_picture_on_the_models_own_grid_is_left_alone(name: str, tmp_path: Path) -> None:
    editor = opened(name, tmp_path)
    photo = Picture("street", encoded(picture(3, 128, 128)))
    made = edit(editor, photo, "Remove the rain.")
    assert made.fed == (128, 128)
    assert not made.regridded
    assert made.gt == editor.ask(photo, "Remove the rain.", 0)


def test_the_tables_sizes_are_those_that_the_pipelines_leave_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    from diffusers.pipelines.flux.pipeline_flux_kontext import PREFERRED_KONTEXT_RESOLUTIONS
    from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit import calculate_dimensions

    kontext = FAMILIES["FluxKontextPipeline"].rule
    assert isinstance(kontext, Buckets)
    assert sorted(kontext.sizes) == sorted(PREFERRED_KONTEXT_RESOLUTIONS)
    rule = FAMILIES["QwenImageEditPipeline"].rule
    canvases = {rule.canvas((w, h)) for w in range(300, 3000, 77) for h in range(300, 3000, 91)}
    assert len(canvases) > 20
    for width, height in canvases:
        assert calculate_dimensions(1024 * 1024, width / height)[:2] == (width, height)


def test_a_folders_revision_follows_its_weights(tmp_path: Path) -> None:
    first = opened("flux2_klein", tmp_path)
    weights = next((tmp_path / "flux2_klein" / "transformer").glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    second = open_editor(str(tmp_path / "flux2_klein"))
    assert first.revision.startswith("local:")
    assert first.revision != second.revision


def test_an_argument_the_pipeline_does_not_take_is_named(tmp_path: Path) -> None:
    editor = opened("flux2_klein", tmp_path, strength=0.3)
    with pytest.raises(UsageError, match="takes no strength"):
        edit(editor, Picture("street", encoded(picture(3, 64, 64))), "Remove the rain.")


def test_a_folder_without_a_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EditorError, match=r"no model_index\.json"):
        open_editor(str(tmp_path))
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(EditorError, match="names no class"):
        open_editor(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": ["evil", "Pipeline"]}')
    editor = open_editor(str(tmp_path))
    with pytest.raises(EditorError, match="cannot be loaded"):
        editor.ask(Picture("street", encoded(picture(3, 64, 64))), "Remove the rain.", 0)
