"""What an editor is, what it may answer, and how its answer comes onto the grid of its input."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

from ggt_hf.errors import GgtError, ImageError
from ggt_hf.images import ImageInfo, decode, inspect
from ggt_hf.synthesis.editors.grid import Fit, Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Outcome = Literal["made", "refused", "text_only", "blank", "unchanged", "wrong_size", "error"]
"""How an answered call ended.

- ``made``: a picture that may be judged;
- ``refused``: the editor's makers do not allow it (safety, policy);
- ``text_only``: words, no picture;
- ``blank``: a picture of one colour, as some editors return instead of refusing;
- ``unchanged``: the input again;
- ``wrong_size``: a picture of another aspect ratio, so nobody knows what part it shows;
- ``error``: anything else, such as bytes that are no picture.
"""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

BLANK_LEVELS = 2.0
"""Below this standard deviation (of 255 levels) in each channel a picture is blank."""
UNCHANGED_LEVELS = 1.5
"""Below this mean absolute difference (of 255 levels) a picture is its input, re-encoded. Ours,
and low on purpose: quality control looks closer."""


class NoPictureError(GgtError):
    """An editor answered, but not with a usable picture.

    Args:
        outcome: how the call ended.
        message: what was answered, naming the picture.
        paid: whether the answer is counted as paid.
    """

    def __init__(self, outcome: Outcome, message: str, *, paid: bool = True) -> None:
        super().__init__(message, hint="Try another seed, prompt or editor.")
        self.outcome = outcome
        self.paid = paid


class NotAnsweredError(GgtError):
    """A call that was surely not carried out, so that nothing was paid: it may be repeated.

    Args:
        message: what happened.
        retry_after: seconds to wait, as the service asked; ``None`` = it did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message, hint="Run the same command again later.")
        self.retry_after = retry_after


class LostAnswerError(GgtError):
    """A call whose answer never came: it may have been carried out, and paid."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Ask again with --retry-unknown; it may be paid twice.")


@dataclass(frozen=True)
class Picture:
    """An encoded low-quality picture, decoded when somebody looks.

    Raises:
        ImageError: on the first look, where it is no complete picture.
    """

    key: str
    """Key of its source."""
    data: bytes = field(repr=False)
    """The encoded bytes."""

    @cached_property
    def info(self) -> ImageInfo:
        """What its header says."""
        return inspect(self.data, self.key)

    @property
    def size(self) -> Size:
        """Width and height, upright."""
        return self.info.width, self.info.height

    @cached_property
    def image(self) -> Image.Image:
        """Its pixels: RGB, upright."""
        from PIL import Image

        return Image.fromarray(decode(self.data, self.key))

    @cached_property
    def sha256(self) -> str:
        """Of the encoded bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


@runtime_checkable
class NeedsPackage(Protocol):
    """An editor whose package is imported when it is asked for the first picture."""

    def require(self) -> None:
        """Raise `MissingExtraError` where that package is not installed."""
        ...


class Editor(Protocol):
    """Something that answers a degraded picture and a prompt with a cleaner picture."""

    @property
    def id(self) -> str:
        """Model id, or name of the method."""
        ...

    @property
    def revision(self) -> str:
        """Commit, or version: the same id and revision mean the same editor."""
        ...

    @property
    def settings(self) -> Mapping[str, object]:
        """Every parameter that shapes an answer, but prompt and seed; JSON can hold it."""
        ...

    @property
    def price(self) -> float | None:
        """US dollars an answer; 0 = made here, ``None`` = nobody said."""
        ...

    @property
    def redraws(self) -> bool:
        """Whether another seed may give another answer."""
        ...

    @property
    def num_parallel(self) -> int:
        """How many calls it takes at a time, if the user does not say."""
        ...

    def fit(self, size: Size) -> Fit:
        """Return how a picture of `size` is fed."""
        ...

    def ask(self, picture: Picture, prompt: str, seed: int) -> bytes:
        """Return the encoded answer, on the canvas of `fit`.

        Raises:
            NoPictureError: answered, without a picture.
            NotAnsweredError: not carried out.
            LostAnswerError: perhaps carried out.
            EditorError: it will refuse every call.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A target on the grid of its input, and how it came there."""

    gt: bytes
    """The encoded target, of the width and height of the input."""
    fed: Size
    """Width and height really fed to the model."""
    fed_sha256: str
    """Of the fed picture's RGB bytes, in hexadecimal."""
    regridded: bool
    """Whether pixels were resampled, cropped or re-encoded; if not, `gt` is the answer itself."""


def edit(editor: Editor, picture: Picture, prompt: str, seed: int = 0) -> Edit:
    """Ask an editor once, and bring its answer home. No budget, no retry: see `synthesize`.

    Raises:
        GgtError: as `Editor.ask` and `settle`.
    """
    fit = editor.fit(picture.size)
    return settle(picture, fit, editor.ask(picture, prompt, seed))


def settle(picture: Picture, fit: Fit, answer: bytes) -> Edit:
    """Bring an answer onto the grid of its input; where it lies there already, keep its bytes.

    Raises:
        NoPictureError: blank, unchanged, of the wrong size, or no picture at all.
    """
    import numpy as np
    from PIL import Image

    try:
        answered = Image.fromarray(decode(answer, f"The answer for {picture.key}"))
    except ImageError as error:
        raise NoPictureError("error", error.message) from error
    if not fit.matches(answered.size):
        raise NoPictureError(
            "wrong_size",
            f"{picture.key} was fed as {_by(fit.fed)} and answered as {_by(answered.size)}.",
        )
    home = fit.returned_untouched(answered.size)
    target = answered if home else fit.from_model(answered)
    _look(picture, np.asarray(target))
    fed = np.asarray(fit.to_model(picture.image))
    return Edit(
        gt=answer if home else to_png(target),
        fed=fit.fed,
        fed_sha256=hashlib.sha256(fed.tobytes()).hexdigest(),
        regridded=not home,
    )


def to_png(image: Image.Image) -> bytes:
    """Return a picture as PNG: nothing is lost."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def fed_bytes(picture: Picture, fit: Fit) -> tuple[bytes, str]:
    """Return what to upload, encoded, and its media type: the file itself where it will do."""
    info = picture.info
    if fit.untouched and info.orientation == 1 and info.mode == "RGB":
        return picture.data, f"image/{info.format}"
    return to_png(fit.to_model(picture.image)), "image/png"


def _look(picture: Picture, target: NDArray[np.uint8]) -> None:
    """Refuse a target that is blank or the input again."""
    import numpy as np

    if float(target.reshape(-1, 3).std(axis=0).max()) < BLANK_LEVELS:
        raise NoPictureError("blank", f"The answer for {picture.key} is one flat colour.")
    given = np.asarray(picture.image).astype(np.int16)
    if float(np.abs(target.astype(np.int16) - given).mean()) < UNCHANGED_LEVELS:
        raise NoPictureError("unchanged", f"The answer for {picture.key} is the input again.")


def _by(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
