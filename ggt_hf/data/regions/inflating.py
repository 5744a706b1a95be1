"""The library that inflates, and makes the checksums that go with it."""

from __future__ import annotations

import zlib
from functools import cache
from types import ModuleType


@cache
def inflater() -> ModuleType:
    """Return ISA-L where it is installed, else zlib: one interface, and three times the speed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib
