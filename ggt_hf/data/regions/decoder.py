"""JPEG bytes into an array, by libjpeg-turbo, outside of Python's global lock."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from ggt_hf.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def decode_into(jpeg: bytes | bytearray, pixels: NDArray[np.uint8]) -> str:
    """Decode into `pixels`, RGB, ``(H, W, 3)``; return the decoder's first remark, empty = none.

    Raises:
        MissingExtraError: simplejpeg is not installed.
    """
    try:
        _decoder()(jpeg, colorspace="RGB", buffer=pixels)
    except ValueError as error:
        return str(error)
    return ""


class _Decoder(Protocol):
    def __call__(
        self, data: bytes | bytearray, *, colorspace: str, buffer: object = None
    ) -> NDArray[np.uint8]: ...


@cache
def _decoder() -> _Decoder:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingExtraError.of("simplejpeg", "stream", "Decoding JPEG regions") from error
    return cast("_Decoder", simplejpeg.decode_jpeg)
