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
    from ggt_hf.data.streaming.foreign import RowPairs, SequentialPairs
    from ggt_hf.data.streaming.mixing import Mix
    from ggt_hf.data.streaming.pairs import open_pairs
    from ggt_hf.data.streaming.simulated import SimulatedPairs
    from ggt_hf.data.streaming.stream import PairStream
    from ggt_hf.data.streaming.transforms import RandomGeometry
    from ggt_hf.data.validation.validate import validate
    from ggt_hf.hub.push import PushReport, push_dataset
    from ggt_hf.records import DEGRADATIONS, Pair, PairInfo, Provenance

_HOME = {
    "DEGRADATIONS": "ggt_hf.records",
    "Mix": "ggt_hf.data.streaming.mixing",
    "Overlay": "ggt_hf.data.reading.overlays",
    "Pair": "ggt_hf.records",
    "PairInfo": "ggt_hf.records",
    "PairStore": "ggt_hf.data.reading.store",
    "PairStream": "ggt_hf.data.streaming.stream",
    "Provenance": "ggt_hf.records",
    "PushReport": "ggt_hf.hub.push",
    "RandomGeometry": "ggt_hf.data.streaming.transforms",
    "RowPairs": "ggt_hf.data.streaming.foreign",
    "SequentialPairs": "ggt_hf.data.streaming.foreign",
    "SimulatedPairs": "ggt_hf.data.streaming.simulated",
    "build_dataset": "ggt_hf.data.building.build",
    "disable_bare_name": "ggt_hf.data.loading.bare_name_hook",
    "enable_bare_name": "ggt_hf.data.loading.bare_name_hook",
    "load_dataset": "ggt_hf.data.loading.load",
    "open_dataset": "ggt_hf.data.reading.reader",
    "open_pairs": "ggt_hf.data.streaming.pairs",
    "push_dataset": "ggt_hf.hub.push",
    "read_overlay": "ggt_hf.data.reading.overlay_file",
    "validate": "ggt_hf.data.validation",
}
"""Public name -> the module that defines it."""

__all__ = [
    "DEGRADATIONS",
    "Mix",
    "Overlay",
    "Pair",
    "PairInfo",
    "PairStore",
    "PairStream",
    "Provenance",
    "PushReport",
    "RandomGeometry",
    "RowPairs",
    "SequentialPairs",
    "SimulatedPairs",
    "__version__",
    "build_dataset",
    "disable_bare_name",
    "enable_bare_name",
    "load_dataset",
    "open_dataset",
    "open_pairs",
    "push_dataset",
    "read_overlay",
    "validate",
]


_NEEDED = {
    "torch": ("stream", "Streaming into training"),
    "simplejpeg": ("stream", "Decoding JPEG regions"),
    "cv2": ("simulate", "Simulating degradations"),
}
"""Optional package -> the extra that brings it, and what it is needed for."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ggt_hf' has no attribute {name!r}")
    try:
        module = import_module(_HOME[name])
        if name == "PairStream":
            import_module("simplejpeg")  # asked for now, not at the first picture
    except ModuleNotFoundError as error:
        if error.name not in _NEEDED:
            raise
        from ggt_hf.errors import MissingExtraError

        raise MissingExtraError.of(error.name, *_NEEDED[error.name]) from error
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
