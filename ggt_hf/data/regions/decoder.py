"""Encoded bytes into an array by the fastest decoders there are; which ones changes no pixel.

JPEGs go through libjpeg-turbo (simplejpeg), outside of Python's global lock. PNGs go through
kornia-rs where it is installed, which holds the lock, and else through Pillow.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from ggt_hf import images
from ggt_hf.data.regions.scratch import Scratch
from ggt_hf.data.regions.turbojpeg import decode_rectangle
from ggt_hf.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ggt_hf.data.regions.region import Region


_PNG_MODES = {1: "mono", 3: "rgb", 4: "rgba"}
_scratch = Scratch()


def decode_for_now(
    jpeg: bytes | bytearray | memoryview, width: int, height: int
) -> tuple[NDArray[np.uint8], str]:
    """Decode a picture of the given size into memory that the next call in this thread overwrites.

    Returns:
        RGB, ``uint8``, ``(height, width, 3)``, and the decoder's first remark, empty = none.

    Raises:
        MissingExtraError: simplejpeg is not installed.
    """
    memory, remark = _scratch.take(width * height * 3), ""
    try:
        _decoder()(jpeg, colorspace="RGB", buffer=memory)
    except ValueError as error:
        remark = str(error)
    return memory.reshape(height, width, 3), remark


def decode_rectangle_for_now(jpeg: bytes, rectangle: Region) -> tuple[NDArray[np.uint8], str]:
    """Decode a rectangle as `decode_for_now` does a picture; `turbojpeg.library` has to be there.

    Args:
        jpeg: the picture.
        rectangle: of the stored picture; it starts at the left edge of an MCU.
    """
    width, height = rectangle.width, rectangle.height
    pixels = _scratch.take(width * height * 3).reshape(height, width, 3)
    return pixels, decode_rectangle(jpeg, rectangle.x, rectangle.y, pixels)


def decode_png(png: bytes, width: int, height: int, channels: int) -> NDArray[np.uint8] | None:
    """Decode a PNG of 8 bits without metadata.

    Args:
        png: the picture.
        width: pixels across.
        height: pixels down.
        channels: what a pixel has: 1 = grey, 3 = RGB, 4 = RGBA.

    Returns:
        RGB, ``uint8``, ``(height, width, 3)``; ``None`` if it cannot be decoded.
    """
    decode = _png_decoder()
    try:
        if decode is None:
            return images.decode(png, "it")
        pixels = np.asarray(decode(png, (height, width), _PNG_MODES[channels]))
    except Exception:  # kornia-rs raises no narrower one; the full decoder will say what is wrong
        return None
    return pixels[:, :, :3] if channels != 1 else pixels.repeat(3, axis=2)


class _Decoder(Protocol):
    def __call__(
        self, data: bytes | bytearray | memoryview, *, colorspace: str, buffer: object = None
    ) -> NDArray[np.uint8]: ...


@cache
def _decoder() -> _Decoder:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingExtraError.of("simplejpeg", "stream", "Decoding JPEG regions") from error
    return cast("_Decoder", simplejpeg.decode_jpeg)


@cache
def _png_decoder() -> Callable[[bytes, tuple[int, int], str], NDArray[np.uint8]] | None:
    try:
        from kornia_rs.io import decode_image_png_u8
    except ImportError:
        return None
    return cast("Callable[[bytes, tuple[int, int], str], NDArray[np.uint8]]", decode_image_png_u8)
