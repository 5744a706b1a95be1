"""Restorers by name, for whoever compares them: our models, and a classical method.

A method has a name, an identity (all that its results depend on, as JSON values) and is opened to
a function from picture to picture: RGB, ``uint8``, ``(H, W, 3)``, both ways and of one size.
"""

from __future__ import annotations

import hashlib
import inspect
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import HubError, MissingExtraError, ReadError, UsageError
from ggt_hf.restoration.embedded import EMBEDDED, embedded_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLASSICAL = "classical"
"""The method that needs no model."""

_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
_CONFIGS = ("model_index.json", "config.json", "*_config.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Classical:
    """Non-local means, then contrast-limited equalisation of lightness (OpenCV).

    What could be done before networks, in one setting for all pictures: less noise, more contrast.
    """

    name: str = CLASSICAL
    h: float = 3.0
    """Strength of the denoising, in grey levels."""
    clip: float = 1.0
    """Limit of the equalisation; larger = more contrast."""

    def identity(self) -> Mapping[str, Any]:
        """Return settings and OpenCV's version."""
        cv2 = _opencv()
        return {
            "kind": CLASSICAL,
            "h": self.h,
            "clip": self.clip,
            "code": f"opencv {cv2.__version__}",
        }

    def output(self, task: str, case: object) -> None:
        """Return that every output has to be made."""

    def open(self) -> Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]:
        """Return the function."""
        if multiprocessing.parent_process() is not None:
            _opencv().setNumThreads(1)  # its pool would fight with those of other workers
        return partial(_equalised, h=self.h, clip=self.clip)


def _equalised(
    picture: NDArray[np.uint8], seed: int, *, h: float, clip: float
) -> NDArray[np.uint8]:
    import cv2

    calm = cv2.fastNlMeansDenoisingColored(picture, None, h, h, 5, 15)
    lab = cv2.cvtColor(calm, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clip, (8, 8)).apply(lab[..., 0])
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)  # type: ignore[return-value]


def _opencv() -> Any:
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("cv2", "qc", "The classical restorer") from error
    return cv2


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A restorer that `ggt_hf.restoration.loading` loads."""

    name: str
    place: str
    """``embedded``, a folder, or ``ORG/NAME``."""
    revision: str | None = None
    """Commit, tag or branch on the Hub."""
    device: str | None = None
    """Where it computes; a GPU where there is one, unless given."""
    token: str | None = field(default=None, repr=False)
    """Of the Hub."""

    def identity(self) -> Mapping[str, Any]:
        """Return the SHA-256 of its weights and configurations, and what computes.

        Raises:
            ReadError: it cannot be fetched.
            HubError: there is no such repository.
        """
        import torch

        folder = self.folder()
        return {
            "kind": "model",
            "weights": file_hashes(folder, _WEIGHTS),
            "configs": file_hashes(folder, _CONFIGS),
            "code": f"ggt_hf.restoration, torch {torch.__version__}",
            "device": self._device(),
        }

    def output(self, task: str, case: object) -> None:
        """Return that every output has to be made."""

    def open(self) -> Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]:
        """Load it, and return the function."""
        from ggt_hf.restoration.loading import load_restorer

        pipeline = load_restorer(self.folder(), device=self._device())
        pipeline.set_progress_bar_config(disable=True)
        seeded = "generator" in inspect.signature(pipeline.__call__).parameters
        return partial(_through, pipeline, seeded=seeded)

    def _device(self) -> str:
        import torch

        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")

    def folder(self) -> Path:
        """Return the folder of its files; from the Hub they are fetched first."""
        if self.place == EMBEDDED:
            return embedded_folder()
        if Path(self.place).is_dir():
            return Path(self.place)
        return _snapshot(self.place, self.revision, self.token)


def _through(
    pipeline: Any, picture: NDArray[np.uint8], seed: int, *, seeded: bool
) -> NDArray[np.uint8]:
    import numpy as np
    import torch
    from PIL import Image

    options: dict[str, Any] = {}
    if seeded:
        options["generator"] = torch.Generator("cpu").manual_seed(seed)
    made = pipeline(Image.fromarray(picture), **options).images[0]
    return np.asarray(made.convert("RGB"))


def method_of(
    name: str, what: str, *, device: str | None = None, token: str | None = None
) -> Classical | Model:
    """Return the method that `what` names.

    That is ``classical``, ``embedded``, a model's folder, or ``ORG/NAME[@REVISION]``.

    Raises:
        UsageError: it is no folder, and no repository's name.
    """
    if what == CLASSICAL:
        return Classical(name=name)
    if what == EMBEDDED:
        return Model(name=name, place=EMBEDDED, device=device)
    if Path(what).is_dir():
        return Model(name=name, place=str(Path(what).resolve()), device=device)
    repo, _, revision = what.partition("@")
    if repo.count("/") != 1 or repo.startswith(("/", ".", "~")) or Path(what).exists():
        raise UsageError(
            f"There is no restorer {what!r}.",
            hint="Give input, classical, embedded, a model's folder, ORG/NAME, or outputs' folder.",
        )
    return Model(name=name, place=repo, revision=revision or None, device=device, token=token)


def file_hashes(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """Return path -> SHA-256 of the files below `folder` that fit a pattern, by path."""
    found = {}
    for path in sorted({path for pattern in patterns for path in folder.rglob(pattern)}):
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(
                file, "sha256"
            ).hexdigest()
    return found


def _snapshot(repo: str, revision: str | None, token: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                repo, revision=revision, token=token, ignore_patterns=["*.png", "*.jpg"]
            )
        )
    except HFValidationError as error:
        raise UsageError(
            f"There is no folder {repo}, and it is no model's name on the Hub either.",
            hint="Give a folder, or ORG/NAME.",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        at = f" at {revision}" if revision else ""
        raise HubError(
            f"The Hub has no model {repo}{at} for this token.",
            hint="Check the name; for a private one, run `hf auth login`.",
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ReadError(
            f"{repo} could not be fetched: {str(error).strip().splitlines()[0]}",
            hint="Check the network, and run the same command again.",
        ) from error
