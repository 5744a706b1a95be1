"""Streams in the hands of other libraries: accelerate, Lightning, webdataset."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ggt_hf import PairStream
from tests.hub_server.loopback import REPOSITORY
from tests.making import make_dataset, make_pair

CROP = 24

TRAINING = """
import sys
from accelerate import Accelerator
accelerator = Accelerator(cpu=True)
from torch.utils.data import DataLoader
from ggt_hf import PairStream
stream = PairStream.from_hub(sys.argv[1], crop=24, batch_size=3)
{loader}
for epoch in range(2):
    for batch in loader:
        for key in batch.to(accelerator.device).keys:
            sys.stdout.write(f"{{epoch}} {{key}}\\n")
"""
OURS = (
    "loader = accelerator.prepare(stream.loader())\naccelerator.register_for_checkpointing(loader)"
)
BARE = "loader = accelerator.prepare(DataLoader(stream, batch_size=None))"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = [make_pair(i, d) for i in range(10) for d in ("rain", "snow")]
    return make_dataset(tmp_path_factory.mktemp("elsewhere") / "pairs", pairs)


def train(dataset: Path, loader: str) -> list[subprocess.CompletedProcess[str]]:
    """Run two ranks; once more where somebody took their port before they did."""
    for _ in range(5):
        ranks = train_at(free_port(), dataset, loader)
        if not any("EADDRINUSE" in rank.stderr for rank in ranks):
            break
    return ranks


def train_at(port: int, dataset: Path, loader: str) -> list[subprocess.CompletedProcess[str]]:
    """Run two ranks, as `accelerate launch --cpu --num_processes 2` does."""
    ranks = []
    for rank in "01":
        env = os.environ | {
            "RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        command = [sys.executable, "-c", TRAINING.format(loader=loader), str(dataset)]
        pipe = subprocess.PIPE
        ranks.append(subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True))
    first = ranks[0].communicate(timeout=250)
    if "EADDRINUSE" in first[1]:
        ranks[1].kill()  # it waits for the first
    outputs = [first, ranks[1].communicate(timeout=250)]
    return [
        subprocess.CompletedProcess(rank.args, rank.returncode, out, err)
        for rank, (out, err) in zip(ranks, outputs, strict=True)
    ]


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_accelerate_with_two_processes_sees_every_pair_once(dataset: Path) -> None:
    pytest.importorskip("accelerate")
    ranks = train(dataset, OURS)
    assert [rank.returncode for rank in ranks] == [0, 0], ranks[0].stderr[-2000:]
    first, second = (rank.stdout.splitlines() for rank in ranks)
    assert len(first) == len(second) == 20
    assert len({*first, *second}) == 40


def test_accelerate_refuses_to_divide_a_stream_a_second_time(dataset: Path) -> None:
    pytest.importorskip("accelerate")
    ranks = train(dataset, BARE)
    assert all(rank.returncode for rank in ranks)
    assert "Can only concatenate tensors but got" in ranks[0].stderr
    assert "PairBatch" in ranks[0].stderr


def test_a_stream_is_a_source_of_a_webdataset_pipeline(dataset: Path) -> None:
    import webdataset

    stream = PairStream.from_hub(dataset, crop=CROP, batch_size=3)
    pipeline = webdataset.DataPipeline(stream, webdataset.map(lambda batch: batch.floats()))
    expected = [batch.floats() for batch in stream]
    found = list(webdataset.WebLoader(pipeline, batch_size=None, num_workers=2))
    assert len(found) == len(expected) == 7
    for mine, other in zip(expected, found, strict=True):
        assert all((a == b).all() for a, b in zip(mine, other, strict=True))


LIGHTNING = """
import sys
import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from ggt_hf import PairStream

class Pairs(LightningDataModule):
    def train_dataloader(self):
        return PairStream.from_hub(sys.argv[1], crop=24, batch_size=3).loader()

class Restorer(LightningModule):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))
    def training_step(self, batch, number):
        sys.stderr.writelines(f"pair {key}\\n" for key in batch.keys)
        lq, gt = batch.floats()
        return (lq * self.gain - gt).abs().mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-3)

trainer = Trainer(
    max_steps=int(sys.argv[3]), accelerator="cpu", logger=False, enable_checkpointing=False,
    enable_progress_bar=False, enable_model_summary=False, default_root_dir=sys.argv[2],
)
trainer.fit(Restorer(), Pairs(), ckpt_path=sys.argv[4] if len(sys.argv) > 4 else None)
trainer.save_checkpoint(f"{sys.argv[2]}/{sys.argv[3]}.ckpt")
"""


def test_lightning_goes_on_in_the_middle_of_an_epoch(dataset: Path, tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning")

    def fit(*words: str) -> list[str]:
        command = [sys.executable, "-c", LIGHTNING, str(dataset), str(tmp_path), *words]
        env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr[-2000:]
        return [line for line in done.stderr.splitlines() if line.startswith("pair ")]

    first = fit("4")
    second = fit("7", f"{tmp_path}/4.ckpt")
    assert (len(first), len(second)) == (12, 8)
    assert len({*first, *second}) == 20
