"""A photograph's file: what a restorer sees of it, and what must not get lost on the way.

A restorer sees upright sRGB of 8 bits. Its result is written upright, with the EXIF data (less
the orientation, which is then done), the transparency as it was, and a colour profile that says
what the numbers mean.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.errors import ImageError
from ggt_hf.images import inspect
from ggt_hf.records import ImageFormat

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES: dict[ImageFormat, str] = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
"""Format -> how the name of a file of it ends."""

_SAVE: dict[ImageFormat, dict[str, object]] = {
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "quality": 95, "method": 4},
}
_MIN_SIDE = 16
"""Of what a pipeline takes, in pixels; `pipelines.pictures` says so too, and imports torch."""
_ORIENTATION_TAG = 0x0112
_PNG_DEPTH_AT = 24
"""Where a PNG's header says how many bits a channel has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Photograph:
    """A picture to be restored."""

    image: Image.Image
    """RGB, 8 bits, sRGB, upright."""
    format: ImageFormat
    """The encoding of its file."""
    alpha: Image.Image | None = None
    """Its transparency, of the same size; ``None`` where there is none."""
    exif: bytes | None = None
    """Its EXIF data, which no longer speak of an orientation."""
    profile: bytes | None = None
    """The colour profile of `image`, to be written with the result; ``None`` where the file had
    none."""


def read_photograph(path: Path) -> Photograph:
    """Read a photograph.

    Raises:
        ImageError: it cannot be read, is truncated or corrupt, no JPEG, PNG or WebP, tiny, moves,
            or has more than 8 bits a channel.
    """
    name = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{name} cannot be read: {error.strerror}.", hint="Check the path and its rights."
        ) from error
    info = inspect(data, name)
    if min(info.width, info.height) < _MIN_SIDE:
        raise ImageError(
            f"{name} is {info.width} x {info.height} pixels; restorers take at least "
            f"{_MIN_SIDE} each way.",
            hint="Leave it out.",
        )
    _refuse_deep(data, info.mode, name)
    return _opened(data, name, info.format)


def write_photograph(
    photograph: Photograph, restored: Image.Image, target: Path, form: ImageFormat
) -> None:
    """Write `restored` with all that belongs to `photograph`, whole or not at all.

    Raises:
        ImageError: the picture is transparent, and JPEG is not.
        OSError: it cannot be written.
    """
    refuse_lost_alpha(photograph, form, target)
    if photograph.alpha is not None:
        restored = restored.copy()
        restored.putalpha(photograph.alpha)
    kept = {"exif": photograph.exif, "icc_profile": photograph.profile}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    restored.save(partial, **_SAVE[form], **{key: value for key, value in kept.items() if value})  # type: ignore[arg-type]
    partial.replace(target)


def refuse_lost_alpha(photograph: Photograph, form: ImageFormat, target: Path) -> None:
    """Refuse to lose transparency.

    Raises:
        ImageError: the picture is transparent, and JPEG is not.
    """
    if photograph.alpha is not None and form == "jpeg":
        raise ImageError(
            f"{target} cannot be a JPEG: its picture has transparency, which JPEG loses.",
            hint="Give --format png or webp.",
        )


def _opened(data: bytes, name: str, form: ImageFormat) -> Photograph:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as image:
            if form != "jpeg" and getattr(image, "n_frames", 1) > 1:
                raise ImageError(f"{name} moves.", hint="Take its frames apart, or leave it out.")
            image.load()
            profile = image.info.get("icc_profile")
            upright = ImageOps.exif_transpose(image)
            exif = _exif(upright)
            alpha = (
                upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
            )
            rgb, tagged = _as_srgb(upright, profile, name)
    except (OSError, ValueError, SyntaxError, IndexError, EOFError) as error:
        raise ImageError(
            f"{name} cannot be decoded: {error}.",
            hint="It is truncated or corrupt; fetch or export the picture again.",
        ) from error
    return Photograph(image=rgb, format=form, alpha=alpha, exif=exif, profile=tagged)


def _exif(image: Image.Image) -> bytes | None:
    exif = image.getexif()
    exif.pop(_ORIENTATION_TAG, None)
    return exif.tobytes() if len(exif) else None


def _as_srgb(
    image: Image.Image, profile: bytes | None, name: str
) -> tuple[Image.Image, bytes | None]:
    """Return the picture in sRGB, and the profile to be written with it."""
    from PIL import ImageCms

    opaque = image.convert("RGBA").convert("RGB") if image.has_transparency_data else image
    if not profile:
        return opaque.convert("RGB"), None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opaque.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return opaque, profile
        kinds = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
        given = opaque.convert(kinds.get(source.profile.xcolor_space.strip(), "RGB"))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(given, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        raise ImageError(
            f"{name} has a colour profile that cannot be used: {error}.",
            hint="Convert it to sRGB, or remove the profile.",
        ) from error
    if converted is None:  # only an inplace conversion gives nothing back
        return opaque.convert("RGB"), None
    return converted, target.tobytes()


def _refuse_deep(data: bytes, mode: str, name: str) -> None:
    deep_png = data.startswith(b"\x89PNG") and data[_PNG_DEPTH_AT] == 16
    if deep_png or mode.startswith(("I", "F")):
        raise ImageError(
            f"{name} has 16 bits a channel; restorers work with 8, and would lose the rest.",
            hint="Convert it to 8 bits first, if that will do.",
        )
