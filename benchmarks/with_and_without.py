"""Do pairs of this project's own pipeline help a restorer? The same training, with and without.

    python -m benchmarks.with_and_without [--degraded DIR] [--clean DIR] [--steps 300] [--seeds 3]

Really degraded photographs are split: two of three are for training, every third is held out. Of
those for training, `ggt synth` makes targets, `ggt qc` decides which are accepted, and `ggt build`
makes a dataset of them. Then the one-step restorer is trained twice for each seed, for the same
steps, from the same weights: on the simulator over clean photographs alone, and on the simulator
and the accepted pairs, 1:1. Both are measured on held-out pairs (the sample's test split, which is
simulated) with their truth, and on the held-out degraded photographs without any: by what the rule
observer still sees in them (severities of all it names, summed; less is better), and by metrics
that need no reference (`--blind`): PIQE, and others where pyiqa is installed.

A picture's score is its mean over the seeds; intervals are over pictures (bootstrap, 95 %). The
spread is that of the differences of the seeds. Killed, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ggt_hf import sample
from ggt_hf.evaluation.statistics import interval
from ggt_hf.metrics import metric
from ggt_hf.metrics.scorer import Scorer

ARMS = ("without", "with")
SEEN = "severity seen"
HELD = 3
"""Every third degraded photograph is held out."""

Picture = NDArray[np.uint8]
Scores = dict[tuple[str, str], dict[str, float]]
"""(Where, metric) -> picture -> score."""


def ggt(*words: object) -> None:
    subprocess.run(
        [sys.executable, "-m", "ggt_hf", *map(str, words), "--quiet"],
        check=True,
        stdout=sys.stderr,  # stdout is the table's
    )


def split(degraded: Path, out: Path) -> tuple[Path, Path]:
    """Return copies of the photographs to train on, and of those that are held out."""
    folders = out / "degraded", out / "held"
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    found = sorted(path for path in degraded.rglob("*") if path.suffix.lower() in suffixes)
    for number, path in enumerate(found):
        target = folders[number % HELD == HELD - 1] / path.relative_to(degraded)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folders


def made_pairs(degraded: Path, editor: str, out: Path) -> Path:
    """Return the dataset of the accepted pairs of degraded photographs."""
    candidates, verdicts, dataset = out / "candidates", out / "verdicts", out / "pairs"
    if not (dataset / "meta" / "info.json").exists():
        ggt("synth", degraded, candidates, "--editor", editor)
        ggt("qc", candidates, verdicts, "--no-text")
        ggt("build", verdicts / "pairs.jsonl", dataset)
    return dataset


def clean_photographs(out: Path) -> Path:
    """Return the clean sides of the sample's training pairs."""
    folder = out / "clean"
    folder.mkdir(parents=True, exist_ok=True)
    for row in sample_rows("train"):
        shutil.copyfile(sample.ROOT / row["gt"], folder / f"{row['key']}.jpg")
    return folder


def sample_rows(name: str) -> list[dict[str, Any]]:
    rows = map(json.loads, sample.PAIRS.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["split"] == name]


def trained(arm: str, seed: int, given: argparse.Namespace, sources: list[dict[str, Any]]) -> Path:
    """Return the model of one training."""
    from ggt_hf.training.recipe import Recipe
    from ggt_hf.training.train import train

    run: Path = given.out / f"{arm}-{seed}"
    recipe = Recipe.model_validate(
        {
            "name": run.name,
            "model": {"kind": "one_step", **({"base": given.base} if given.base else {})},
            "data": {"sources": sources, "crop": given.crop, "batch_size": given.batch_size},
            "optimizer": {"rate": given.rate, "warmup": 20},
            "average": 0.99,
            "steps": given.steps,
            "seed": seed,
            "checkpoint_every": 100,
            "trackers": [],
        }
    )
    if not (run / "model").exists():
        train(recipe, run, device=given.device)
    return run / "model"


def opened(model: Path, device: str | None) -> Callable[[Picture], Picture]:
    from ggt_hf.restoration.loading import load_restorer

    pipeline = load_restorer(model, device=device)
    pipeline.set_progress_bar_config(disable=True)
    return lambda picture: np.asarray(pipeline(picture).images[0])


