"""Make the embedded vision-language model again, from a folder of clean photographs.

    python -m scripts.embedded_vlm simulate PHOTOS --work WORK
    python -m scripts.embedded_vlm tower --work WORK
    python -m scripts.embedded_vlm language --work WORK --out ggt_hf/sample/vlm
    python -m scripts.embedded_vlm evaluate HELD_OUT --fresh FRESH --real PHOTOS_CSV

Each step can be killed and started again. The folders of photographs must share none. It needs
``pip install -e '.[simulate,vlm]'``.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path


def main() -> None:
    """Run one step."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import torch

    torch.set_num_threads(arguments.threads)
    {"simulate": _simulate, "tower": _tower, "language": _language, "evaluate": _evaluate}[
        arguments.step
    ](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.embedded_vlm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = parser.add_subparsers(dest="step", required=True)
    simulate = steps.add_parser("simulate", help="make labelled pictures")
    simulate.add_argument("photos", type=Path)
    simulate.add_argument("--count", type=int, default=14_000)
    simulate.add_argument("--plain", type=int, default=4780, help="so many are not varied")
    tower = steps.add_parser("tower", help="train the vision tower")
    tower.add_argument("--pictures", type=int, default=100_000, help="shown to it")
    language = steps.add_parser("language", help="train the language model on the tower")
    language.add_argument("--looks", type=int, default=1)
    language.add_argument("--epochs", type=int, default=5)
    evaluate = steps.add_parser("evaluate", help="measure it, and write its card")
    evaluate.add_argument("photos", type=Path, help="photographs held out of the training")
    evaluate.add_argument("--fresh", type=Path, required=True, help="more, not measured on before")
    evaluate.add_argument("--real", type=Path, required=True, help="CSV of degraded photographs")
    evaluate.add_argument("--count", type=int, default=360, help="simulated from each")
    for step in (simulate, tower, language):
        step.add_argument("--work", type=Path, required=True, help="folder of everything between")
    for step in (tower, language):
        step.add_argument("--start", type=Path, help="a model that is taught further")
    for step in (language, evaluate):
        step.add_argument("--out", type=Path, default=Path("ggt_hf/sample/vlm"))
    for step in (simulate, tower, language, evaluate):
        step.add_argument("--seed", type=int, default=1)
        step.add_argument("--threads", type=int, default=1)
    return parser


def _simulate(arguments: argparse.Namespace) -> None:
    from scripts.embedded_vlm.simulation import write_training_set

    for index in write_training_set(
        arguments.photos,
        arguments.work / "train",
        count=arguments.count,
        plain=arguments.plain,
        seed=arguments.seed,
    ):
        if index % 200 == 0:
            logging.info("%d of %d pictures", index, arguments.count)


def _tower(arguments: argparse.Namespace) -> None:
    from scripts.embedded_vlm.tower import train_tower

    train_tower(
        arguments.work / "train",
        arguments.work / "tower.pt",
        pictures=arguments.pictures,
        seed=arguments.seed,
        start=arguments.start,
    )


def _language(arguments: argparse.Namespace) -> None:
    from scripts.embedded_vlm.language import train_language
    from scripts.embedded_vlm.tower import trained_tower

    train_language(
        trained_tower(arguments.work / "tower.pt"),
        arguments.work / "train",
        arguments.out,
        looks=arguments.looks,
        epochs=arguments.epochs,
        seed=arguments.seed,
        start=arguments.start,
    )


def _evaluate(arguments: argparse.Namespace) -> None:
    from ggt_hf.vlm import RULES, load
    from scripts.embedded_vlm.card import write_card
    from scripts.embedded_vlm.evaluation import evaluate_real, evaluate_simulated

    models = {
        "embedded": load(str(arguments.out), dtype="float32", batch_size=8),
        "rules": load(RULES),
    }
    results = {
        name: evaluate_simulated(models, photos, count=arguments.count, seed=1000 + arguments.seed)
        for name, photos in (("simulated", arguments.photos), ("fresh", arguments.fresh))
    }
    results["real"] = evaluate_real(models, arguments.real)
    write_card(arguments.out, results)


if __name__ == "__main__":
    main()
