"""A rectangle of a JPEG by libjpeg-turbo 3, where there is one.

What lies around the rectangle is read over, what lies below not even read: only the rectangle
becomes pixels. simplejpeg carries the same decoder without this ability, so the library itself is
called: the copy inside the wheel ``pylibjxl``, which lets others call it and comes with
``ggt-hf[stream]`` where it is built (Linux, x86-64), or else the system's ``libturbojpeg`` (from
libjpeg-turbo.org, conda, Homebrew, newer Linux systems). Where both are absent, or older than 3.0,
nothing but speed is lost.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WHEEL, _CARRIED = "pylibjxl", "_pylibjxl*.so"
"""A package that carries the library, and the file in it; the package itself is never imported."""
_NAMES = (
    "libturbojpeg.so.0",
    f"{sys.prefix}/lib/libturbojpeg.so.0",
    "/opt/libjpeg-turbo/lib64/libturbojpeg.so.0",
    f"{sys.prefix}/lib/libturbojpeg.0.dylib",
    "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.0.dylib",
    "/usr/local/opt/jpeg-turbo/lib/libturbojpeg.0.dylib",
)
_DECOMPRESS, _RGB = 1, 0
"""TJINIT_DECOMPRESS and TJPF_RGB."""


class _Rectangle(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int) for name in ("x", "y", "w", "h"))


_POINTER, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_SIGNATURES = {
    "tj3Init": (_POINTER, (_INT,)),
    "tj3Destroy": (None, (_POINTER,)),
    "tj3SetCroppingRegion": (_INT, (_POINTER, _Rectangle)),
    "tj3DecompressHeader": (_INT, (_POINTER, ctypes.c_char_p, _SIZE)),
    "tj3Decompress8": (_INT, (_POINTER, ctypes.c_char_p, _SIZE, _POINTER, _INT, _INT)),
    "tj3GetErrorStr": (ctypes.c_char_p, (_POINTER,)),
}


@cache
def library() -> ctypes.CDLL | None:
    """Return libjpeg-turbo 3 or later; ``None`` where there is none."""
    for name in (*_carried(), *_NAMES):
        try:
            found = ctypes.CDLL(name)
            functions = [getattr(found, function) for function in _SIGNATURES]
        except (OSError, AttributeError):
            continue
        for function, (result, arguments) in zip(functions, _SIGNATURES.values(), strict=True):
            function.restype, function.argtypes = result, arguments
        return found
    return None


def _carried() -> Iterator[str]:
    spec = find_spec(_WHEEL)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from map(str, sorted(Path(folder).glob(_CARRIED)))


def decode_rectangle(jpeg: bytes, x: int, y: int, out: NDArray[np.uint8]) -> str:
    """Decode the rectangle at (x, y) of a JPEG into `out`, outside of Python's global lock.

    Args:
        jpeg: the picture.
        x: left edge, a multiple of the width of an MCU.
        y: top edge.
        out: RGB, ``uint8``, ``(height, width, 3)``, C-contiguous.

    Returns:
        The decoder's first remark, empty = none. After a remark `out` may hold anything.
    """
    turbo = library()
    if turbo is None:
        return "there is no libjpeg-turbo 3"
    height, width, _ = out.shape
    # Anew each time, in microseconds: it would remember tables, and what was wrong with a picture.
    handle = turbo.tj3Init(_DECOMPRESS)
    try:
        failed = (
            turbo.tj3DecompressHeader(handle, jpeg, len(jpeg))
            or turbo.tj3SetCroppingRegion(handle, _Rectangle(x, y, width, height))
            or turbo.tj3Decompress8(handle, jpeg, len(jpeg), out.ctypes.data, out.strides[0], _RGB)
        )
        return (turbo.tj3GetErrorStr(handle).decode(errors="replace") or "?") if failed else ""
    finally:
        turbo.tj3Destroy(handle)
