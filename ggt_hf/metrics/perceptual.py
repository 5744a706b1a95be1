"""pyiqa's metrics behind one door, with their traps taken away.

- Some scores depend on what else is in the batch: pictures go in one by one.
- Some metrics change the tensor they are given: each gets one of its own.
- Some draw crops at random: the generators are set before each score, and put back after it.
- Some want sides of certain multiples and stop the program otherwise: pictures are cropped.
- Loading writes to standard output, which is for data: it goes to stderr.
- Without weights the network is tried for a minute: here the missing file is named at once.
"""

from __future__ import annotations

import contextlib
import math
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import GgtError, MissingExtraError, ModelError
from ggt_hf.metrics import weights
from ggt_hf.metrics.table import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEED = 0


class PerceptualMetric:
    """One of pyiqa's metrics, loaded.

    Args:
        metric: its row of the table.
        device: ``"cpu"``, ``"cuda"``, ...

    Raises:
        MissingExtraError: pyiqa is not installed.
        ReadError: weights are missing and cannot be fetched.
        IntegrityError: weights are not the published ones.
        ModelError: pyiqa cannot load it.
    """

    def __init__(self, metric: Metric, device: str) -> None:
        if find_spec("pyiqa") is None:
            raise MissingExtraError.of("pyiqa", "metrics", f"The metric {metric.title}")
        if weights.offline():
            weights.refuse_missing(metric)
        weights.hashes(metric)  # before any of them is unpickled
        self.metric = metric
        self._device = device
        self._model = _loaded(metric, device)
        self.weights = weights.hashes(metric)
        """Name -> SHA-256 of each file that it loaded."""

    def score(self, picture: NDArray[np.uint8], reference: NDArray[np.uint8] | None) -> float:
        """Return the score of RGB ``uint8`` ``(H, W, 3)``.

        Raises:
            ModelError: the metric fails on this picture, or gives no number.
        """
        import torch

        given = [self._tensor(picture)]
        if self.metric.needs_reference and reference is not None:
            given.append(self._tensor(reference))
        devices = [self._device] if self._device.startswith("cuda") else []
        try:
            with torch.random.fork_rng(devices), torch.inference_mode():
                torch.manual_seed(_SEED)
                value = float(self._model(*given).reshape(()))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise self._failed(str(error) or type(error).__name__) from error
        if not math.isfinite(value):
            raise self._failed(f"it gave {value}")
        return value

    def _tensor(self, picture: NDArray[np.uint8]) -> Any:
        """Return a new tensor ``(1, 3, H, W)``, ``float32`` in [0, 1]."""
        import torch

        planes = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
        return planes.to(self._device).float() / 255

    def _failed(self, cause: str) -> ModelError:
        return ModelError(
            f"{self.metric.title} cannot score this picture: {cause}.",
            hint="Leave the metric out, or the picture.",
        )


def version() -> str:
    """Return what computes: pyiqa's and torch's versions."""
    from importlib.metadata import version

    return f"pyiqa {version('pyiqa')}, torch {version('torch')}"


def _loaded(metric: Metric, device: str) -> Any:
    options = {}
    for file in metric.weights:
        # A copy that a package carries is not where pyiqa would look.
        path = weights.found(file)
        if file.package and path is not None:
            options["pretrained_model_path"] = str(path)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import pyiqa

            model = pyiqa.create_metric(metric.pyiqa, device=device, **options)
    except Exception as error:  # pyiqa and what it imports raise anything
        raise _not_loaded(metric, error) from error
    return model.eval()


def _not_loaded(metric: Metric, error: Exception) -> GgtError:
    for file in metric.weights:
        if weights.found(file) is None:
            return weights.missing(metric, file)
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return ModelError(
        f"pyiqa cannot load {metric.title}: {first}",
        hint="Check that torch and torchvision fit each other; then try `import pyiqa`.",
    )
