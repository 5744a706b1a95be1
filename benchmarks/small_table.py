"""The paper's experiment in small: two restorers, without and with new pairs, on two tasks.

    python -m benchmarks.small_table [--steps 400] [--out DIR]

The paper of GGT-100K trains ten restorers on existing pairs, and on those and GGT-100K, 1:1. Here
the existing pairs are simulated from clean photographs by blur, noise and compression alone; the
new ones are the sample's training pairs, which hold rain, haze, snow, darkness and age as well. So
this tells what pairs of the right kind are worth, not what GGT-100K is worth. The table is one
recipe of ``ggt eval``, which lies in the folder then. Killed, the same command goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from ggt_hf import sample

MODELS: dict[str, dict[str, Any]] = {
    "narrow": {"kind": "one_step", "channels": [12, 16, 24, 32], "blocks": [1, 1, 1, 1]},
    "wide": {"kind": "one_step", "channels": [24, 32, 48, 64], "blocks": [1, 1, 1, 2]},
}
"""Both far smaller than anybody would use."""

TASKS = ["sample", "sample-real"]


def ggt(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "ggt_hf", *map(str, words)], check=True)


def training(name: str, model: dict[str, Any], arm: str, out: Path, steps: int) -> dict[str, Any]:
    """Return the recipe of one training."""
    existing = {"photographs": str(out / "clean"), "degradations": ["mixed"], "repeats": 8}
    new = {"pairs": str(out / "pairs"), "split": "train"}
    return {
        "name": f"{name}-{arm}",
        "model": model,
        "data": {
            "sources": [existing, new] if arm == "with" else [existing],
            "crop": 96,
            "batch_size": 4,
        },
        "optimizer": {"rate": 0.001, "warmup": 20, "decay": "cosine"},
        "steps": steps,
        "average": 0.98,
        "checkpoint_every": 50,
        "trackers": [],
    }


def prepare(out: Path) -> None:
    """Build the sample's pairs, and lay their clean sides into a folder."""
    clean = out / "clean"
    clean.mkdir(parents=True, exist_ok=True)
    for path in sorted((sample.ROOT / "pairs/train").glob("*/gt/*")):
        (clean / path.name).write_bytes(path.read_bytes())
    if not (out / "pairs/meta/info.json").exists():
        ggt("build", sample.PAIRS, out / "pairs", "--quiet")


def write_table_recipe(out: Path) -> Path:
    """Write the one recipe of the table."""
    arms = [f"{name}-{arm}" for name in MODELS for arm in ("without", "with")]
    recipe = {
        "restorers": {"input": "input", **{arm: f"{arm}/model" for arm in arms}},
        "tasks": TASKS,
        "against": {f"{name}-with": f"{name}-without" for name in MODELS},
        "metrics": ["psnr_y", "ssim_y", "piqe"],
        "judge": "rules",
    }
    path = out / "table.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def run(out: Path, steps: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    prepare(out)
    for name, model in MODELS.items():
        for arm in ("without", "with"):
            recipe = out / f"{name}-{arm}.yaml"
            words = training(name, model, arm, out, steps)
            recipe.write_text(yaml.safe_dump(words, sort_keys=False), encoding="utf-8")
            if not (out / f"{name}-{arm}/model").exists():
                ggt("train", recipe, "--output", out / f"{name}-{arm}", "--quiet")
    ggt("eval", "--recipe", write_table_recipe(out), "--out", out / "table")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, help="keep everything here, and go on there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run((given.out or Path(temporary)).absolute(), given.steps)


if __name__ == "__main__":
    main()
