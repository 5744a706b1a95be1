"""Train the embedded restorer on pairs that the simulator makes from clean photographs.

    python scripts/train_embedded_restorer.py PHOTOS_DIR OUT_DIR [--steps 3000]

PHOTOS_DIR holds photographs (.jpg, .png, .webp; shorter side at least 256 pixels). Those of the
sample's test pairs, and one in six by a hash of its name, never train: half of these are for
validation, which chooses the best weights, the others for scripts/measure_embedded_restorer.py.

The same command resumes where OUT_DIR/checkpoint.pt stands, exactly: weights, optimizer, average
and data. `--steps` may be raised until the decay, the last quarter, has begun. It ends with
OUT_DIR/restorer, a pipeline in diffusers' layout; copy it to ggt_hf/sample/restorer.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ggt_hf import sample
from ggt_hf.data.format.schema import normalise_key
from ggt_hf.data.streaming.batches import PairBatch
from ggt_hf.data.streaming.mixing import Mix
from ggt_hf.data.streaming.order import salt
from ggt_hf.data.streaming.simulated import SUFFIXES, SimulatedPairs
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.data.streaming.transforms import RandomGeometry
from ggt_hf.degradation import degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS
from ggt_hf.restoration.network import OneStepRestorer, thumbnail


@dataclass(frozen=True, kw_only=True)
class Split:
    """Photographs by what they are for."""

    train: list[Path]
    validation: list[Path]
    test: list[Path]


def split_photographs(folder: Path, shorter_side: int = 256) -> Split:
    """Divide the photographs of a folder by their names; the too small ones are left out."""
    from PIL import Image

    tested = set(_tested_in_sample())
    split = Split(train=[], validation=[], test=[])
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        with Image.open(path) as image:
            if min(image.size) < shorter_side:
                continue
        name = _name(path)
        draw = salt("held out", name) % 12
        if name in tested or draw == 0:
            split.test.append(path)
        else:
            (split.validation if draw == 1 else split.train).append(path)
    return split


def _name(path: Path) -> str:
    return normalise_key(path.stem).replace("_", "-")


def _tested_in_sample() -> Iterator[str]:
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "test":
            yield pair["key"].removeprefix(pair["category"] + "-")


class Trainer:
    """Weights, optimizer, moving average and data, and where they stand."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        torch.manual_seed(arguments.seed)
        split = split_photographs(arguments.photos)
        self.restorer = OneStepRestorer(channels=arguments.channels, blocks=arguments.blocks)
        self.restorer = self.restorer.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.restorer).eval().requires_grad_(False)
        self.judge = torch.nn.Linear(self.restorer.config.context_channels, len(DEGRADATIONS))
        self.learners = [*self.restorer.parameters(), *self.judge.parameters()]
        self.optimizer = torch.optim.AdamW(self.learners, lr=1.0, weight_decay=1e-4)
        self.source = simulated(split.train, arguments.picture, arguments.seed)
        self.stream = PairStream(
            self.source, batch_size=len(DEGRADATIONS) * arguments.turns, rank=0, world_size=1,
            drop_last=True, threads=1, prefetch=1,
        )  # fmt: skip
        self.validation = validation_pairs(split.validation)
        self.step, self.best, self.lines = 0, float("-inf"), list[dict[str, Any]]()
        print(f"{len(split.train)} train, {len(split.validation)} validation photographs")

    def run(self) -> None:
        """Train to the last step, and write the best weights as a pipeline."""
        out: Path = self.arguments.out
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            self._resume(out / "checkpoint.pt")
        begun = time.perf_counter()
        for batch in self._batches():
            loss = self._learn(batch)
            self.step += 1
            last = self.step >= self.arguments.steps
            if self.step % self.arguments.check == 0 or last:
                self._check(loss, time.perf_counter() - begun)
                self._save(out, batch.state)
            if last:
                break
        self._finish(out)

    def _batches(self) -> Iterator[PairBatch]:
        while self.step < self.arguments.steps:
            yield from self.stream
            self.stream.set_epoch(self.stream.epoch + 1)

    def _learn(self, batch: PairBatch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.arguments.rate * schedule(self.step, self.arguments.steps)
        whole_lq, whole_gt = batch.floats()
        lq, gt, owner = self._patches(whole_lq, whole_gt)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.arguments.bf16):
            context = self.restorer.context(whole_lq)
            restored = self.restorer(
                lq.contiguous(memory_format=torch.channels_last), context[owner]
            )
        loss = objective(restored.float(), gt) + self._guidance(whole_lq, whole_gt, context.float())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if torch.nn.utils.clip_grad_norm_(self.learners, 1.0).isfinite():
            self.optimizer.step()
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.restorer.parameters()), 1 - keep
        )
        return float(loss.detach())

    def _guidance(self, lq: Tensor, gt: Tensor, context: Tensor) -> Tensor:
        """Teach the context early what it is for: the category, and the tones of the whole."""
        kinds = torch.tensor([self.source.place(row)[0] for row in range(len(lq))])
        named = F.cross_entropy(self.judge(context), kinds)
        toned = self.restorer.tone(thumbnail(lq), context)
        return 0.1 * named + 0.5 * log_error(toned, thumbnail(gt))

    def _patches(self, lq: Tensor, gt: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cut `--patches` squares from each picture: what a tile is to a whole photograph."""
        side = self.arguments.patch
        rng = np.random.default_rng([self.arguments.seed, self.step])
        owners = np.repeat(np.arange(len(lq)), self.arguments.patches)
        corners = rng.integers(0, lq.shape[-1] - side + 1, (len(owners), 2))
        cut = [
            torch.stack([s[i, :, y : y + side, x : x + side]
                         for i, (y, x) in zip(owners, corners, strict=True)])
            for s in (lq, gt)
        ]  # fmt: skip
        return cut[0], cut[1], torch.from_numpy(owners)

    def _check(self, loss: float, seconds: float) -> None:
        gains = validate(self.average, self.validation)
        score = float(np.mean([gain["psnr"] for gain in gains.values()]))
        line = {"step": self.step, "loss": round(loss, 4), "gain": round(score, 3),
                "seconds": round(seconds), "by_category": gains}  # fmt: skip
        self.lines.append(line)
        shown = "  ".join(
            f"{name} {gain['psnr']:+.2f} {gain['ssim']:+.3f}" for name, gain in gains.items()
        )
        print(
            f"{self.step:6} {seconds:6.0f} s  loss {loss:.3f}  {score:+.3f} dB  {shown}", flush=True
        )
        if score > self.best:
            self.best = score
            torch.save(self.average.state_dict(), self.arguments.out / "best.pt")

    def _save(self, out: Path, data: dict[str, int | str]) -> None:
        state = {
            "restorer": self.restorer.state_dict(),
            "average": self.average.state_dict(),
            "judge": self.judge.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "data": data,
            "step": self.step,
            "best": self.best,
            "lines": self.lines,
        }
        torch.save(state, out / "checkpoint.partial")
        (out / "checkpoint.partial").replace(out / "checkpoint.pt")
        log = "".join(json.dumps(line) + "\n" for line in self.lines)
        (out / "log.jsonl").write_text(log, encoding="utf-8")

    def _resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.restorer.load_state_dict(state["restorer"])
        self.average.load_state_dict(state["average"])
        self.judge.load_state_dict(state["judge"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.stream.load_state_dict(state["data"])
        self.step, self.best, self.lines = state["step"], state["best"], state["lines"]
        print(f"resumed after step {self.step}")

    def _finish(self, out: Path) -> None:
        from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

        self.average.load_state_dict(torch.load(out / "best.pt", weights_only=True))
        pipeline = OneStepRestorationPipeline(self.average.to(torch.float16))
        pipeline.save_pretrained(out / "restorer")


def schedule(step: int, steps: int) -> float:
    """Return the share of the learning rate: a short rise, a plateau, a last quarter of decay."""
    rise = min(1.0, (step + 1) / 50)
    return rise * min(1.0, max(0.02, (steps - step) / (0.25 * steps)))


def objective(restored: Tensor, gt: Tensor) -> Tensor:
    """Return log Charbonnier error plus structural dissimilarity, averaged over patches.

    The logarithm makes a decibel worth the same in every category: else the dark pictures, which
    are furthest off, would be all that is learned.

    Args:
        restored: RGB, ``(B, 3, H, W)``.
        gt: RGB in [0, 1], likewise.
    """
    return log_error(restored, gt) + 0.5 * (1 - ssim(restored, gt, stride=2).mean())


def log_error(restored: Tensor, gt: Tensor) -> Tensor:
    """Return the logarithm of each picture's Charbonnier error, averaged over pictures."""
    error = ((restored - gt).square() + 1e-6).sqrt().mean((1, 2, 3))
    return (error + 1e-3).log().mean()


def simulated(photographs: Sequence[Path], side: int, seed: int) -> Mix:
    """Return pairs of all categories in turn: each step then learns from every one of them."""
    geometry = RandomGeometry(crop=side, flip=True)
    parts = [
        SimulatedPairs(photographs, geometry, degradations=[kind], repeats=8, seed=seed + place)
        for place, kind in enumerate(DEGRADATIONS)
    ]
    return Mix(parts, seed=seed)


def ssim(first: Tensor, second: Tensor, stride: int = 1) -> Tensor:
    """Return the structural similarity of luma, ``(B,)``, over windows of 7 x 7 pixels."""
    weights = first.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    x, y = (first * weights).sum(1, keepdim=True), (second * weights).sum(1, keepdim=True)
    stacked = torch.cat([x, y, x * x, y * y, x * y], 1)
    mx, my, xx, yy, xy = F.avg_pool2d(stacked, 7, stride).unbind(1)
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    similar = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return similar.mean((1, 2))


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of RGB in [0, 1], ``(B,)``, in dB."""
    return -10 * (first - second).square().mean((1, 2, 3)).clamp(min=1e-10).log10()


def validation_pairs(
    paths: Sequence[Path], side: int = 256, each: int = 6
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return category -> (lq, gt) in [0, 1], ``(B, 3, side, side)``: the same in every run."""
    pairs = {}
    for place, category in enumerate(DEGRADATIONS):
        chosen = [paths[(place + 2 * i) % len(paths)] for i in range(each)]
        sides: tuple[list[Any], list[Any]] = ([], [])
        for number, path in enumerate(chosen):
            whole = decode(path.read_bytes(), path.name)
            top, left = (whole.shape[0] - side) // 2, (whole.shape[1] - side) // 2
            gt = np.ascontiguousarray(whole[top : top + side, left : left + side])
            severity = (number + 1) / each
            sides[0].append(degrade(gt, category, seed=9000 + number, severity=severity).lq)
            sides[1].append(gt)
        lq, gt = (torch.from_numpy(np.stack(s)).permute(0, 3, 1, 2) / 255 for s in sides)
        pairs[category] = lq, gt
    return pairs


@torch.no_grad()
def validate(
    restorer: OneStepRestorer, pairs: dict[str, tuple[Tensor, Tensor]]
) -> dict[str, dict[str, float]]:
    """Return category -> how much nearer than the input the restored pictures are to the truth."""
    gains = {}
    for category, (lq, gt) in pairs.items():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            restored = restorer(lq).float().clamp(0, 1)
        gains[category] = {
            metric.__name__: round(float((metric(restored, gt) - metric(lq, gt)).mean()), 4)
            for metric in (psnr, ssim)
        }
    return gains


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate (%(default)s)")
    parser.add_argument("--turns", type=int, default=1, help="pictures of each category a step")
    parser.add_argument("--patches", type=int, default=1, help="patches a picture (%(default)s)")
    parser.add_argument("--picture", type=int, default=192, help="pixels simulated (%(default)s)")
    parser.add_argument("--patch", type=int, default=128, help="pixels trained on (%(default)s)")
    parser.add_argument("--channels", type=int, nargs="+", default=[24, 48, 72, 96])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 2, 2, 3])
    parser.add_argument("--check", type=int, default=100, help="steps between validations")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    Trainer(arguments).run()


if __name__ == "__main__":
    main()