def pixels(path: Path) -> Picture:
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def scored(
    restore: Callable[[Picture], Picture], held: Path, blind: tuple[str, ...], device: str | None
) -> Scores:
    """Score a restorer on the held-out pairs and photographs."""
    found: Scores = {}
    scorer, without = Scorer(("psnr_y", "ssim_y"), device=device), Scorer(blind, device=device)
    for row in sample_rows("test"):
        lq, gt = (pixels(sample.ROOT / row[side]) for side in ("lq", "gt"))
        for name, value in scorer.score(restore(lq), gt).items():
            found.setdefault(("held-out pairs", name), {})[row["key"]] = value
    for path in sorted(path for path in held.rglob("*") if path.is_file()):
        restored = restore(pixels(path))
        scores = {SEEN: severity(restored)} | (without.score(restored) if blind else {})
        for name, value in scores.items():
            found.setdefault(("held-out photographs", name), {})[path.stem] = value
    return found


def severity(picture: Picture) -> float:
    """Return the severities of all that the rule observer names in a picture, summed."""
    from ggt_hf.vlm.observation import OBSERVATION_SCHEMA, QUESTION, parse
    from ggt_hf.vlm.rules import RuleBasedVLM
    from ggt_hf.vlm.views import views

    shown = views(Image.fromarray(picture))
    answer = RuleBasedVLM().ask_many([shown], QUESTION, schema=OBSERVATION_SCHEMA)[0]
    return float(sum(effect.severity for effect in parse(answer.data or {}).effects))


def rows(before: Scores, arms: dict[str, list[Scores]]) -> Iterator[str]:
    """Yield the table's lines: each metric before, without, with, and the difference."""
    for place, untouched in before.items():
        by_arm = {
            arm: np.array([list(scores[place].values()) for scores in seeds])
            for arm, seeds in arms.items()
        }
        change = by_arm["with"] - by_arm["without"]  # (seeds, pictures)
        seeds = ", ".join(f"{value:+.3f}" for value in change.mean(1))
        cells = [shown(list(untouched.values()))]
        cells += [shown(by_arm[arm].mean(0)) for arm in ARMS]
        arrow = "↓" if place[1] == SEEN else metric(place[1]).arrow
        yield (
            f"| {place[0]}, {len(untouched)} | {place[1]} {arrow} | {' | '.join(cells)} "
            f"| {shown(change.mean(0), '+')} | {seeds} |"
        )


def shown(values: Any, sign: str = "") -> str:
    one = interval(values)
    return f"{one.mean:{sign}.3f} [{one.low:{sign}.3f}, {one.high:{sign}.3f}]"


def run(given: argparse.Namespace) -> str:
    degraded, held = split(given.degraded, given.out)
    made = given.pairs or str(made_pairs(degraded, given.editor, given.out))
    simulator = {"photographs": str(given.clean or clean_photographs(given.out)), "repeats": 8}
    sources = {"without": [simulator], "with": [simulator, {"pairs": made}]}
    blind = tuple(given.blind.split(",")) if given.blind else ()
    before = scored(lambda picture: picture, held, blind, given.device)
    arms: dict[str, list[Scores]] = {arm: [] for arm in ARMS}
    for seed in range(given.seeds):
        for arm in ARMS:
            restore = opened(trained(arm, seed, given, sources[arm]), given.device)
            arms[arm].append(scored(restore, held, blind, given.device))
    record = json.loads((given.out / "with-0" / "run.json").read_text(encoding="utf-8"))
    count = record["data"][1]["num_pairs"]
    return "\n".join(
        [
            f"{given.seeds} seeds, {given.steps:,} steps of {given.batch_size} crops of "
            f"{given.crop} px, {given.base or 'from scratch'}; {count:,} pairs "
            f"({given.pairs or f'made by the editor {given.editor}'}) on {record['device']}.",
            "",
            "| on | metric | input | without | with | with - without | of each seed |",
            "|---|---|---|---|---|---|---|",
            *rows(before, arms),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--degraded", type=Path, default=sample.ROOT / "real",
        help="really degraded photographs, in folders named by category",
    )  # fmt: skip
    parser.add_argument("--clean", type=Path, help="clean photographs, for the simulator")
    parser.add_argument("--editor", default="classical", help="as for ggt synth")
    parser.add_argument("--pairs", help="a dataset of pairs, instead of making them")
    parser.add_argument("--base", help="a one-step restorer to go on from")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument(
        "--blind", default="piqe", help="metrics that need no reference, as piqe,musiq; or none: ''"
    )
    parser.add_argument("--device")
    parser.add_argument("--out", type=Path, help="keep everything here, and go on there")
    parser.add_argument("--table", type=Path, help="write the table to this file as well")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        given.out = given.out or Path(temporary)
        table = run(given)
    if given.table:
        given.table.write_text(table, encoding="utf-8")
    print(table, end="")


if __name__ == "__main__":
    main()
