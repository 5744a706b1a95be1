"""Generative ground truth for real-world image restoration, on the Hugging Face stack.

Public names load lazily (PEP 562): ``import ggt_hf`` imports nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ggt_hf.version import __version__

if TYPE_CHECKING:
    "disable_bare_name",
    "enable_bare_name",
    "load_dataset",
    "read_overlay",
