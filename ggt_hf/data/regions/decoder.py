"""JPEG bytes into an array, by libjpeg-turbo, outside of Python's global lock."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from ggt_hf.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray


_KEPT_BYTES = 16 << 20
"""What a thread keeps to decode into: memory that is in use already costs no page faults."""


class _Scratch(threading.local):
    pixels: bytearray = bytearray()


_scratch = _Scratch()


def decode_for_now(
    jpeg: bytes | bytearray | memoryview, width: int, height: int
) -> tuple[NDArray[np.uint8], str]:
    """Decode a picture of the given size into memory that the next call in this thread overwrites.

    Returns:
        RGB, ``uint8``, ``(height, width, 3)``, and the decoder's first remark, empty = none.

    Raises:
        MissingExtraError: simplejpeg is not installed.
    """
    num_bytes = width * height * 3
    memory = _scratch.pixels
    if len(memory) < num_bytes:
        memory = bytearray(num_bytes)
        if num_bytes <= _KEPT_BYTES:
            _scratch.pixels = memory
    remark = ""
    try:
        _decoder()(jpeg, colorspace="RGB", buffer=memory)
    except ValueError as error:
        remark = str(error)
    pixels = np.frombuffer(memory, np.uint8, num_bytes).reshape(height, width, 3)
    return pixels, remark


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
