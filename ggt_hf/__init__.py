"""Generative ground truth for real-world image restoration, on the Hugging Face stack.

Public names load lazily (PEP 562): ``import ggt_hf`` imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ggt_hf.version import __version__

if TYPE_CHECKING:
    from ggt_hf.data.build import build_dataset
    from ggt_hf.records import DEGRADATIONS, Pair, PairInfo, Provenance

_HOME = {
    "DEGRADATIONS": "ggt_hf.records",
    "Pair": "ggt_hf.records",
    "PairInfo": "ggt_hf.records",
    "Provenance": "ggt_hf.records",
    "build_dataset": "ggt_hf.data.build",
}
"""Public name -> the module that defines it."""

__all__ = [
    "DEGRADATIONS",
    "Pair",
    "PairInfo",
    "Provenance",
    "__version__",
    "build_dataset",
]


def __getattr__(name: str) -> Any:
    try:
        module = import_module(_HOME[name])
    except KeyError:
        raise AttributeError(f"module 'ggt_hf' has no attribute {name!r}") from None
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
