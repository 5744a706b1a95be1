"""How the embedded restorer is made: trained in two phases, killed, resumed, measured, shipped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ggt_hf.data.streaming.order import salt
from ggt_hf.restoration.embedded import embedded_folder
from ggt_hf.restoration.loading import load_restorer
from tests.halting import killed_after
from tests.hub_server.loopback import REPOSITORY
from tests.making import encoded, picture

WEIGHTS = "restorer/diffusion_pytorch_model.safetensors"
SMALL = [
    "--steps", "6", "--check", "2", "--picture", "64", "--patch", "32",
    "--channels", "8", "8", "8", "12", "--blocks", "1", "1", "1", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photographs for training, one for validation, one for the test, by their names."""
    folder = tmp_path_factory.mktemp("photos")
    draws = {f"photo-{number}": salt("held out", f"photo-{number}") % 12 for number in range(99)}
    train = [name for name, draw in draws.items() if draw > 1][:5]
    held = [next(name for name, draw in draws.items() if draw == wanted) for wanted in (1, 0)]
    for number, name in enumerate([*train, *held]):
        (folder / f"{name}.jpg").write_bytes(encoded(picture(number, 256, 256), "JPEG"))
    return folder


def start(script: str, *words: str | Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(REPOSITORY / "scripts" / script), *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def train(photos: Path, out: Path, *words: str) -> subprocess.Popen[bytes]:
    return start("train_embedded_restorer.py", photos, out, *SMALL, *words)


@pytest.fixture(scope="module")
def bold(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of the first phase: six steps."""
    out = tmp_path_factory.mktemp("bold") / "run"
    assert train(photos, out).wait() == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("phase", [[], ["--settle"]])
def test_killed_and_resumed_it_ends_with_the_same_weights(
    photos: Path, bold: Path, tmp_path: Path, phase: list[str]
) -> None:
    undisturbed = bold
    if phase:
        undisturbed = tmp_path / "undisturbed"
        assert train(photos, undisturbed, *phase).wait() == 0
    # One checkpoint is there, and the next one beside it is not in its place yet.
    script = REPOSITORY / "scripts" / "train_embedded_restorer.py"
    killed_after("torch:save", 2, script, photos, tmp_path / "killed", *SMALL, *phase)
    assert state_of(tmp_path / "killed")["step"] == 2
    assert train(photos, tmp_path / "killed", *phase).wait() == 0
    runs = (undisturbed, tmp_path / "killed")
    states = [state_of(run) for run in runs]
    for part in ("restorer", "average", "judge"):
        for name, weights in states[0][part].items():
            assert torch.equal(weights, states[1][part][name]), name
    written = [(run / "restorer" / WEIGHTS).read_bytes() for run in runs]
    assert written[0] == written[1]


@pytest.mark.slow
def test_what_was_trained_becomes_a_folder_that_can_be_shipped(
    photos: Path, bold: Path, tmp_path: Path
) -> None:
    out, shipped, calm = tmp_path / "out", tmp_path / "shipped", tmp_path / "calm"
    shutil.copytree(bold, calm)
    assert train(photos, calm, "--settle", "--steps", "8", "--decay", "0").wait() == 0
    settled = state_of(calm)
    assert (state_of(bold)["step"], settled["step"], settled["begun"]) == (6, 8, 6)
    folders = [bold / "restorer", calm / "restorer"]
    assert start("blend_restorers.py", *folders, out, "--share", "0.25").wait() == 0
    options = ["--restorer", out, "--out", shipped, "--side", "64"]
    assert start("measure_embedded_restorer.py", photos, *options).wait() == 0
    assert (shipped / WEIGHTS).read_bytes() == (out / WEIGHTS).read_bytes()
    states = [load_restorer(f, device="cpu").restorer.state_dict() for f in (*folders, shipped)]
    for name, weights in settled["average"].items():
        assert torch.equal(states[1][name], weights.half().float()), name
        blended = torch.lerp(states[0][name], states[1][name], 0.25)
        assert torch.equal(states[2][name], blended.half().float()), name
    # What ships has the same files, and its card tells what was measured.
    assert sorted(names(shipped)) == sorted(names(embedded_folder()))
    card = (shipped / "README.md").read_text(encoding="utf-8")
    for numbers in json.loads((shipped / "measured.json").read_text())["held_out"].values():
        assert f"{numbers['classical']['psnr']:.2f}" in card
    assert "--settle --steps 8" in card and "--share 0.25" in card


def state_of(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "checkpoint.pt", weights_only=True)
    return state


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
