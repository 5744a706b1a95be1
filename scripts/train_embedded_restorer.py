"""Train the embedded restorer on pairs that the simulator makes from clean photographs.

    python scripts/train_embedded_restorer.py PHOTOS_DIR OUT_DIR [--steps 7500]

PHOTOS_DIR holds photographs (.jpg, .png, .webp; shorter side at least 256 pixels). Those of the
sample's test pairs, and one in six by a hash of its name, never train: half of these are for
validation, which is shown on the way, the others for scripts/measure_embedded_restorer.py.

The same command resumes where OUT_DIR/checkpoint.pt stands, exactly: weights, optimizer, average
and data. More steps go on from there too, and so does `--settle`: with other data and a fresh
optimizer, the restorer learns when to do little. What ships was made by

    python scripts/train_embedded_restorer.py PHOTOS_DIR BOLD --steps 7500
    cp -r BOLD CALM
    python scripts/train_embedded_restorer.py PHOTOS_DIR BOLD --steps 8000 --rate 1.6e-3 \\
        --error squared --doubt 6 --memory 100
    python scripts/train_embedded_restorer.py PHOTOS_DIR CALM --settle --steps 10300 \\
        --rate 6e-4 --decay 0
    python scripts/blend_restorers.py BOLD/restorer CALM/restorer BLENDED --share 0.6 --doubt 3

It ends with OUT_DIR/restorer, a pipeline in diffusers' layout, for
scripts/measure_embedded_restorer.py.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from restorer_losses import DARKENED, ERRORS, darkened, objective, settled
from restorer_pairs import psnr, split_photographs, ssim, validation_pairs
from restorer_sources import clean_pairs, learning_pairs, settling_pairs
from torch import Tensor

from ggt_hf.data.streaming.batches import PairBatch
from ggt_hf.data.streaming.stream import PairStream
from ggt_hf.degradation import REVISION
from ggt_hf.records import DEGRADATIONS
from ggt_hf.restoration.network import OneStepRestorer, thumbnail


class Trainer:
    """Weights, optimizer, moving average and data, and where they stand."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        torch.manual_seed(arguments.seed)
        split = split_photographs(arguments.photos)
        self.restorer = OneStepRestorer(channels=arguments.channels, blocks=arguments.blocks)
        self.restorer = self.restorer.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.restorer).eval().requires_grad_(False)
        kinds = len(DEGRADATIONS) + arguments.settle
        self.judge = torch.nn.Linear(self.restorer.config.context_channels, kinds)
        self.learners = [*self.restorer.parameters(), *self.judge.parameters()]
        self.optimizer = torch.optim.AdamW(self.learners, lr=1.0, weight_decay=1e-4, fused=True)
        drawn = split.train, arguments.picture, arguments.seed
        self.source = (
            settling_pairs(*drawn, arguments.out / "reduced")
            if arguments.settle
            else learning_pairs(*drawn)
        )
        self.stream = PairStream(
            self.source, batch_size=kinds * arguments.turns, rank=0, world_size=1,
            drop_last=True, threads=1, prefetch=1,
        )  # fmt: skip
        self.validation = validation_pairs(split.validation)
        self.clean = clean_pairs(split.validation)
        self.step, self.begun, self.lines = 0, 0, list[dict[str, Any]]()
        self.photographs = {name: len(paths) for name, paths in vars(split).items()}
        print(self.photographs)

    def run(self) -> None:
        """Train to the last step, and write the averaged weights as a pipeline."""
        out: Path = self.arguments.out
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            self._resume(out / "checkpoint.pt")
        begun = time.perf_counter()
        for batch in self._batches():
            loss = self._learn(batch)
            self.step += 1
            if self.step % self.arguments.check == 0 or self.step >= self.arguments.steps:
                self._check(loss, time.perf_counter() - begun)
                self._save(out, batch.state)
        self._finish(out)

    def _batches(self) -> Iterator[PairBatch]:
        while self.step < self.arguments.steps:
            for batch in self.stream:
                yield batch
                if self.step >= self.arguments.steps:
                    return
            self.stream.set_epoch(self.stream.epoch + 1)

    def _learn(self, batch: PairBatch) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.arguments.rate * schedule(
                self.step - self.begun,
                self.arguments.steps - self.begun,
                self.arguments.decay,
            )
        whole_lq, whole_gt = batch.floats()
        lq, gt, owner = self._patches(whole_lq, whole_gt)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.arguments.bf16):
            context = self.restorer.context(whole_lq)
            lit, residual = self.restorer.corrections(
                lq.contiguous(memory_format=torch.channels_last), context[owner]
            )
        kinds = torch.tensor([self.source.place(row)[0] for row in range(len(whole_lq))])
        # The mixed ones have the tones that they should have: they teach to let them be in doubt.
        weights = torch.where(kinds == DEGRADATIONS.index("mixed"), self.arguments.doubt, 1.0)
        weights[kinds == len(DEGRADATIONS)] = self.arguments.clean
        log_error = settled if self.arguments.settle else ERRORS[self.arguments.error]
        losses = objective(lit.float(), residual.float(), gt, log_error)
        small_lq, small_gt = thumbnail(whole_lq), thumbnail(whole_gt)
        toned = self.restorer.tone(small_lq, context.float())
        tone_losses = 0.5 * log_error(toned - small_gt)
        if self.arguments.settle:
            losses = losses + DARKENED * darkened(lit.float(), lq, gt)
            tone_losses = tone_losses + DARKENED * darkened(toned, small_lq, small_gt)
        loss = (weights[owner] * losses).mean() + (weights * tone_losses).mean()
        # The context learns early what it is for: to tell the categories apart.
        loss = loss + 0.1 * F.cross_entropy(self.judge(context.float()), kinds)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if torch.nn.utils.clip_grad_norm_(self.learners, 1.0).isfinite():
            self.optimizer.step()
        keep = min(1 - 1 / self.arguments.memory, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.restorer.parameters()), 1 - keep
        )
        return float(loss.detach())

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
        clean = leave_alone(self.average, *self.clean)
        score = float(np.mean([gain["psnr"] for gain in gains.values()]))
        line = {"step": self.step, "loss": round(loss, 4), "gain": round(score, 3),
                "seconds": round(seconds), "by_category": gains, "clean": clean}  # fmt: skip
        self.lines.append(line)
        shown = "  ".join(
            f"{name} {gain['psnr']:+.2f} {gain['ssim']:+.3f}" for name, gain in gains.items()
        )
        print(
            f"{self.step:6} {seconds:6.0f} s  loss {loss:.3f}  {score:+.3f} dB  {shown}"
            f"  clean {clean['psnr']:.1f} {clean['darker']:.4f}",
            flush=True,
        )

    def _save(self, out: Path, data: dict[str, int | str]) -> None:
        state = {
            "restorer": self.restorer.state_dict(),
            "average": self.average.state_dict(),
            "judge": self.judge.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "data": data,
            "step": self.step,
            "begun": self.begun,
            "settle": self.arguments.settle,
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
        self.step, self.begun, self.lines = state["step"], state["step"], state["lines"]
        if state["settle"] == self.arguments.settle:
            self.judge.load_state_dict(state["judge"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.stream.load_state_dict(state["data"])
            self.begun = state["begun"]
        print(f"resumed after step {self.step}")

    def _finish(self, out: Path) -> None:
        from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

        pipeline = OneStepRestorationPipeline(self.average.to(torch.float16))
        pipeline.save_pretrained(out / "restorer")
        facts = {
            "simulator": REVISION,
            "photographs": self.photographs,
            "begun": self.begun,
        }
        told = (
            "settle", "steps", "rate", "decay", "error", "doubt", "clean", "memory", "turns",
            "patches", "picture", "patch", "seed",
        )  # fmt: skip
        facts |= {name: getattr(self.arguments, name) for name in told}
        (out / "restorer" / "training.json").write_text(json.dumps(facts, indent=2) + "\n")


def schedule(step: int, steps: int, decay: float) -> float:
    """Return the share of the learning rate: a short rise, a plateau, a long decay."""
    rise = min(1.0, (step + 1) / 50)
    return rise * min(1.0, max(0.02, (steps - step) / max(1.0, decay * steps)))


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


@torch.no_grad()
def leave_alone(restorer: OneStepRestorer, lq: Tensor, gt: Tensor) -> dict[str, float]:
    """Return the mean PSNR of nearly clean pictures, restored, and how much darker they are."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        restored = restorer(lq).float().clamp(0, 1)
    return {
        "psnr": round(float(psnr(restored, gt).mean()), 3),
        "darker": round(float(darkened(restored, lq, gt).mean()), 5),
    }


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--steps", type=int, default=7500)
    parser.add_argument("--rate", type=float, default=1.2e-3, help="learning rate (%(default)s)")
    parser.add_argument(
        "--decay",
        type=float,
        default=1 / 3,
        help="share of steps in which it falls (%(default).2f)",
    )
    parser.add_argument("--turns", type=int, default=1, help="pictures of each category a step")
    parser.add_argument("--settle", action="store_true", help="learn when to do little")
    parser.add_argument("--error", choices=ERRORS, default="absolute")
    parser.add_argument(
        "--doubt", type=float, default=1.5, help="weight of the mixed (%(default)s)"
    )
    parser.add_argument(
        "--clean", type=float, default=0.4, help="weight of nearly clean ones (%(default)s)"
    )
    parser.add_argument("--memory", type=int, default=500, help="steps averaged (%(default)s)")
    parser.add_argument("--patches", type=int, default=1, help="patches a picture (%(default)s)")
    parser.add_argument("--picture", type=int, default=192, help="pixels simulated (%(default)s)")
    parser.add_argument("--patch", type=int, default=96, help="pixels trained on (%(default)s)")
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
