"""Editors without a model: outputs made elsewhere, classical filters, functions."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ggt_hf.errors import EditorError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, edit
from ggt_hf.synthesis.editors.filters import restore
from ggt_hf.synthesis.editors.grid import Multiples
from ggt_hf.synthesis.editors.offline import FunctionEditor, ReplayEditor, classical_editor
from tests.making import encoded, picture


def test_replay_keeps_the_bytes_of_outputs_of_the_right_size(tmp_path: Path) -> None:
    output = encoded(picture(1, 96, 64) // 2, "JPEG")
    (tmp_path / "Street 1.jpg").write_bytes(output)
    made = edit(ReplayEditor(tmp_path), Picture("street-1", encoded(picture(1, 96, 64))), "")
    assert made.gt == output
    assert not made.regridded


def test_replay_scales_outputs_of_the_same_shape_and_refuses_others(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(1, 192, 128) // 2))
    (tmp_path / "b.png").write_bytes(encoded(picture(1, 96, 96) // 2))
    editor = ReplayEditor(tmp_path)
    photo = encoded(picture(1, 96, 64))
    assert edit(editor, Picture("a", photo), "").regridded
    for key, outcome in (("b", "wrong_size"), ("c", "error")):
        with pytest.raises(NoPictureError) as caught:
            edit(editor, Picture(key, photo), "")
        assert caught.value.outcome == outcome


def test_replay_refuses_two_outputs_for_one_key(tmp_path: Path) -> None:
    for name in ("A.png", "a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(EditorError, match="both outputs for a"):
        ReplayEditor(tmp_path)


def test_classical_filters_calm_noise_and_move_nothing() -> None:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(picture(4, 6, 4))
    smooth = np.asarray(coarse.resize((192, 128), Image.Resampling.BICUBIC))
    noisy = np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)
    photo = Picture("street", encoded(noisy))
    made = edit(classical_editor(), photo, "ignored", seed=1)
    gt = np.asarray(Image.open(io.BytesIO(made.gt))).astype(float)
    assert gt.shape == noisy.shape
    # Of its contrast, which the filters raise.
    rough = [
        np.abs(np.diff(image.astype(float), axis=1)).mean() / image.std() for image in (noisy, gt)
    ]
    assert rough[1] < 0.6 * rough[0]
    assert edit(classical_editor(), photo, "other", seed=2) == made


def test_a_photograph_lying_on_its_side_is_edited_upright() -> None:
    """EXIF turns the LQ when it is loaded, so its target must be made of the turned picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Picture("street", encoded(picture(1, 96, 64), "JPEG", exif=exif))
    half = FunctionEditor(lambda pixels, *_: pixels // 2, id="half", revision="1")
    made = edit(half, photo, "")
    assert made.fed == (64, 96)
    assert Image.open(io.BytesIO(made.gt)).size == (64, 96)


def test_a_function_gets_the_sizes_it_takes_and_may_fail_on_one_picture() -> None:
    sizes = []

    def halve(pixels: np.ndarray, prompt: str, seed: int) -> np.ndarray:
        sizes.append(pixels.shape)
        if prompt == "fail":
            raise ZeroDivisionError("on purpose")
        return np.asarray(pixels // 2)

    editor = FunctionEditor(halve, id="half", revision="1", rule=Multiples(64, 1 << 20))
    photo = Picture("street", encoded(picture(1, 100, 70)))
    assert edit(editor, photo, "").regridded
    assert sizes == [(128, 128, 3)]
    with pytest.raises(NoPictureError, match="ZeroDivisionError: on purpose"):
        edit(editor, photo, "fail")


def test_classical_filters_act_where_there_is_something_to_do() -> None:
    import cv2

    rng = np.random.default_rng(1)
    flat = Image.fromarray(rng.integers(0, 256, (12, 18, 3), np.uint8))
    scene = np.asarray(flat.resize((288, 192), Image.Resampling.BICUBIC)).astype(np.float32)
    for degraded, better in (
        (scene * 0.4 + 140, lambda made, given: made.std() > 1.3 * given.std()),  # haze
        (scene * 0.15, lambda made, given: made.mean() > 1.5 * given.mean()),  # darkness
    ):
        given = degraded.astype(np.uint8)
        made = restore(given)
        assert made.shape == given.shape and made.dtype == np.uint8
        assert better(made.astype(float), given.astype(float))
        moved, _ = cv2.phaseCorrelate(*(i.mean(axis=2, dtype=np.float32) for i in (given, made)))
        assert max(map(abs, moved)) < 0.1
    for sides in ((1, 1), (7, 300)):
        assert restore(np.zeros((*sides, 3), np.uint8)).shape == (*sides, 3)
