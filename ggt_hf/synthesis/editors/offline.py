"""Editors without a model: outputs made elsewhere, classical filters, any function of yours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.data.format.schema import normalise_key
from ggt_hf.errors import EditorError, FormatError, MissingExtraError
from ggt_hf.synthesis.editors.editor import NoPictureError, Picture, to_png
from ggt_hf.synthesis.editors.grid import AnySize, Fit, Size, SizeRule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

Restore = Callable[["NDArray[np.uint8]", str, int], "NDArray[np.uint8]"]
"""(picture, prompt, seed) -> picture; pictures are RGB, ``uint8``, (H, W, 3)."""


class ReplayEditor:
    """Outputs that were made elsewhere: a folder of files named by the key of their source.

    An output of another size is taken for the whole picture, scaled.

    Raises:
        EditorError: the folder holds no picture, or two for one key.
    """

    price = 0.0
    redraws = False
    num_parallel = 2

    def __init__(self, folder: Path) -> None:
        self.id = f"replay:{folder.resolve().name}"
        self.settings: Mapping[str, Any] = {}
        self._files = _by_key(folder)
        listing = "".join(
            f"{key} {path.stat().st_size} {path.stat().st_mtime_ns}\n"
            for key, path in sorted(self._files.items())
        )
        self.revision = hashlib.sha256(listing.encode()).hexdigest()[:12]

    def fit(self, size: Size) -> Fit:
        """Return `size` itself: nothing is fed to anything."""
        return Fit.of(size, AnySize())

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the file of the picture's key, as it is."""
        path = self._files.get(picture.key)
        if path is None:
            raise NoPictureError("error", f"There is no output for {picture.key} in the folder.")
        return path.read_bytes()


class FunctionEditor:
    """Any function as an editor: a restorer of yours, a network, a filter.

    Args:
        restore: (picture, prompt, seed) -> picture, both RGB ``uint8`` (H, W, 3).
        id: its name.
        revision: its version.
        settings: its parameters, for the record.
        rule: the sizes it takes; any by default.
        redraws: whether another seed gives another picture.
    """

    price = 0.0

    def __init__(
        self,
        restore: Restore,
        *,
        id: str,
        revision: str,
        settings: Mapping[str, Any] | None = None,
        rule: SizeRule | None = None,
        redraws: bool = False,
        num_parallel: int = 1,
    ) -> None:
        self.id, self.revision = id, revision
        self.settings: Mapping[str, Any] = dict(settings or {})
        self.redraws, self.num_parallel = redraws, num_parallel
        self._restore = restore
        self._rule = rule or AnySize()

    def fit(self, size: Size) -> Fit:
        """Return how a picture of `size` is fed."""
        return Fit.of(size, self._rule)

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the function's picture as PNG."""
        import numpy as np
        from PIL import Image

        fed = np.asarray(self.fit(picture.size).to_model(picture.image))
        try:
            restored = self._restore(fed, prompt, seed)
            return to_png(Image.fromarray(restored))
        except Exception as error:
            # It is anybody's function: whatever it raises on one picture, others may be well.
            said = f"{type(error).__name__}: {error}"
            raise NoPictureError("error", f"{self.id} failed on {picture.key} ({said}).") from error


def classical_editor() -> FunctionEditor:
    """Return the editor that needs no model: `filters.restore`.

    It is what it is called: classical filters, for trying the way out offline. It removes no rain.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError.of(
            "opencv-python-headless", "simulate", "The classical editor"
        ) from error
    from ggt_hf.synthesis.editors.filters import SETTINGS, restore

    return FunctionEditor(
        lambda picture, prompt, seed: restore(picture),
        id="classical",
        revision=f"2-opencv{cv2.__version__}",
        settings=SETTINGS,
        num_parallel=2,
    )


def _by_key(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            key = normalise_key(path.stem)
        except FormatError as error:
            raise EditorError(error.message, hint=error.hint) from error
        if key in files:
            raise EditorError(
                f"{files[key].name} and {path.name} are both outputs for {key}.",
                hint="Leave one in the folder.",
            )
        files[key] = path
    if not files:
        raise EditorError(
            f"There is no picture in {folder}.", hint="Give a folder of outputs named by key."
        )
    return files
