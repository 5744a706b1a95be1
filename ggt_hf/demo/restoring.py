"""The embedded restorer: finetuned on the pairs just built, put to work, and compared.

Some seconds of training make no better restorer; they show that pairs built here train a model
here, through the same code as `ggt train`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ggt_hf.demo.comparison import FOLDER, compare_restorers
from ggt_hf.demo.report import DemoReport, Restored, Steps
from ggt_hf.errors import MissingExtraError
from ggt_hf.restoration.embedded import EMBEDDED

if TYPE_CHECKING:
    from ggt_hf.evaluation.run import BenchmarkReport

RECIPE = "finetune.yaml"
"""The recipe that is carried out; `ggt train` takes it."""
FINETUNED = "finetuned"
"""Folder of the training, and the name of what comes of it."""
RESTORED = "restored"
"""Folder of the restored photographs, by restorer."""
PHOTOGRAPHS = "photographs"
"""Folder of clean photographs, for the simulator."""

_STEPS = 20


def run_restoring(report: DemoReport, steps: Steps) -> None:
    """Finetune the embedded restorer, restore the really degraded photographs, compare.

    Where a package is not installed that training needs, this is left out, and the report says so.
    """
    missing = _missing()
    if missing:
        report.restoring_left_out = str(missing)
        with steps.step("restore") as say:
            say(f"left out: {missing}")
        return
    with steps.step("finetune") as say, _one_thread():
        say(_finetune(report))
    with steps.step("restore") as say, _one_thread():
        say(_restore(report))
    with steps.step("compare") as say:
        say(_compare(report))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread: for so little, threads that wait for each other cost more,
    and on a busy machine much more.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _missing() -> MissingExtraError | None:
    for package in ("torch", "accelerate", "diffusers", "simplejpeg", "pydantic", "cv2"):
        try:
            __import__(package)
        except ModuleNotFoundError:
            return MissingExtraError.of(package, "train", "Finetuning")
    return None


def _finetune(report: DemoReport) -> str:
    from ggt_hf.training.reading import read_recipe
    from ggt_hf.training.train import train

    path = report.out / RECIPE
    path.write_text(_recipe(report.dataset, _photographs(report)), encoding="utf-8")
    run = report.out / FINETUNED
    record = train(read_recipe(str(path)), run, device="cpu", resume=False, quiet=True)
    before, after = record.validations[0], record.validations[-1]
    return (
        f"{record.steps} steps on pairs built above, 1:1 with simulated ones: "
        f"{before['psnr']:.2f} to {after['psnr']:.2f} dB on crops of test pairs"
    )


def _photographs(report: DemoReport) -> Path:
    """Store the clean photographs of the training pairs, which the simulator degrades anew."""
    from ggt_hf import sample

    folder = report.out / PHOTOGRAPHS
    folder.mkdir(exist_ok=True)
    for line in sample.PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        if pair["split"] == "train":
            path = sample.ROOT / pair["gt"]
            shutil.copyfile(path, folder / path.name)
    return folder


def _recipe(dataset: Path, photographs: Path) -> str:
    """Return the recipe as `ggt train` reads it."""
    recipe = {
        "name": FINETUNED,
        "description": "The embedded restorer, some steps further, as ggt demo shows it.",
        "model": {"kind": "one_step", "base": EMBEDDED},
        "data": {
            "sources": [{"pairs": str(dataset)}, {"photographs": str(photographs)}],
            "ratio": [1, 1],
            "crop": 96,
            "batch_size": 6,
        },
        "validation": {
            "source": {"pairs": str(dataset), "split": "test"},
            "every": _STEPS,
            "count": 12,
            "pictures": 0,
        },
        # Small enough not to unlearn anything in so few steps.
        "optimizer": {"rate": 5e-5, "warmup": 5},
        "steps": _STEPS,
        "average": 0.9,
        "trackers": [],
    }
    return yaml.safe_dump(recipe, sort_keys=False)


def _models(report: DemoReport) -> dict[str, str]:
    from ggt_hf.training.record import MODEL

    return {EMBEDDED: EMBEDDED, FINETUNED: str(report.out / FINETUNED / MODEL)}


def _restore(report: DemoReport) -> str:
    from ggt_hf import sample
    from ggt_hf.restoration.restore import RestoreSettings, restore_files

    real = list(sample.real_photographs())
    for name, model in _models(report).items():
        folder = report.out / RESTORED / name
        made = restore_files(
            [photograph.path for photograph in real],
            folder,
            RestoreSettings(model=model, format="jpeg"),
            overwrite=True,
            device="cpu",
            quiet=True,
        )
        targets = {job.source: job.target for job in made.jobs}
        for photograph in real:
            shown = report.restored.setdefault(
                photograph.key, Restored(photograph=photograph, results={})
            )
            shown.results[name] = targets[photograph.path]
    return f"{len(real)} really degraded photographs, by the embedded and the finetuned one"


def _compare(report: DemoReport) -> str:
    others = [f"{name}={model}" for name, model in _models(report).items()]
    made = compare_restorers(report.out, ["classical", *others])
    report.comparison = report.out / FOLDER / "report.html"
    return f"{_means(made)} on test pairs, with intervals in {report.comparison}"


def _means(made: BenchmarkReport) -> str:
    """Return each restorer's mean PSNR, in a line."""
    rows = made.summary.means
    found = {
        row.restorer: row.value.mean
        for row in rows
        if (row.metric, row.category) == ("psnr", "all")
    }
    return ", ".join(f"{name} {mean:.1f}" for name, mean in found.items()) + " dB"
