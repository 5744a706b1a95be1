"""The one image convention, and the one place where encoded bytes become pixels.

Encoded pictures are JPEG, PNG or WebP. Decoded pictures are RGB, ``uint8``, ``(H, W, 3)``,
turned upright by their EXIF orientation, as the `Image` feature of `datasets` turns them.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ggt_hf.errors import ImageError
from ggt_hf.records import IMAGE_FORMATS, ImageFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

MAX_PIXELS = 89_478_485
"""Pixels a picture may have: Pillow's own bomb limit, above which stock readers warn or stop."""

_FORMATS: dict[str, ImageFormat] = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp"}
_ORIENTATION_TAG = 0x0112
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEEP = ("I", "F")
"""Pillow's modes of more than 8 bits; their conversion to RGB clips."""
_CORRUPT = (
    *(OSError, ValueError, SyntaxError, IndexError, EOFError, TypeError, AssertionError),
    struct.error,
)
"""What Pillow raises on corrupt data: a ``TypeError`` where text stands for EXIF, an
``AssertionError`` where a palette is missing."""
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageInfo:
    """What the header of an encoded picture says."""

    format: ImageFormat
    """The encoding."""
    width: int
    """Pixels across, upright."""
    height: int
    """Pixels down, upright."""
    mode: str
    """Pillow's name of the pixel layout: ``RGB``, ``L``, ``CMYK``, ..."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 = upright as stored."""


def inspect(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Read the header of an encoded picture; no pixel is decoded.

    Args:
        data: the encoded picture.
        name: what to call it in an error.
        max_pixels: the largest allowed width x height.

    Raises:
        ImageError: empty, not JPEG, PNG or WebP, without a readable header, too large, or of more
            than 8 bits of grey.
    """
    with _opened(data, name, max_pixels) as image, _clear_decoding(name):
        return _info(image, data)


def decode(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture wholly, upright.

    Returns:
        RGB, ``uint8``, ``(H, W, 3)``, C-contiguous.

    Raises:
        ImageError: as `inspect`, or the pixel data is truncated or corrupt.
    """
    import numpy as np
    from PIL import ImageOps

    with _opened(data, name, max_pixels) as image, _clear_decoding(name):
        # In place, and converted only where it must be: each copy costs a tenth of the time.
        ImageOps.exif_transpose(image, in_place=True)
        rgb = image if image.mode == "RGB" else image.convert("RGB")
        return cast("NDArray[np.uint8]", np.array(rgb, dtype=np.uint8))


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, RGB ``uint8`` ``(H, W, 3)``, as PNG: nothing is lost."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def decoder() -> str:
    """Return what decodes here, and its versions: other ones may give other pixels."""
    import PIL
    from PIL import features

    parts = {"libjpeg-turbo": "libjpeg_turbo", "zlib": "zlib", "libwebp": "webp"}
    versions = (f"{name} {features.version(part)}" for name, part in parts.items())
    return ", ".join([f"Pillow {PIL.__version__}", *versions])


def luminance(data: bytes, name: str, side: int) -> NDArray[np.uint8]:
    """Decode a picture to a small square of luminance, upright, whatever its aspect.

    A JPEG is decoded at the least scale that still covers the square, which is many times faster.

    Returns:
        ``uint8``, ``(side, side)``.

    Raises:
        ImageError: as `decode`.
    """
    import numpy as np
    from PIL import Image, ImageOps

    with _opened(data, name, MAX_PIXELS) as image, _clear_decoding(name):
        image.draft("L", (2 * side, 2 * side))
        image.load()
        upright = ImageOps.exif_transpose(image).convert("L")
        small = upright.resize((side, side), Image.Resampling.BOX)
        return np.asarray(small)


def verify(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Decode every pixel and throw them away: the header's facts, proven.

    Raises:
        ImageError: as `decode`.
    """
    with _opened(data, name, max_pixels) as image, _clear_decoding(name):
        image.load()
        return _info(image, data)


@contextmanager
def _opened(data: bytes, name: str, max_pixels: int) -> Iterator[Image.Image]:
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ImageError(f"{name} is empty (0 bytes).", hint="Fetch or export the picture again.")
    with warnings.catch_warnings():
        # Our own limit speaks below, with the file's name.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data))
        except Image.DecompressionBombError as error:
            raise _too_large(name, max_pixels) from error
        except UnidentifiedImageError as error:
            raise _not_a_picture(name, "its header is of no known kind") from error
        except (OSError, ValueError, SyntaxError) as error:
            raise _broken(name, error) from error
    with image:
        if image.format not in _FORMATS:
            raise _not_a_picture(name, f"it is {image.format}")
        if image.width * image.height > max_pixels:
            raise _too_large(name, max_pixels)
        if image.mode.startswith(_DEEP):
            raise ImageError(
                f"{name} is grey with more than 8 bits a pixel, which readers would clip to white.",
                hint="Bring it to 8 bits, for example with `magick IN.png -depth 8 OUT.png`.",
            )
        yield image


@contextmanager
def _clear_decoding(name: str) -> Iterator[None]:
    # What decoders raise on corrupt data; MemoryError and KeyboardInterrupt pass through.
    try:
        yield
    except _CORRUPT as error:
        raise _broken(name, error) from error


def _info(image: Image.Image, data: bytes) -> ImageInfo:
    orientation = _orientation(image, data)
    width, height = image.size
    if orientation in _TURNED:
        width, height = height, width
    return ImageInfo(
        format=_FORMATS[str(image.format)],
        width=width,
        height=height,
        mode=image.mode,
        orientation=orientation,
    )


def _orientation(image: Image.Image, data: bytes) -> int:
    from PIL import Image

    # A PNG may say it after its pixels, so Pillow would decode them all to be told; here that
    # happens only where something does stand after them.
    late = image.format == "PNG" and _goes_on_after_pixels(data)
    exif = image.getexif() if late else Image.Image.getexif(image)
    value = exif.get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _goes_on_after_pixels(png: bytes) -> bool:
    """Say whether more than its end follows a PNG's pixels, or may, where the file is cut off.

    Nothing does where there are no pixels: of a seekable PNG, all the rest may stand alone.
    """
    position, kind, is_late = len(_PNG_SIGNATURE), b"", False
    while position + 8 <= len(png):
        last, kind = kind, png[position + 4 : position + 8]
        if kind == b"IEND":
            return is_late
        is_late |= last == b"IDAT" and kind != b"IDAT"
        position += 12 + int.from_bytes(png[position : position + 4], "big")
    return True


def _broken(name: str, error: Exception) -> ImageError:
    return ImageError(
        f"{name} cannot be decoded: {str(error) or 'a part of it is missing'}.",
        hint="It is truncated or corrupt; fetch or export the picture again.",
    )


def _not_a_picture(name: str, cause: str) -> ImageError:
    kinds = ", ".join(kind.upper() for kind in IMAGE_FORMATS)
    return ImageError(
        f"{name} is not a picture this format stores ({cause}).",
        hint=f"Convert it to one of {kinds} (PNG loses nothing), or drop it if it is no picture.",
    )


def _too_large(name: str, max_pixels: int) -> ImageError:
    return ImageError(
        f"{name} declares more than {max_pixels:,} pixels; it may be a decompression bomb.",
        hint="Crop or tile the picture, or drop it.",
    )
