"""The embedded restorer's training, killed and resumed: the same weights as undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ggt_hf.data.streaming.order import salt
from tests.hub_server.loopback import REPOSITORY
from tests.making import encoded, picture

SCRIPT = REPOSITORY / "scripts" / "train_embedded_restorer.py"
SMALL = [
    "--steps", "6", "--check", "2", "--picture", "64", "--patch", "32",
    "--channels", "8", "8", "8", "12", "--blocks", "1", "1", "1", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photographs for training, and one for validation, by their names."""
    folder = tmp_path_factory.mktemp("photos")
    draws = {f"photo-{number}": salt("held out", f"photo-{number}") % 12 for number in range(99)}
    train = [name for name, draw in draws.items() if draw > 1][:5]
    validation = next(name for name, draw in draws.items() if draw == 1)
    for number, name in enumerate([*train, validation]):
        (folder / f"{name}.jpg").write_bytes(encoded(picture(number, 256, 256), "JPEG"))
    return folder


def start(photos: Path, out: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), str(photos), str(out), *SMALL]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_weights(photos: Path, tmp_path: Path) -> None:
    assert start(photos, tmp_path / "undisturbed").wait() == 0
    process = start(photos, tmp_path / "killed")
    while process.poll() is None and not (tmp_path / "killed" / "checkpoint.pt").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert start(photos, tmp_path / "killed").wait() == 0
    states = [
        torch.load(tmp_path / run / "checkpoint.pt", weights_only=True)
        for run in ("undisturbed", "killed")
    ]
    for part in ("restorer", "average", "judge"):
        for name, weights in states[0][part].items():
            assert torch.equal(weights, states[1][part][name]), name
    written = [
        (tmp_path / run / "restorer/restorer/diffusion_pytorch_model.safetensors").read_bytes()
        for run in ("undisturbed", "killed")
    ]
    assert written[0] == written[1]
