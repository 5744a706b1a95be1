"""What is done with one picture: read, restore (or find what was made), score, write down.

Every encoded picture is decoded once. A restored picture is kept as a PNG that says inside what
it was made of and by what, so that a killed run, or one with other metrics, never restores twice.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.engines import Unit
from ggt_hf.errors import AnswerError, ImageError, ModelError, UsageError
from ggt_hf.evaluation.cases import Case
from ggt_hf.evaluation.restorers import Restore, Restorer
from ggt_hf.images import decode
from ggt_hf.metrics.scorer import Scorer, cropped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MADE = "ggt-restored"
"""Name of the text inside a kept PNG."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One restorer on one task, as it travels to a worker."""

    task: str
    """The task's name."""
    multiple: int
    """Pictures are cropped to multiples of this."""
    simulate: bool
    """Whether low-quality pictures are made here, of the clean ones."""
    cases: Mapping[str, Case]
    """By key."""
    restorer: Restorer
    """Who restores."""
    identity: str
    """Names the restorer and its settings: 16 hexadecimal digits."""
    metrics: tuple[str, ...]
    """What is measured."""
    device: str | None
    """Where metrics compute."""
    out: Path | None
    """The run's folder, where restored pictures are kept; ``None`` = they are not."""


@dataclass(kw_only=True, slots=True)
class Bench:
    """What a worker holds: metrics, and the restorer from its first use on."""

    order: Order
    """What it was told."""
    scorer: Scorer
    """The metrics, tested."""
    _restore: Restore | None = field(default=None)

    @property
    def restore(self) -> Restore:
        """The restorer, loaded."""
        if self._restore is None:
            self._restore = self.order.restorer.open()
        return self._restore


def set_up(order: Order) -> Bench:
    """Return a worker's bench."""
    if multiprocessing.parent_process() is not None:
        # Many workers of one thread each; torch reads this when it is imported, which comes later.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    return Bench(order=order, scorer=Scorer(order.metrics, device=order.device))


def evaluate(bench: Bench, unit: Unit) -> dict[str, Any]:
    """Restore and score one picture; returns a row of JSON values."""
    order, seed = bench.order, int(unit.payload["seed"])
    case = order.cases[unit.key]
    output = order.restorer.output(order.task, case)
    gt = None if case.gt is None else read_picture(case.gt.read(), case.gt.name, order.multiple)
    if output is not None:
        made, seconds = read_picture(output.read(), output.name, order.multiple), None
        path = getattr(output, "path", None)
        kept = None if path is None else str(Path(path).resolve())
    else:
        lq = low_quality(case, gt, order, seed)
        made, seconds, kept = _restored(bench, case, lq, seed)
    started = time.perf_counter()
    try:
        scores = bench.scorer.score(made, gt)
    except (ModelError, UsageError) as error:  # of this picture: its size, or what a metric makes
        raise ImageError(error.message, hint=error.hint) from error
    return {
        "category": case.category,
        "width": made.shape[1],
        "height": made.shape[0],
        "seed": seed,
        "scores": scores,
        "output": kept,
        "output_sha256": pixels_sha256(made),
        "restore_seconds": seconds,
        "score_seconds": time.perf_counter() - started,
    }


def low_quality(
    case: Case, gt: NDArray[np.uint8] | None, order: Order, seed: int
) -> NDArray[np.uint8]:
    """Return the picture that the restorer is given: RGB, ``uint8``, ``(H, W, 3)``."""
    if order.simulate and gt is not None:
        return simulated(gt, case, seed)
    return read_picture(case.lq.read(), case.lq.name, order.multiple)


def simulated(gt: NDArray[np.uint8], case: Case, seed: int) -> NDArray[np.uint8]:
    """Return a clean picture degraded in the category of its case."""
    from ggt_hf.degradation import degrade

    return gt if case.category is None else degrade(gt, case.category, seed=seed).lq


def pixels_sha256(picture: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a picture's RGB bytes, row by row."""
    return hashlib.sha256(picture.tobytes()).hexdigest()


def _restored(
    bench: Bench, case: Case, lq: NDArray[np.uint8], seed: int
) -> tuple[NDArray[np.uint8], float, str | None]:
    """Return the restored picture, the seconds it took, and where in the run's folder it is."""
    order = bench.order
    made_of = {"identity": order.identity, "lq": pixels_sha256(lq), "seed": seed}
    inside = f"{order.task}/{order.restorer.name}/pictures/{case.key}.png"
    path = None if order.out is None else order.out / inside
    if path is not None and (kept := _kept(path, made_of)):
        return *kept, inside
    started = time.perf_counter()
    made = bench.restore(lq, seed)
    seconds = time.perf_counter() - started
    if made.shape != lq.shape or made.dtype != lq.dtype:
        raise AnswerError(
            f"{order.restorer.name} was given {lq.dtype} {lq.shape} and made {made.dtype} "
            f"{made.shape} of it.",
            hint="A restorer gives each picture back at its own size.",
        )
    if path is not None:
        _keep(path, made, made_of | {"seconds": seconds})
    return made, seconds, None if path is None else inside


def _kept(path: Path, made_of: Mapping[str, Any]) -> tuple[NDArray[np.uint8], float] | None:
    """Return a kept picture and the seconds it took, if it was made of this, by this."""
    if not path.exists():
        return None
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as image:
            said = json.loads(image.info.get(_MADE, "{}"))
            if {name: said.get(name) for name in made_of} != dict(made_of):
                return None
            return np.asarray(image.convert("RGB")), float(said["seconds"])
    except (OSError, ValueError, KeyError, SyntaxError):
        return None  # it is made again


def _keep(path: Path, picture: NDArray[np.uint8], said: Mapping[str, Any]) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text(_MADE, json.dumps(said))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    Image.fromarray(picture).save(partial, "PNG", pnginfo=text, compress_level=1)
    partial.replace(path)


def read_picture(data: bytes, name: str, multiple: int) -> NDArray[np.uint8]:
    """Decode a picture, cropped to sides that are multiples of `multiple`, top left kept."""
    import numpy as np

    whole = decode(data, name)
    return whole if multiple == 1 else np.ascontiguousarray(cropped(whole, multiple))
