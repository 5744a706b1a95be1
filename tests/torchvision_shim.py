"""Lets a torchvision built for CUDA be imported beside a torch built for the CPU.

The wheel's compiled part cannot be loaded there, so two operators stay undeclared and the import
fails, and with it every import of transformers. Declaring them is enough for image processors. It
is a matter of test machines: a user's matching torch and torchvision need nothing.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_declared: list[object] = []
"""Keeps the declarations alive: torch forgets them with their library object."""


class _BeforeTorchvision(MetaPathFinder):
    """Finds nothing itself; acts when torchvision is about to be imported, and only then."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare_operators()
        return None


def install() -> None:
    """Wait for the first import of torchvision; costs nothing where there is none."""
    sys.meta_path.insert(0, _BeforeTorchvision())


def _declare_operators() -> None:
    spec = PathFinder.find_spec("torchvision")
    if spec is None or spec.origin is None or _loads(Path(spec.origin).parent):
        return
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)


def _loads(folder: Path) -> bool:
    """Say whether the compiled part can be loaded: then everything is declared already."""
    for library in folder.glob("_C*.so"):
        try:
            ctypes.CDLL(str(library))
        except OSError:
            continue
        return True
    return False
