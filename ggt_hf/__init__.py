"""Generative ground truth for real-world image restoration, on the Hugging Face stack.

Public names load lazily (PEP 562): ``import ggt_hf`` imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ggt_hf.version import __version__

if TYPE_CHECKING:
    from ggt_hf.data.building.build import build_dataset
    from ggt_hf.data.loading.bare_name_hook import disable_bare_name, enable_bare_name
    from ggt_hf.data.loading.load import load_dataset
    from ggt_hf.data.reading.overlay_file import read_overlay
    from ggt_hf.data.reading.overlays import Overlay
    from ggt_hf.data.reading.reader import open_dataset
    from ggt_hf.data.reading.store import PairStore
    from ggt_hf.data.validation import validate
    from ggt_hf.hub.push import PushReport, push_dataset
    from ggt_hf.records import DEGRADATIONS, Pair, PairInfo, Provenance

_HOME = {
    "DEGRADATIONS": "ggt_hf.records",
    "Overlay": "ggt_hf.data.reading.overlays",
    "Pair": "ggt_hf.records",
    "PairInfo": "ggt_hf.records",
    "PairStore": "ggt_hf.data.reading.store",
    "Provenance": "ggt_hf.records",
    "PushReport": "ggt_hf.hub.push",
    "build_dataset": "ggt_hf.data.building.build",
    "disable_bare_name": "ggt_hf.data.loading.bare_name_hook",
    "enable_bare_name": "ggt_hf.data.loading.bare_name_hook",
    "load_dataset": "ggt_hf.data.loading.load",
    "open_dataset": "ggt_hf.data.reading.reader",
    "push_dataset": "ggt_hf.hub.push",
    "read_overlay": "ggt_hf.data.reading.overlay_file",
    "validate": "ggt_hf.data.validation",
}
"""Public name -> the module that defines it."""

__all__ = [
    "DEGRADATIONS",
    "Overlay",
    "Pair",
    "PairInfo",
    "PairStore",
    "Provenance",
    "PushReport",
    "__version__",
    "build_dataset",
    "disable_bare_name",
    "enable_bare_name",
    "load_dataset",
    "open_dataset",
    "push_dataset",
    "read_overlay",
    "validate",
]


def __getattr__(name: str) -> Any:
    try:
        module = import_module(_HOME[name])
    except KeyError:
        raise AttributeError(f"module 'ggt_hf' has no attribute {name!r}") from None
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
