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
    """Return the editor that needs no model: denoising, white balance, local contrast.

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
    settings = {
        "denoise": 4.0,
        "white_balance_percentile": 99.0,
        "contrast_clip": 1.5,
        "contrast_tiles": 8,
        "contrast_share": 0.5,
    }

    def restore(picture: NDArray[np.uint8], prompt: str, seed: int) -> NDArray[np.uint8]:
        return _classical(picture, settings)

    return FunctionEditor(
        restore,
        id="classical",
        revision=f"2-opencv{cv2.__version__}",
        settings=settings,
        num_parallel=2,
    )


def _classical(picture: NDArray[np.uint8], settings: Mapping[str, float]) -> NDArray[np.uint8]:
    import cv2
    import numpy as np

    calm = _calmed(picture, min(settings["denoise"], _noise(picture)))
    white = np.percentile(calm.reshape(-1, 3), settings["white_balance_percentile"], axis=0).clip(
        16
    )
    # Half of the way to a white that is grey: a sunset may be meant.
    gain = np.sqrt(white.mean() / white).astype(np.float32)
    lab = cv2.cvtColor((calm * gain / 255).clip(0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
    tiles = round(settings["contrast_tiles"])
    equalise = cv2.createCLAHE(settings["contrast_clip"], (tiles, tiles))
    # In 16 bits: stretched levels of 8 bits stand apart as contours.
    fine = (lab[..., 0] * (65_535 / 100)).astype(np.uint16)
    share = np.float32(settings["contrast_share"])
    lab[..., 0] += share * (equalise.apply(fine) * np.float32(100 / 65_535) - lab[..., 0])
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return np.asarray((rgb * 255 + 0.5).clip(0, 255), dtype=np.uint8)


def _calmed(picture: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    import cv2
    import numpy as np

    if strength < 1.0:  # a clean sky would only lose its grain, and show the steps of its levels
        return picture
    calm = cv2.fastNlMeansDenoisingColored(picture, None, strength, strength, 5, 15)
    return np.asarray(calm, np.uint8)


def _noise(picture: NDArray[np.uint8]) -> float:
    """Return the noise's standard deviation in levels, of white noise (Immerkaer, 1996)."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    # The median of absolute values, as edges are few and large.
    return float(np.median(np.abs(cv2.filter2D(grey, -1, mask))) / 0.6745 / 6)


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
