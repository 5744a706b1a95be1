"""Three editors with two kinds of prompts, ranked on the sample, with raters who do not exist.

    python -m benchmarks.ranking [--out DIR] [--judge rules]

The editors are those that run anywhere: classical filters, the embedded restorer, and outputs that
were made elsewhere and are replayed: OpenCV's filters, the same for every picture (fixed), or
chosen by the category that the observer sees (adaptive). The first two read no prompt, so that
their pictures are the same for both kinds. The panel's preferences are given here, and have to
come back; they say nothing of the pictures. Three of its fifteen raters do not look.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.evaluation.cases import list_cases
from ggt_hf.evaluation.judging import JudgeChoice
from ggt_hf.evaluation.ranking.bradley_terry import fit
from ggt_hf.evaluation.ranking.contestants import contestants_of
from ggt_hf.evaluation.ranking.page import write_ranking
from ggt_hf.evaluation.ranking.panel import Manner, SimulatedRater, simulate_panel
from ggt_hf.evaluation.ranking.rank import RankOptions, rank
from ggt_hf.evaluation.ranking.study import read_study
from ggt_hf.evaluation.ranking.tables import to_markdown
from ggt_hf.evaluation.ranking.votes import outcomes_of, wins_of
from ggt_hf.evaluation.run import Settings
from ggt_hf.evaluation.task import task_of
from ggt_hf.images import decode, encode_png
from ggt_hf.restoration.editor import open_editor
from ggt_hf.synthesis.prompters import PrompterChoice
from ggt_hf.vlm.rules import observe_by_rules

TASKS = ("sample", "sample-real")

LIKED = {
    "embedded.fixed": 1.0,
    "opencv.adaptive": 0.4,
    "classical.fixed": -0.2,
    "opencv.fixed": -1.2,
}
"""What the panel prefers, in log odds: given, not found."""

MANNERS: list[Manner] = ["careful"] * 12 + ["random", "left", "random"]

Pixels = NDArray[np.uint8]


def brightened(picture: Pixels) -> Pixels:
    return np.asarray(255 * (picture / 255) ** 0.6, np.uint8)


def equalised(picture: Pixels) -> Pixels:
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def calmed(picture: Pixels) -> Pixels:
    return np.asarray(cv2.fastNlMeansDenoisingColored(picture, None, 6, 6, 5, 15))


BY_CATEGORY = {"low_light": brightened, "haze": equalised, "old_photo": equalised}


def make_outputs(out: Path) -> None:
    """Write what OpenCV makes of both tasks' pictures, as an editor elsewhere would."""
    for kind in ("fixed", "adaptive"):
        (out / kind).mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        for case in list_cases(task_of(task)):
            lq = decode(case.lq.read(), case.key)
            chosen = BY_CATEGORY.get(observe_by_rules(lq).category, calmed)
            for kind, edit in (("fixed", calmed), ("adaptive", chosen)):
                path = out / kind / f"{case.key}.png"
                if not path.exists():  # a file written anew is another output
                    path.write_bytes(encode_png(edit(lq)))


def run(out: Path, judge: str) -> None:
    make_outputs(out / "opencv")
    editors = ["classical", "embedded", f"opencv=replay:{out / 'opencv'}"]
    contestants = contestants_of(editors, ("fixed", "adaptive"), open_editor)
    options = RankOptions(
        fidelity=task_of(TASKS[0]),
        perceptual=task_of(TASKS[1]),
        metrics=("psnr_y", "ssim_y", "piqe"),
        judge=JudgeChoice(name=judge),
        observer=PrompterChoice(model="rules"),
        settings=Settings(quiet=True),
    )
    folder = out / "ranking"
    rank(contestants, folder, options)
    raters = [
        SimulatedRater(name=f"rater-{number:02d}", strengths=LIKED, manner=manner)
        for number, manner in enumerate(MANNERS)
    ]
    if not (folder / "votes").exists():
        simulate_panel(raters, read_study(folder).versions, folder)
    found = rank(contestants, folder, options)
    print(to_markdown(found))
    names = list(LIKED)
    strengths = fit(wins_of(outcomes_of(found.poll.votes, names), len(names)))
    print("| contestant | given | found, with standard error |\n|---|---|---|")
    for name, value, error in zip(names, strengths.values, strengths.deviations, strict=True):
        print(f"| {name} | {LIKED[name]:+.2f} | {value:+.2f} ± {error:.2f} |")
    print("\n| rater | manner | verdict |\n|---|---|---|")
    for rater, manner in zip(found.poll.raters, MANNERS, strict=True):
        print(f"| {rater.name} | {manner} | {rater.says} |")
    print(f"\n{write_ranking(found)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judge", default="rules", help="as for ggt rank")
    parser.add_argument("--out", type=Path, help="keep everything here, and go on there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run((given.out or Path(temporary)).absolute(), given.judge)


if __name__ == "__main__":
    main()
